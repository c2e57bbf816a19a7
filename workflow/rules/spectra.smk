rule spectrum:
    """Compute or copy a recoil spectrum: a WIMP's, or a background's."""

    # Of a file that the study brings along the content counts, in params, and not the age: those
    # of a fresh checkout are younger than results that are copied into it.
    input:
        lambda w: [
            ancient(settings["path"])
            for settings in [STUDY.spectra().get(w.spectrum, {})]
            if "path" in settings
        ],
    output:
        pattern(paths.SPECTRUM),
    log:
        log_of(paths.SPECTRUM),
    params:
        config=lambda w: spectrum_slice(STUDY, w.spectrum),
        code=code_of("spectrum.py"),
    script:
        "../scripts/spectrum.py"
