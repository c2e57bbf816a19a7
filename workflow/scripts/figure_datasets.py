from zeptobarn.figures.datasets import draw, list_sources
from zeptobarn.study.loading import study_from_settings
from zeptobarn.study.variation import RATE_MULTIPLIERS
from zeptobarn.summary.dataset import throw_signal
from zeptobarn.support import paths
from zeptobarn.support.joblog import keep_log
from zeptobarn.support.tables import write_csv
from zeptobarn.templates.templates import read_template
from zeptobarn.templates.toys import read_toys

keep_log(snakemake.log[0])

study = study_from_settings(snakemake.config)
detector, mass = snakemake.wildcards.detector, snakemake.params.mass_GeV
signal = paths.wimp_source(study.interactions[0], mass)
names = [source for _, source in study.model_sources(detector, study.interactions[0], mass)]
templates = {
    name: read_template(study, detector, name, path)
    for name, path in zip(names, snakemake.input.templates, strict=True)
}
toys = read_toys(study, detector, snakemake.input.events[0], snakemake.input.truth[0])
dataset = toys.events[toys.events["trial"] == toys.trials[0]]
signals = {
    multiplier: throw_signal(study, detector, signal, templates[signal], multiplier)
    for multiplier in RATE_MULTIPLIERS
}
shown = (study, detector, signal, templates, dataset, signals)
write_csv(list_sources(*shown), snakemake.output.table)
draw(*shown, snakemake.output.figure)
