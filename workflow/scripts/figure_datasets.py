from zeptobarn.figures.datasets import draw, list_sources
from zeptobarn.study.loading import study_from_settings
from zeptobarn.study.variation import RATE_MULTIPLIERS
from zeptobarn.summary.dataset import first_dataset, throw_signal
from zeptobarn.support.joblog import keep_log
from zeptobarn.support.tables import write_csv
from zeptobarn.templates.templates import read_template

keep_log(snakemake.log[0])

study = study_from_settings(snakemake.config)
detector, shown_place = snakemake.wildcards.detector, study.place(snakemake.params.signal)
signal = study.tested(*shown_place).name
names = [source for _, source in study.model_sources(detector, *shown_place)]
templates = {
    name: read_template(study, detector, name, path)
    for name, path in zip(names, snakemake.input.templates, strict=True)
}
dataset = first_dataset(study, detector, snakemake.input.events, snakemake.input.truth)
events = dataset[detector].events
signals = {
    multiplier: throw_signal(study, detector, signal, templates[signal], multiplier)
    for multiplier in RATE_MULTIPLIERS
}
shown = (study, detector, signal, templates, events, signals)
write_csv(list_sources(*shown), snakemake.output.table)
draw(*shown, snakemake.output.figure)
