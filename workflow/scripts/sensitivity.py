from zeptobarn.study.loading import study_from_settings
from zeptobarn.summary.sensitivity import sensitivity, write_sensitivity
from zeptobarn.support.joblog import keep_log

keep_log(snakemake.log[0])

study = study_from_settings(snakemake.config)
target = snakemake.wildcards.target
write_sensitivity(study, target, sensitivity(study, target), snakemake.output.sensitivity)
