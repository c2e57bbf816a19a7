from zeptobarn.failures import read_trials, write_summary
from zeptobarn.joblog import keep_log
from zeptobarn.scans import names
from zeptobarn.study import study_from_settings

keep_log(snakemake.log[0])

study = study_from_settings(snakemake.config)
places = [(detector, scan) for scan in names(study) for detector in study.detectors]
tables = (
    read_trials(study, *place, file) for place, file in zip(places, snakemake.input, strict=True)
)
write_summary(study, tables, snakemake.output)
