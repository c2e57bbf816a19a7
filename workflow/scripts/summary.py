from zeptobarn.study.loading import check_plan, study_from_settings
from zeptobarn.study.slices.summary import summary_slice
from zeptobarn.summary.summary import write_summary
from zeptobarn.support.joblog import keep_log

keep_log(snakemake.log[0])

study = study_from_settings(snakemake.config)
check_plan(snakemake.params.config, summary_slice(study))
write_summary(study, snakemake.output.parquet, snakemake.output.csv)
