from zeptobarn.figures.dependence import draw_dependence, draw_tornado
from zeptobarn.study.loading import study_from_settings
from zeptobarn.study.variation import dependence_slice
from zeptobarn.support.joblog import keep_log
from zeptobarn.support.tables import read_parquet

keep_log(snakemake.log[0])

study = study_from_settings(snakemake.config)
detector = snakemake.wildcards.detector
table, _ = read_parquet(snakemake.input.limits, config_slice=dependence_slice(study, detector))
draw_dependence(study, detector, table, snakemake.output.dependence)
draw_tornado(study, detector, table, snakemake.output.tornado)
