rule template:
    """Make a template, spectrum times response, a formula or a file: expected events at all anchors.

    Input: the source's spectra, and the response of each at all anchors; none of a formula; of a
        file that (its content counts, see the rule `spectrum`).
    Output: expected events and their variance per anchor and bin.
    Cost: a second.
    """
    input:
        spectrum=lambda w: spectrum_files(w.detector, w.source),
        file=lambda w: template_source(w.detector, w.source),
        responses=lambda w: [
            file
            for place in source_responses([(w.detector, w.source)])
            for file in response_files(*place)
        ],
    output:
        template=pattern(paths.TEMPLATE),
    log:
        log_of(paths.TEMPLATE),
    params:
        config=lambda w: template_slice(STUDY, w.detector, w.source),
        code=code_of("template.py"),
    script:
        "../scripts/template.py"
