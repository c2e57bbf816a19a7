from zeptobarn.figures.yields import draw
from zeptobarn.study.loading import study_from_settings
from zeptobarn.support.joblog import keep_log

keep_log(snakemake.log[0])

study = study_from_settings(snakemake.config)
draw(study, snakemake.wildcards.detector, snakemake.output)
