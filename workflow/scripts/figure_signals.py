from zeptobarn.figures.signals import draw_limits
from zeptobarn.study.loading import study_from_settings
from zeptobarn.study.slices.summary import signals_summary_slice
from zeptobarn.support.joblog import keep_log
from zeptobarn.support.tables import read_parquet

keep_log(snakemake.log[0])

study = study_from_settings(snakemake.config)
table, _ = read_parquet(snakemake.input.summary, config_slice=signals_summary_slice(study))
draw_limits(study, table, snakemake.output)
