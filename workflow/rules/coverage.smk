rule coverage:
    """Everything about coverage: `snakemake coverage`."""
    input:
        [
            figure(f"coverage_{target}_{interaction or 'signals'}")
            for target in STUDY.targets
            for interaction in [*STUDY.interactions, None]
            if STUDY.covered_places(interaction)
        ],


rule coverage_of_mass:
    """Measure how often the intervals of a mass, or of a given signal, hold the true rate.

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
            STUDY.model_path(paths.COVERAGE, w.target, *place)
            for place in STUDY.covered_places(w.get("interaction"))
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


use rule figure_coverage as figure_coverage_of_signals with:
    output:
        reported(
            "coverage_{target}_signals",
            "coverage_signals",
            "Coverage",
            result="coverage of given signals",
            detector="{target}",
        ),
    log:
        log_of("figures/coverage_{target}_signals"),
    params:
        claims=labels.list_intervals(STUDY, given=True),
        config=lambda w: [
            STUDY.title(w.target),
            STUDY.confidence_level,
            [signal.label for signal in STUDY.given_signals],
        ],
        code=code_of("figure_coverage.py"),
