from zeptobarn import paths
from zeptobarn.joblog import keep_log
from zeptobarn.model import make_model, write_limits
from zeptobarn.study import study_from_settings
from zeptobarn.templates import read_template
from zeptobarn.toys import read_toys

keep_log(snakemake.log[0])

study = study_from_settings(snakemake.config)
detector, interaction = snakemake.wildcards.detector, snakemake.wildcards.interaction
mass = next(m for m in study.masses_GeV if paths.number(m) == snakemake.wildcards.mass)
sources = [
    paths.wimp_source(interaction, mass),
    *(source.name for source in study.detectors[detector].sources),
]
templates = {
    source: read_template(study, detector, source, path)
    for source, path in zip(sources, snakemake.input.templates, strict=True)
}
model = make_model(study, detector, mass, interaction, templates)
toys = read_toys(study, detector, snakemake.input.events, snakemake.input.truth)
write_limits(model, model.limits(toys, threads=snakemake.threads), snakemake.output[0])
