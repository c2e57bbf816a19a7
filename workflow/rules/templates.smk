rule template:
    """Fold a spectrum with the response: a source's expected events per bin, at all anchors."""
    input:
        spectrum=lambda w: STUDY.path(
            paths.SPECTRUM, spectrum=STUDY.spectrum_name(w.detector, w.source)
        ),
        responses=lambda w: [
            STUDY.path(
                paths.RESPONSE,
                detector=w.detector,
                recoil=STUDY.recoil(w.detector, w.source),
                anchor=anchor,
            )
            for anchor in STUDY.anchors(w.detector, STUDY.recoil(w.detector, w.source))
        ],
    output:
        pattern(paths.TEMPLATE),
    log:
        log_of(paths.TEMPLATE),
    params:
        config=lambda w: template_slice(STUDY, w.detector, w.source),
        code=code_digest(
            "config",
            "detector",
            "paths",
            "response",
            "spectra",
            "streams",
            "study",
            "tables",
            "templates",
        ),
    script:
        "../scripts/template.py"
