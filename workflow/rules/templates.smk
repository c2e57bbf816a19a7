rule template:
    """Make a template, spectrum times response or a formula: expected events per bin, at all anchors."""
    input:
        spectrum=lambda w: spectrum_files(w.detector, w.source),
        responses=lambda w: response_files(
            w.detector, STUDY.recoil(w.detector, w.source)
        ),
    output:
        pattern(paths.TEMPLATE),
    log:
        log_of(paths.TEMPLATE),
    params:
        config=lambda w: template_slice(STUDY, w.detector, w.source),
        code=code_of("template.py"),
    script:
        "../scripts/template.py"
