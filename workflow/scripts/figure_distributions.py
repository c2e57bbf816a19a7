from zeptobarn.figures.distributions import draw_limits
from zeptobarn.study.loading import study_from_settings
from zeptobarn.summary.summary import read_limits
from zeptobarn.support.joblog import keep_log

keep_log(snakemake.log[0])

study = study_from_settings(snakemake.config)
target, interaction = snakemake.wildcards.target, snakemake.wildcards.interaction
limits = (read_limits(study, target, interaction, mass) for mass in study.masses_GeV)
draw_limits(study, target, interaction, limits, snakemake.output)
