from zeptobarn.figures.observed import draw_influences
from zeptobarn.study.loading import study_from_settings
from zeptobarn.summary.observed_table import EVENTS, NUISANCES, read_detail
from zeptobarn.support.joblog import keep_log

keep_log(snakemake.log[0])

study = study_from_settings(snakemake.config)
target, interaction = snakemake.wildcards.target, snakemake.wildcards.interaction
mass, name = snakemake.params.mass_GeV, snakemake.params.interval
events, nuisances = (
    read_detail(study, target, interaction, mass, name, kind, file)
    for kind, file in ((EVENTS, snakemake.input.events), (NUISANCES, snakemake.input.nuisances))
)
draw_influences(study, target, mass, name, events, nuisances, snakemake.output)
