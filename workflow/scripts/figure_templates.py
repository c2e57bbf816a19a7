from zeptobarn.figures.templates import draw_bands, draw_templates
from zeptobarn.study.loading import study_from_settings
from zeptobarn.summary.dataset import first_dataset
from zeptobarn.support.joblog import keep_log
from zeptobarn.templates.templates import read_template

keep_log(snakemake.log[0])

study = study_from_settings(snakemake.config)
detector = snakemake.wildcards.detector
sources = [*(source.name for source in study.detectors[detector].sources), *study.signals()]
templates = {
    source: read_template(study, detector, source, path)
    for source, path in zip(sources, snakemake.input.templates, strict=True)
}
dataset = first_dataset(study, detector, [snakemake.input.events], [snakemake.input.truth])
events = dataset[detector].events
draw_templates(study, detector, templates, events, snakemake.output.templates)
draw_bands(study, detector, templates, events, snakemake.output.bands)
