SUMMARY = [STUDY.path(paths.SUMMARY, suffix=suffix) for suffix in ("parquet", "csv")]


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
