from zeptobarn.figures.dependence import draw_dependence, draw_tornado
from zeptobarn.joblog import keep_log
from zeptobarn.study import study_from_settings
from zeptobarn.tables import read_parquet
from zeptobarn.variation import dependence_slice

keep_log(snakemake.log[0])

study = study_from_settings(snakemake.config)
detector = snakemake.wildcards.detector
table, _ = read_parquet(snakemake.input[0], config_slice=dependence_slice(study, detector))
draw_dependence(study, detector, table, snakemake.output.dependence)
draw_tornado(study, detector, table, snakemake.output.tornado)
