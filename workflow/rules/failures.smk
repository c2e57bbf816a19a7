FAILURES_SUMMARY = [
    STUDY.path(paths.TABLE, table=table, suffix=suffix)
    for table in ("failures", "failures_law")
    for suffix in ("parquet", "csv", "html")
]
FAILURES_FIGURES = [
    file
    for name in ("law", "outcomes", "window", "brent", *scans.names(STUDY))
    for detector in STUDY.detectors
    for file in figure(f"failures_{name}_{detector}")
]


rule failures:
    """When limits fail, and why: `snakemake failures`."""
    input:
        failures_files,


rule failures_of_scan:
    """Set limits by the conventional recipe and by ours while one of its choices is scanned.

    Input: the templates of the backgrounds and of the scan's signals, and those signals' spectra.
    Output: a row per trial and setting.
    Cost: up to a minute.
    """
    input:
        templates=lambda w: [
            STUDY.path(paths.TEMPLATE, detector=w.detector, source=source)
            for source in [
                *scans.sources(STUDY, w.scan),
                *(s.name for s in STUDY.detectors[w.detector].sources),
            ]
        ],
        spectra=lambda w: [
            STUDY.path(paths.SPECTRUM, spectrum=source)
            for source in scans.sources(STUDY, w.scan)
        ],
    output:
        trials=pattern(paths.FAILURES),
    log:
        log_of(paths.FAILURES),
    benchmark:
        benchmark_of(paths.FAILURES)
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        config=lambda w: scans.failures_slice(STUDY, w.detector, w.scan),
        code=code_of("failures.py"),
    script:
        "../scripts/failures.py"


rule failures_summary:
    """Count the outcomes of all scans, beside the predicted shares.

    Input: the trials of all scans.
    Output: counts by setting and status, and the law of empty templates.
    Cost: 2 s.
    """
    input:
        [
            STUDY.path(paths.FAILURES, scan=scan, detector=detector)
            for scan in scans.names(STUDY)
            for detector in STUDY.detectors
        ],
    output:
        summary_parquet=FAILURES_SUMMARY[0],
        summary_csv=FAILURES_SUMMARY[1],
        law_parquet=FAILURES_SUMMARY[3],
        law_csv=FAILURES_SUMMARY[4],
    log:
        log_of("summary/failures"),
    params:
        config=scans.failures_summary_slice(STUDY),
        code=code_of("failures_summary.py"),
    script:
        "../scripts/failures_summary.py"


rule figure_failures:
    """Draw the law of empty templates, the window of confidence levels and the tables of failures."""
    input:
        summary=FAILURES_SUMMARY[0],
        law=FAILURES_SUMMARY[3],
        trials=pattern(paths.FAILURES).replace("{scan}", "n_events"),
    output:
        **{
            scan: reported(
                f"failures_{scan}_{{detector}}",
                f"failures_{scan}",
                "Failures",
                result=f"scan {scan.replace('_', ' ')}",
                detector="{detector}",
            )
            for scan in scans.names(STUDY)
        },
        law=reported(
            "failures_law_{detector}",
            "failures_law",
            "Failures",
            result="law of empty templates",
            detector="{detector}",
        ),
        outcomes=reported(
            "failures_outcomes_{detector}",
            "failures_outcomes",
            "Failures",
            result="limit or not",
            detector="{detector}",
        ),
        window=reported(
            "failures_window_{detector}",
            "failures_window",
            "Failures",
            result="window of confidence levels",
            detector="{detector}",
        ),
    log:
        log_of("figures/failures_{detector}"),
    params:
        config=scans.failures_summary_slice(STUDY),
        title=lambda w: STUDY.title(w.detector),
        method=STUDY.response_method,
        anchors=lambda w: len(STUDY.source_anchors(w.detector, STUDY.signals()[0])),
        held=", ".join(
            {
                labels.treatment(setting.interval)
                for scan in scans.names(STUDY)
                if scan == "leff_low"
                for setting in scans.settings(STUDY, scan)
                if setting.filled != "own"
            }
        ),
        recoils=scans.USUAL_EVENTS,
        bound=f"{scans.USUAL_BOUND:,.0f}",
        original_bound=f"{scans.ORIGINAL_BOUND:g}",
        code=code_of("figure_failures.py"),
    script:
        "../scripts/figure_failures.py"


rule figure_brent:
    """Draw Brent's method where it finds a limit, and where it cannot begin."""
    input:
        trials=pattern(paths.FAILURES).replace("{scan}", "bound"),
        templates=lambda w: [
            STUDY.path(paths.TEMPLATE, detector=w.detector, source=source)
            for source in [
                *scans.sources(STUDY, "bound"),
                *(s.name for s in STUDY.detectors[w.detector].sources),
            ]
        ],
    output:
        reported(
            "failures_brent_{detector}",
            "failures_brent",
            "Failures",
            result="Brent's method",
            detector="{detector}",
        ),
    log:
        log_of("figures/failures_brent_{detector}"),
    params:
        config=lambda w: scans.failures_slice(STUDY, w.detector, "bound"),
        code=code_of("figure_brent.py"),
    script:
        "../scripts/figure_brent.py"
