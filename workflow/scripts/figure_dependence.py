from zeptobarn.figures.dependence import draw_dependence, draw_tornado
from zeptobarn.study.loading import study_from_settings
from zeptobarn.summary.dependence import read_dependence
from zeptobarn.support.joblog import keep_log

keep_log(snakemake.log[0])

study = study_from_settings(snakemake.config)
detector = snakemake.wildcards.detector
table = read_dependence(study, detector, snakemake.input.limits)
draw_dependence(study, detector, table, snakemake.output.dependence)
draw_tornado(study, detector, table, snakemake.output.tornado)
