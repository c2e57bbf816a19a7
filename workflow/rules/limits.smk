rule limits:
    """Set every limit of a mass on a batch of datasets."""
    input:
        templates=lambda w: [
            STUDY.path(paths.TEMPLATE, detector=w.detector, source=source)
            for source in [
                paths.wimp_source(w.interaction, mass_of(w)),
                *(s.name for s in STUDY.detectors[w.detector].sources),
            ]
        ],
        events=pattern(paths.TOYS),
        truth=pattern(paths.TRUTH),
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
        code=code_digest(
            "config",
            "density",
            "detector",
            "fit",
            "intervals",
            "jit",
            "likelihood",
            "model",
            "paths",
            "response",
            "spectra",
            "streams",
            "study",
            "tables",
            "templates",
            "toys",
        ),
    script:
        "../scripts/limits.py"
