from zeptobarn.figures.comparison import draw_comparison
from zeptobarn.inference.load import read_model
from zeptobarn.study.loading import study_from_settings
from zeptobarn.summary.reading import read_summary
from zeptobarn.support.joblog import keep_log

keep_log(snakemake.log[0])

study = study_from_settings(snakemake.config)
interaction, mass = snakemake.wildcards.interaction, study.nearest_mass(50)
files = iter(snakemake.input.templates)
templates = {}
for detector in study.detectors:
    n = len(study.model_sources(detector, interaction, mass))
    model = read_model(study, detector, mass, interaction, [next(files) for _ in range(n)])
    templates |= model.templates
draw_comparison(
    study,
    interaction,
    mass,
    templates,
    read_summary(study, snakemake.input.summary),
    snakemake.output,
)
