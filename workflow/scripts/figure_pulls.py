from itertools import product

import pandas as pd

from zeptobarn.figures.distributions import draw_pulls
from zeptobarn.inference.load import read_model
from zeptobarn.study.loading import study_from_settings
from zeptobarn.study.slices.toys import toys_slice
from zeptobarn.summary.ensemble import fullest_interval, measured_and_fitted, pulls
from zeptobarn.summary.summary import read_limits
from zeptobarn.support.joblog import keep_log
from zeptobarn.support.tables import read_parquet

keep_log(snakemake.log[0])

study = study_from_settings(snakemake.config)
target, interaction = snakemake.wildcards.target, snakemake.wildcards.interaction
mass, interval = study.nearest_mass(50), fullest_interval(study)
model = read_model(study, target, mass, interaction, snakemake.input.templates)
limits = read_limits(study, target, interaction, mass)
places = product(study.targets[target], study.batches)
truth = pd.concat(
    read_parquet(file, config_slice=toys_slice(study, detector))[0]
    for (detector, _), file in zip(places, snakemake.input.truth, strict=True)
)
draw_pulls(
    study,
    target,
    interval,
    pulls(model, interval, limits),
    measured_and_fitted(study, interval, limits, truth),
    mass,
    snakemake.output,
)
