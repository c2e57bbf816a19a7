rule response:
    """Compute where recoils of each energy land in (cS1, cS2), at one anchor.

    Input: none; the detector's numbers are params.
    Output: probability and variance per energy bin and bin of the analysis space.
    Cost: 5 s by quadrature, minutes by simulation.
    """
    output:
        response=pattern(paths.RESPONSE),
    log:
        log_of(paths.RESPONSE),
    benchmark:
        benchmark_of(paths.RESPONSE)
    threads: 1
    resources:
        mem_mb=1500,
        runtime=60,
    params:
        config=lambda w: response_slice(STUDY, w.detector, w.recoil, w.anchor),
        code=code_of("response.py"),
    script:
        "../scripts/response.py"
