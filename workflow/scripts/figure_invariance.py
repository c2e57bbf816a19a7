from zeptobarn.figures.invariance import draw
from zeptobarn.study.loading import study_from_settings
from zeptobarn.summary.dataset import read_models
from zeptobarn.summary.invariance import N_DATASETS, limits_by_generator
from zeptobarn.support.joblog import keep_log

keep_log(snakemake.log[0])

study = study_from_settings(snakemake.config)
models = read_models(
    study,
    snakemake.wildcards.detector,
    study.places_of(study.interactions[0]),
    snakemake.input.templates,
    snakemake.input.calibration,
)
limits = limits_by_generator(models, range(1, N_DATASETS + 1))
draw(study, snakemake.wildcards.detector, limits, snakemake.output)
