from zeptobarn.study.loading import study_from_settings
from zeptobarn.summary.report import write_outcomes
from zeptobarn.support.joblog import keep_log

keep_log(snakemake.log[0])

write_outcomes(study_from_settings(snakemake.config), snakemake.output.outcomes)
