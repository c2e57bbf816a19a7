from zeptobarn.study.loading import study_from_settings
from zeptobarn.summary.summary import write_summary
from zeptobarn.support.joblog import keep_log

keep_log(snakemake.log[0])

write_summary(study_from_settings(snakemake.config), snakemake.output.parquet, snakemake.output.csv)
