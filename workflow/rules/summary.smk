SUMMARY = [STUDY.path(paths.SUMMARY, suffix=suffix) for suffix in ("parquet", "csv")]
SIGNALS_SUMMARY = [
    STUDY.path(paths.SIGNALS_SUMMARY, suffix=suffix) for suffix in ("parquet", "csv")
]


rule summary:
    """Take medians and bands over the trials.

    Input: all limits, and the Asimov limits.
    Output: a row per detector, mass and interval, as Parquet and CSV.
    Cost: 2 s.
    """
    input:
        limits=[STUDY.results / file for file in limit_files(STUDY)],
        sensitivity=[
            STUDY.path(paths.SENSITIVITY, target=target) for target in STUDY.targets
        ],
    output:
        parquet=SUMMARY[0],
        csv=SUMMARY[1],
    log:
        log_of("summary/limits"),
    params:
        config=summary_slice(STUDY),
        code=code_of("summary.py"),
    script:
        "../scripts/summary.py"


rule summary_of_signals:
    """Take medians and bands of the limits on given signals over the trials.

    Input: all limits on them, and their Asimov limits.
    Output: a row per detector, signal and interval, as Parquet and CSV.
    Cost: 2 s.
    """
    input:
        limits=[STUDY.results / file for file in signal_files(STUDY)],
        sensitivity=[
            STUDY.path(paths.SIGNALS_SENSITIVITY, target=target)
            for target in STUDY.targets
        ],
    output:
        parquet=SIGNALS_SUMMARY[0],
        csv=SIGNALS_SUMMARY[1],
    log:
        log_of("summary/signals"),
    params:
        config=signals_summary_slice(STUDY),
        code=code_of("summary_of_signals.py"),
    script:
        "../scripts/summary_of_signals.py"
