from zeptobarn.inference.load import read_model
from zeptobarn.inference.results import write_calibration
from zeptobarn.study.loading import check_plan, study_from_settings
from zeptobarn.study.slices.limits import calibration_slice
from zeptobarn.support.joblog import keep_log

keep_log(snakemake.log[0])

study = study_from_settings(snakemake.config)
target = snakemake.wildcards.target
interaction, mass = study.place(snakemake.wildcards.signal)
check_plan(snakemake.params.config, calibration_slice(study, target, interaction, mass))
model = read_model(study, target, mass, interaction, snakemake.input.templates)
write_calibration(
    model, model.calibrate(threads=snakemake.threads), snakemake.output.critical_values
)
