from zeptobarn.inference.load import read_model
from zeptobarn.inference.results import write_limits
from zeptobarn.study.loading import check_plan, study_from_settings
from zeptobarn.study.slices.limits import limits_slice
from zeptobarn.support.joblog import keep_log
from zeptobarn.templates.toys import read_datasets

keep_log(snakemake.log[0])

study = study_from_settings(snakemake.config)
target = snakemake.wildcards.target
interaction, mass = study.place(snakemake.wildcards.signal)
check_plan(snakemake.params.config, limits_slice(study, target, interaction, mass))
model = read_model(
    study,
    target,
    mass,
    interaction,
    snakemake.input.templates,
    next(iter(snakemake.input.calibration), None),
)
chunks = read_datasets(study, target, snakemake.input.events, snakemake.input.truth)
limits = (model.study_limits(datasets, threads=snakemake.threads) for datasets in chunks)
write_limits(model, limits, snakemake.output.limits)
