rule limits:
    """Set every limit of a mass on a batch of datasets.

    Input: the templates of the mass's model, the datasets with what was drawn, and the
        calibration if critical values are from toys.
    Output: a row per trial and interval: limit, its error, best fit, status.
    Cost: 3 s for 500 trials.
    """
    input:
        templates=model_templates,
        events=lambda w: toy_files(w, paths.TOYS, paths.TOYS_AT),
        truth=lambda w: toy_files(w, paths.TRUTH, paths.TRUTH_AT),
        calibration=lambda w: (
            [STUDY.model_path(paths.CALIBRATION, *model_place(w))]
            if STUDY.critical_values == "toys"
            else []
        ),
    output:
        limits=pattern(paths.LIMITS),
    log:
        log_of(paths.LIMITS),
    benchmark:
        benchmark_of(paths.LIMITS)
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        config=lambda w: batch_limits_slice(*model_place(w)),
        code=code_of("limits.py"),
    script:
        "../scripts/limits.py"
