rule calibration:
    """Calibrate the critical values of a mass with toys thrown at each signal."""
    input:
        model_templates,
    output:
        pattern(paths.CALIBRATION),
    log:
        log_of(paths.CALIBRATION),
    threads: 1
    resources:
        mem_mb=2000,
        runtime=120,
    params:
        config=lambda w: calibration_slice(STUDY, w.detector, w.interaction, mass_of(w)),
        code=code_of("calibration.py"),
    script:
        "../scripts/calibration.py"
