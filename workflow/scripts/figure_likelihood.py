from zeptobarn.figures.likelihood import draw
from zeptobarn.study.loading import study_from_settings
from zeptobarn.summary.dataset import first_dataset, read_models
from zeptobarn.summary.profiles import likelihood_map
from zeptobarn.support.joblog import keep_log

keep_log(snakemake.log[0])

study = study_from_settings(snakemake.config)
target = snakemake.wildcards.target
models = read_models(
    study,
    target,
    [study.place(path) for path in snakemake.params.signals],
    snakemake.input.templates,
)
dataset = first_dataset(study, target, snakemake.input.events, snakemake.input.truth)
maps = [likelihood_map(model, dataset) for model in models]
draw(study, target, [m for m in maps if m is not None], snakemake.output)
