from zeptobarn.figures.distributions import draw_statistics
from zeptobarn.inference.load import read_model
from zeptobarn.study.loading import study_from_settings
from zeptobarn.summary.ensemble import fullest_interval, statistics
from zeptobarn.support.joblog import keep_log

keep_log(snakemake.log[0])

study = study_from_settings(snakemake.config)
target, interval = snakemake.wildcards.target, fullest_interval(study)
interaction, mass = study.place(snakemake.params.signal)
model = read_model(study, target, mass, interaction, snakemake.input)
table = statistics(
    model,
    interval,
    snakemake.params.expected_events,
    snakemake.params.toys,
    snakemake.threads,
)
draw_statistics(study, target, interval, model.tested, table, snakemake.output)
