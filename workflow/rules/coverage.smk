COVERAGE_MASSES = [m for m in STUDY.coverage.masses_GeV if m in STUDY.masses_GeV]


rule coverage:
    """Everything about coverage: `snakemake coverage`."""
    input:
        [
            figure(f"coverage_{target}_{interaction}")
            for target in STUDY.targets
            for interaction in STUDY.interactions
        ],


rule coverage_of_mass:
    """Measure how often the intervals of a mass hold the true cross section.

    Input: the templates of the mass's model, and its calibration.
    Output: share of intervals that hold the truth, by signal.
    Cost: as a calibration, for each true signal.
    """
    input:
        templates=model_templates,
        calibration=pattern(paths.CALIBRATION),
    output:
        coverage=pattern(paths.COVERAGE),
    log:
        log_of(paths.COVERAGE),
    benchmark:
        benchmark_of(paths.COVERAGE)
    threads: 1
    resources:
        mem_mb=2000,
        runtime=120,
    params:
        config=lambda w: coverage_slice(STUDY, *model_place(w)),
        code=code_of("coverage.py"),
    script:
        "../scripts/coverage.py"


rule figure_coverage:
    """Draw the coverage of a detector's intervals against the true signal."""
    input:
        lambda w: [
            STUDY.model_path(paths.COVERAGE, w.target, w.interaction, mass)
            for mass in COVERAGE_MASSES
        ],
    output:
        reported(
            "coverage_{target}_{interaction}",
            "coverage",
            "Coverage",
            result="coverage",
            detector="{target}",
            interaction="{interaction}",
        ),
    log:
        log_of("figures/coverage_{target}_{interaction}"),
    params:
        claims=labels.list_intervals(STUDY),
        config=lambda w: [STUDY.title(w.target), STUDY.confidence_level],
        code=code_of("figure_coverage.py"),
    script:
        "../scripts/figure_coverage.py"
