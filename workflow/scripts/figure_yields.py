from zeptobarn.figures.yields import draw
from zeptobarn.joblog import keep_log
from zeptobarn.study import study_from_settings

keep_log(snakemake.log[0])

study = study_from_settings(snakemake.config)
draw(study, snakemake.wildcards.detector, snakemake.output)
