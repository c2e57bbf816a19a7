from zeptobarn.inference.load import read_model
from zeptobarn.inference.observed_limits import calibrate_on, observed_limits
from zeptobarn.study.loading import check_plan, study_from_settings
from zeptobarn.study.slices.observed import observed_slice
from zeptobarn.summary.observed_table import observe, write_calibrated, write_rows
from zeptobarn.support.joblog import keep_log

keep_log(snakemake.log[0])

study = study_from_settings(snakemake.config)
target = snakemake.wildcards.target
interaction, mass = study.place(snakemake.wildcards.signal)
check_plan(snakemake.params.config, observed_slice(study, target, interaction, mass))
model = read_model(study, target, mass, interaction, snakemake.input.templates)
seen = observe(model)
model = calibrate_on(model, seen, snakemake.threads)
write_calibrated(model, snakemake.output.calibration)
write_rows(model, observed_limits(model, seen, snakemake.threads), snakemake.output.limits, seen)
