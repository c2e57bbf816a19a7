from zeptobarn.inference.load import read_model
from zeptobarn.inference.results import write_limits
from zeptobarn.study.loading import check_plan, study_from_settings
from zeptobarn.study.slices.limits import limits_slice
from zeptobarn.support.joblog import keep_log
from zeptobarn.templates.toys import read_toys

keep_log(snakemake.log[0])

study = study_from_settings(snakemake.config)
target, interaction = snakemake.wildcards.target, snakemake.wildcards.interaction
mass = study.mass_GeV(snakemake.wildcards.mass)
check_plan(snakemake.params.config, limits_slice(study, target, interaction, mass))
model = read_model(
    study,
    target,
    mass,
    interaction,
    snakemake.input.templates,
    next(iter(snakemake.input.calibration), None),
)
files = zip(snakemake.input.events, snakemake.input.truth, strict=True)
datasets = {
    name: {
        detector: read_toys(study, detector, *next(files), at, columns=["trial", "cs1", "cs2"])
        for detector in model.templates
    }
    for name, at in study.truths.items()
}
write_limits(
    model, model.study_limits(datasets, threads=snakemake.threads), snakemake.output.limits
)
