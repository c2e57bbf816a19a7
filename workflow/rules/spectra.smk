rule spectrum:
    """Compute or copy a recoil spectrum: a WIMP's, a given signal's, or a background's.

    Input: the file of a background or a given signal that has one.
    Output: energies (keV) and rates per kg, day and keV; also as a CSV, which nothing reads.
    Cost: a second.
    """

    # Of a file that the study brings along the content counts, in params, and not the age: those
    # of a fresh checkout are younger than results that are copied into it.
    input:
        lambda w: [
            ancient(settings["path"])
            for settings in [STUDY.spectra().get(w.spectrum, {})]
            if "path" in settings
        ]
        + [
            ancient(file)
            for name, file in STUDY.given_spectra().items()
            if name == w.spectrum
        ],
    output:
        spectrum=pattern(paths.SPECTRUM),
        csv=pattern(paths.SPECTRUM_CSV),
    log:
        log_of(paths.SPECTRUM),
    params:
        config=lambda w: spectrum_slice(STUDY, w.spectrum),
        code=code_of("spectrum.py"),
    script:
        "../scripts/spectrum.py"
