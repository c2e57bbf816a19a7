rule template:
    """Make a template, spectrum times response or a formula: expected events per bin, at all anchors.

    Input: the source's spectrum, and the responses of its recoil type, or its own, at all anchors; none of a
        formula.
    Output: expected events and their variance per anchor and bin.
    Cost: a second.
    """
    input:
        spectrum=lambda w: spectrum_files(w.detector, w.source),
        responses=lambda w: response_files(
            w.detector, STUDY.response(w.detector, w.source)
        ),
    output:
        template=pattern(paths.TEMPLATE),
    log:
        log_of(paths.TEMPLATE),
    params:
        config=lambda w: template_slice(STUDY, w.detector, w.source),
        code=code_of("template.py"),
    script:
        "../scripts/template.py"
