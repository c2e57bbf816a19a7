from zeptobarn.joblog import keep_log
from zeptobarn.sensitivity import sensitivity, write_sensitivity
from zeptobarn.study import study_from_settings

keep_log(snakemake.log[0])

study = study_from_settings(snakemake.config)
target = snakemake.wildcards.detector
write_sensitivity(study, target, sensitivity(study, target), snakemake.output[0])
