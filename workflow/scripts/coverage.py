from zeptobarn.inference.load import read_model
from zeptobarn.inference.results import write_coverage
from zeptobarn.study.loading import check_plan, study_from_settings
from zeptobarn.study.slices.limits import coverage_slice
from zeptobarn.support.joblog import keep_log

keep_log(snakemake.log[0])

study = study_from_settings(snakemake.config)
target = snakemake.wildcards.target
interaction, mass = study.place(snakemake.wildcards.signal)
check_plan(snakemake.params.config, coverage_slice(study, target, interaction, mass))
model = read_model(
    study,
    target,
    mass,
    interaction,
    snakemake.input.templates,
    snakemake.input.calibration,
)
write_coverage(model, model.coverage(threads=snakemake.threads), snakemake.output.coverage)
