from zeptobarn.study.loading import check_plan, study_from_settings
from zeptobarn.study.slices.summary import signals_summary_slice
from zeptobarn.summary.signal_medians import write_signals
from zeptobarn.support.joblog import keep_log

keep_log(snakemake.log[0])

study = study_from_settings(snakemake.config)
check_plan(snakemake.params.config, signals_summary_slice(study))
write_signals(study, snakemake.output.parquet, snakemake.output.csv)
