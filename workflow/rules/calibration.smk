rule calibration:
    """Calibrate the critical values of a mass with toys thrown at each signal.

    Input: the templates of the mass's model.
    Output: critical values against the signal, with their errors.
    Cost: ten seconds of one core with 22,000 toys; the longest step of the default study.
    """
    input:
        templates=model_templates,
    output:
        critical_values=pattern(paths.CALIBRATION),
    log:
        log_of(paths.CALIBRATION),
    benchmark:
        benchmark_of(paths.CALIBRATION)
    threads: 1
    resources:
        mem_mb=2000,
        runtime=120,
    params:
        config=lambda w: calibration_slice(STUDY, *model_place(w)),
        code=code_of("calibration.py"),
    script:
        "../scripts/calibration.py"
