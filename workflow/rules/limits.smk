rule limits:
    """Set every limit of a mass on a batch of datasets."""
    input:
        templates=model_templates,
        events=lambda w: toy_files(w, paths.TOYS, paths.TOYS_AT),
        truth=lambda w: toy_files(w, paths.TRUTH, paths.TRUTH_AT),
        calibration=lambda w: (
            [paths.fill(pattern(paths.CALIBRATION), **model_place(w))]
            if STUDY.critical_values == "toys"
            else []
        ),
    output:
        pattern(paths.LIMITS),
    log:
        log_of(paths.LIMITS),
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        config=lambda w: limits_slice(STUDY, w.detector, w.interaction, mass_of(w)),
        code=code_of("limits.py"),
    script:
        "../scripts/limits.py"
