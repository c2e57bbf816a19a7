from zeptobarn.figures.observed import draw_influences
from zeptobarn.study.loading import study_from_settings
from zeptobarn.summary.observed_table import EVENTS, NUISANCES, read_detail
from zeptobarn.support.joblog import keep_log

keep_log(snakemake.log[0])

study = study_from_settings(snakemake.config)
target, name = snakemake.wildcards.target, snakemake.params.interval
interaction, mass = study.place(snakemake.params.signal)
events, nuisances = (
    read_detail(study, target, interaction, mass, name, kind, file)
    for kind, file in ((EVENTS, snakemake.input.events), (NUISANCES, snakemake.input.nuisances))
)
signal = study.tested(interaction, mass)
draw_influences(study, target, signal, name, events, nuisances, snakemake.output)
