from zeptobarn.failures.counts import read_summary
from zeptobarn.failures.scans import names
from zeptobarn.failures.trials import read_trials
from zeptobarn.figures.failure_tables import draw_tables
from zeptobarn.figures.failures import draw_law, draw_outcomes, draw_window
from zeptobarn.study.loading import study_from_settings
from zeptobarn.support.joblog import keep_log

keep_log(snakemake.log[0])

study = study_from_settings(snakemake.config)
detector = snakemake.wildcards.detector
summary, law = read_summary(study, snakemake.input.summary, snakemake.input.law)
trials = read_trials(study, detector, "n_events", snakemake.input.trials)
draw_law(study, detector, summary, law, snakemake.output.law)
draw_outcomes(study, detector, trials, snakemake.output.outcomes)
draw_window(study, detector, summary, snakemake.output.window)
tables = {scan: snakemake.output[scan] for scan in names(study)}
draw_tables(study, detector, summary, tables)
