"""Pictures of the given signals: their spectra, and the limits on them."""

SIGNALS_FIGURES = [
    file
    for name in ("signals", "spectra_signals")
    for file in figure(name)
    if STUDY.given_signals
]
# A given signal knows no halo.
SIGNALS_CLAIMS = labels.caption(STUDY, given=True)


rule figure_signals:
    """Draw the limits on all given signals with their bands."""
    input:
        summary=SIGNALS_SUMMARY[0],
    output:
        reported("signals", "signals", "Limits", result="limits on given signals"),
    log:
        log_of("figures/signals"),
    params:
        claims=SIGNALS_CLAIMS,
        config=[
            [STUDY.title(target) for target in STUDY.targets],
            [d.colour for d in STUDY.detectors.values()],
        ],
        code=code_of("figure_signals.py"),
    script:
        "../scripts/figure_signals.py"


rule figure_spectra_signals:
    """Draw the spectra of all given signals."""
    input:
        [STUDY.path(paths.SPECTRUM, spectrum=name) for name in STUDY.given_spectra()],
    output:
        reported(
            "spectra_signals",
            "spectra_signals",
            "Spectra and yields",
            result="spectra of given signals",
        ),
    log:
        log_of("figures/spectra_signals"),
    params:
        config=[
            [
                [signal.label, signal.colour, signal.unit]
                for signal in STUDY.given_signals
            ],
            [
                [d.title, d.colour, d.apparatus.response_cutoff_keV]
                for d in STUDY.detectors.values()
            ],
        ],
        code=code_of("figure_spectra_signals.py"),
    script:
        "../scripts/figure_spectra_signals.py"
