from zeptobarn.joblog import keep_log
from zeptobarn.study import study_from_settings
from zeptobarn.summary import write_summary

keep_log(snakemake.log[0])

write_summary(study_from_settings(snakemake.config), *snakemake.output)
