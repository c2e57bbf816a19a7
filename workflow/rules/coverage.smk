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
    """Measure how often the intervals of a mass hold the true cross section."""
    input:
        templates=model_templates,
        calibration=pattern(paths.CALIBRATION),
    output:
        pattern(paths.COVERAGE),
    log:
        log_of(paths.COVERAGE),
    threads: 1
    resources:
        mem_mb=2000,
        runtime=120,
    params:
        config=lambda w: coverage_slice(STUDY, w.detector, w.interaction, mass_of(w)),
        code=code_of("coverage.py"),
    script:
        "../scripts/coverage.py"


rule figure_coverage:
    """Draw the coverage of a detector's intervals against the true signal."""
    input:
        lambda w: [
            STUDY.path(
                paths.COVERAGE,
                detector=w.detector,
                interaction=w.interaction,
                mass=paths.number(mass),
            )
            for mass in COVERAGE_MASSES
        ],
    output:
        reported(
            "coverage_{detector}_{interaction}",
            "coverage",
            "Coverage",
            result="coverage",
            detector="{detector}",
            interaction="{interaction}",
        ),
    log:
        log_of("figures/coverage_{detector}_{interaction}"),
    params:
        claims=labels.list_intervals(STUDY),
        config=lambda w: [STUDY.title(w.detector), STUDY.confidence_level],
        code=code_of("figure_coverage.py"),
    script:
        "../scripts/figure_coverage.py"
