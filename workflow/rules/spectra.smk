rule spectrum:
    """Compute or copy a recoil spectrum: a WIMP's, or a background's."""
    input:
        lambda w: STUDY.spectra().get(w.spectrum, {}).get("path", []),
    output:
        pattern(paths.SPECTRUM),
    log:
        log_of(paths.SPECTRUM),
    params:
        config=lambda w: spectrum_slice(STUDY, w.spectrum),
        code=code_of("spectrum.py"),
    script:
        "../scripts/spectrum.py"
