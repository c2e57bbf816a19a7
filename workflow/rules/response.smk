rule response:
    """Compute where recoils of each energy land in (cS1, cS2), at one anchor."""
    output:
        pattern(paths.RESPONSE),
    log:
        log_of(paths.RESPONSE),
    threads: 1
    resources:
        mem_mb=1500,
        runtime=60,
    params:
        config=lambda w: response_slice(STUDY, w.detector, w.recoil, w.anchor),
        code=code_of("response.py"),
    script:
        "../scripts/response.py"
