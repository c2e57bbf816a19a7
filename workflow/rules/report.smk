# Tables of the report: a result file's name; section, title and text of its page.
TABLES = {
    "limits": (
        "Limits",
        "Upper limits",
        "Median and bands of the upper limits over background-only datasets, and the Asimov "
        "median and bands, which need no datasets. n_failed counts the trials without a limit, "
        "n_warnings those whose limit comes with a remark; the table of outcomes says why.",
    ),
    "outcomes": (
        "Failures",
        "Outcomes of the trials",
        "What became of every trial. ok, at_boundary and multiple_crossings come with a limit, "
        "the other words do not; the message is that of the first such trial.",
    ),
}


rule outcomes:
    """Count what became of the trials."""
    input:
        [STUDY.results / file for file in limit_files(STUDY)],
    output:
        STUDY.path(paths.TABLE, table="outcomes", suffix="parquet"),
    log:
        log_of("summary/outcomes"),
    params:
        config=outcomes_slice(STUDY),
        code=code_digest(
            "config",
            "detector",
            "formulas",
            "paths",
            "report",
            "study",
            "summary",
            "tables",
        ),
    script:
        "../scripts/outcomes.py"


rule table:
    """Write a result file as a table that sorts."""
    input:
        STUDY.path(paths.TABLE, table="{table}", suffix="parquet"),
    output:
        report(
            str(STUDY.path(paths.TABLE, table="{table}", suffix="html")),
            caption="../report/table.rst",
            category=lambda w: TABLES[w.table][0],
            labels={"result": "table of {table}"},
        ),
    log:
        log_of("summary/table_{table}"),
    params:
        config=lambda w: TABLES[w.table][1:],
        code=code_digest(
            "config",
            "detector",
            "formulas",
            "paths",
            "report",
            "study",
            "summary",
            "tables",
        ),
    script:
        "../scripts/table.py"
