from zeptobarn.figures.statistic import draw
from zeptobarn.study.loading import study_from_settings
from zeptobarn.summary.dataset import first_dataset, read_models
from zeptobarn.summary.profiles import curve
from zeptobarn.support.joblog import keep_log

keep_log(snakemake.log[0])

study = study_from_settings(snakemake.config)
target, interaction = snakemake.wildcards.target, snakemake.wildcards.get("interaction")
models = read_models(
    study,
    target,
    study.places_of(interaction),
    snakemake.input.templates,
    snakemake.input.calibration,
)
dataset = first_dataset(study, target, snakemake.input.events, snakemake.input.truth)
curves = [curve(model, dataset, study.intervals[-1]) for model in models]
n_events = sum(len(toys.events) for toys in dataset.values())
shown = [c for c in curves if c is not None]
draw(study, target, shown, n_events, snakemake.output, given=interaction is None)
