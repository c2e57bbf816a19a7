from zeptobarn.figures.observed_signals import draw_rows
from zeptobarn.study.loading import study_from_settings
from zeptobarn.summary.observed_table import read_observed
from zeptobarn.support.joblog import keep_log

keep_log(snakemake.log[0])

study = study_from_settings(snakemake.config)
target = snakemake.wildcards.target
table = read_observed(study, target, None, snakemake.input.table)
draw_rows(study, target, table, snakemake.output)
