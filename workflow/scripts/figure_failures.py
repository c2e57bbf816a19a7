from zeptobarn.failures.scans import failures_summary_slice, names
from zeptobarn.failures.trials import read_trials
from zeptobarn.figures.failure_tables import draw_tables
from zeptobarn.figures.failures import draw_law, draw_outcomes, draw_window
from zeptobarn.study.loading import study_from_settings
from zeptobarn.support.joblog import keep_log
from zeptobarn.support.tables import read_parquet

keep_log(snakemake.log[0])

study = study_from_settings(snakemake.config)
detector = snakemake.wildcards.detector
expected = failures_summary_slice(study)
summary, _ = read_parquet(snakemake.input.summary, config_slice=expected)
law, _ = read_parquet(snakemake.input.law, config_slice=expected)
trials = read_trials(study, detector, "n_events", snakemake.input.trials)
draw_law(study, detector, summary, law, snakemake.output.law)
draw_outcomes(study, detector, trials, snakemake.output.outcomes)
draw_window(study, detector, summary, snakemake.output.window)
tables = {scan: snakemake.output[scan] for scan in names(study)}
draw_tables(study, detector, summary, tables)
