from zeptobarn.figures.signals import draw_limits
from zeptobarn.study.loading import study_from_settings
from zeptobarn.summary.reading import read_signals_summary
from zeptobarn.support.joblog import keep_log

keep_log(snakemake.log[0])

study = study_from_settings(snakemake.config)
table = read_signals_summary(study, snakemake.input.summary)
draw_limits(study, table, snakemake.output)
