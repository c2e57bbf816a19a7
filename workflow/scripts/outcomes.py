from zeptobarn.joblog import keep_log
from zeptobarn.report import write_outcomes
from zeptobarn.study import study_from_settings

keep_log(snakemake.log[0])

write_outcomes(study_from_settings(snakemake.config), snakemake.output[0])
