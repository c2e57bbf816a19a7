from zeptobarn.figures.observed_events import draw_events
from zeptobarn.inference.load import read_model
from zeptobarn.study.loading import study_from_settings
from zeptobarn.summary.observed_table import EVENTS, read_detail
from zeptobarn.support.joblog import keep_log

keep_log(snakemake.log[0])

study = study_from_settings(snakemake.config)
target, name = snakemake.wildcards.target, snakemake.params.interval
interaction, mass = study.place(snakemake.params.signal)
model = read_model(study, target, mass, interaction, snakemake.input.templates)
events = read_detail(study, target, interaction, mass, name, EVENTS, snakemake.input.events)
draw_events(model, model.interval(name), events, snakemake.output)
