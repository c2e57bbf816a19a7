from zeptobarn.figures.distributions import draw_limits
from zeptobarn.study.loading import study_from_settings
from zeptobarn.summary.signal_medians import read_signal_limits
from zeptobarn.summary.summary import read_limits
from zeptobarn.support.joblog import keep_log

keep_log(snakemake.log[0])

study = study_from_settings(snakemake.config)
target, interaction = snakemake.wildcards.target, snakemake.wildcards.get("interaction")
limits = (
    read_signal_limits(study, target, name)
    if mass is None
    else read_limits(study, target, name, mass)
    for name, mass in study.places_of(interaction)
)
draw_limits(study, target, interaction, limits, snakemake.output)
