from zeptobarn.study.loading import check_plan, study_from_settings
from zeptobarn.summary.report import outcomes_slice, write_outcomes
from zeptobarn.support.joblog import keep_log

keep_log(snakemake.log[0])

study = study_from_settings(snakemake.config)
check_plan(snakemake.params.config, outcomes_slice(study))
write_outcomes(study, snakemake.output.outcomes)
