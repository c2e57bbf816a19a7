from zeptobarn.failures.counts import write_summary
from zeptobarn.failures.scans import failures_summary_slice, names
from zeptobarn.failures.trials import read_trials
from zeptobarn.study.loading import check_plan, study_from_settings
from zeptobarn.support.joblog import keep_log

keep_log(snakemake.log[0])

study = study_from_settings(snakemake.config)
check_plan(snakemake.params.config, failures_summary_slice(study))
places = [(detector, scan) for scan in names(study) for detector in study.detectors]
tables = (
    read_trials(study, *place, file) for place, file in zip(places, snakemake.input, strict=True)
)
write_summary(study, tables, snakemake.output)
