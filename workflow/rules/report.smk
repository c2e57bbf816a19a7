# Too little for a cluster job.
localrules:
    table,


# Tables of the report: a result file's name; section, title and text of its page.
TABLES = {
    "limits": (
        "Limits",
        "Limits",
        "Median and bands of the intervals' upper ends over background-only datasets, and the "
        f"Asimov median and bands, which need no datasets. {CLAIMS} n_failed counts the trials "
        "without a limit, n_warnings those whose limit comes with a remark, n_all_signals_excluded "
        "those that exclude every signal that was tested; the table of outcomes says why.",
    ),
    "outcomes": (
        "Failures",
        "Outcomes of the trials",
        "What became of every trial. ok, background_rate_zero, rate_at_range_end, at_boundary, "
        "multiple_crossings and all_signals_excluded come with a limit, the other words do not; the message is that of "
        "the first such trial.",
    ),
    "signals": (
        "Limits",
        "Limits on given signals",
        "Median and bands of the intervals' upper ends over background-only datasets, and the "
        "Asimov median and bands, as multiples of the spectrum that was given: of its unit. "
        f"{SIGNALS_CLAIMS} n_failed counts the trials without a limit, n_warnings those whose limit "
        "comes with a remark.",
    ),
    "failures": (
        "Failures",
        "Outcomes of the failure study",
        "Trials of the conventional recipe (conventional), of zeptobarn with the same templates (robust) "
        "and with its own (precise) by setting and status. n_spurious: a number is reported where there "
        "is no limit; n_different: another number than the limit; predicted_fraction: the predicted share, of empty templates and of "
        "the recipe's no_crossing.",
    ),
    "failures_law": (
        "Failures",
        "The law of empty templates",
        "Measured shares of empty templates against the predicted ones, over the numbers of "
        "recoils of the scan n_events; nothing is fitted. Points with less than 5 expected are "
        "joined with their neighbours.",
    ),
}


rule pictures:
    """The study's other pictures: `snakemake pictures`."""
    input:
        [*DATASET_PICTURES, *DEPENDENCE_PICTURES, *SIGNAL_PICTURES],


rule outcomes:
    """Count what became of the trials.

    Input: all limits.
    Output: trials by status, with the first message.
    Cost: 2 s.
    """
    input:
        [STUDY.results / file for file in limit_files(STUDY)],
    output:
        outcomes=STUDY.path(paths.TABLE, table="outcomes", suffix="parquet"),
    log:
        log_of("summary/outcomes"),
    params:
        config=outcomes_slice(STUDY),
        code=code_of("outcomes.py"),
    script:
        "../scripts/outcomes.py"


rule table:
    """Write a result file as a table that sorts.

    Input: a result file.
    Output: a page for the report.
    Cost: a second.
    """
    input:
        table=STUDY.path(paths.TABLE, table="{table}", suffix="parquet"),
    output:
        page=report(
            str(STUDY.path(paths.TABLE, table="{table}", suffix="html")),
            caption="../report/table.rst",
            category=lambda w: TABLES[w.table][0],
            labels={"result": "table of {table}"},
        ),
    log:
        log_of("summary/table_{table}"),
    params:
        config=lambda w: TABLES[w.table][1:],
        code=code_of("table.py"),
    script:
        "../scripts/table.py"
