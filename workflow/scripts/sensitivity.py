from zeptobarn.study.loading import check_plan, study_from_settings
from zeptobarn.study.slices.summary import sensitivity_slice
from zeptobarn.summary.sensitivity import sensitivity, write_sensitivity
from zeptobarn.support.joblog import keep_log

keep_log(snakemake.log[0])

study = study_from_settings(snakemake.config)
target = snakemake.wildcards.target
check_plan(snakemake.params.config, sensitivity_slice(study, target))
write_sensitivity(study, target, sensitivity(study, target), snakemake.output.sensitivity)
