SUMMARY = [STUDY.path(paths.SUMMARY, suffix=suffix) for suffix in ("parquet", "csv")]


rule summary:
    """Take medians and bands over the trials."""
    input:
        limits=[STUDY.results / file for file in limit_files(STUDY)],
        sensitivity=[
            STUDY.path(paths.SENSITIVITY, detector=target) for target in STUDY.targets
        ],
    output:
        SUMMARY,
    log:
        log_of("summary/limits"),
    params:
        config=summary_slice(STUDY),
        code=code_of("summary.py"),
    script:
        "../scripts/summary.py"
