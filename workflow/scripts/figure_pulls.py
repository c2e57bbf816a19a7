from itertools import product
from pathlib import Path

import pandas as pd

from zeptobarn.figures.distributions import draw_pulls
from zeptobarn.inference.load import read_model
from zeptobarn.study.loading import study_from_settings
from zeptobarn.summary.ensemble import fullest_interval, measured_and_fitted, pulls
from zeptobarn.summary.summary import limit_chunks
from zeptobarn.support.joblog import keep_log
from zeptobarn.templates.toys import read_truth

keep_log(snakemake.log[0])

study = study_from_settings(snakemake.config)
target, interval = snakemake.wildcards.target, fullest_interval(study)
interaction, mass = study.place(snakemake.params.signal)
model = read_model(study, target, mass, interaction, snakemake.input.templates)
fitted = [f"best_fit_{name}" for name in model.problem(interval).parameters]
chunks = limit_chunks(study, target, interaction, mass, ["trial", "interval", *fitted])
limits = pd.concat(chunk[chunk["interval"] == interval.name] for chunk in chunks)
places = product(study.targets[target], study.batches)
measured = ["trial", "parameter", "constraint_centre"]
truth = pd.concat(
    chunk[chunk["parameter"].isin(interval.profiled)]
    for (detector, _), file in zip(places, snakemake.input.truth, strict=True)
    for chunk in read_truth(study, detector, Path(file), columns=measured)
)
draw_pulls(
    study,
    target,
    interval,
    pulls(model, interval, limits),
    measured_and_fitted(study, interval, limits, truth),
    study.tested(interaction, mass),
    snakemake.output,
)
