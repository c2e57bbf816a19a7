from pathlib import Path

from zeptobarn.failures.scans import failures_slice, sources
from zeptobarn.failures.trials import run, write_trials
from zeptobarn.study.loading import check_plan, study_from_settings
from zeptobarn.support.joblog import keep_log
from zeptobarn.templates.spectra import read_result
from zeptobarn.templates.templates import read_template

keep_log(snakemake.log[0])

study = study_from_settings(snakemake.config)
detector, scan = snakemake.wildcards.detector, snakemake.wildcards.scan
check_plan(snakemake.params.config, failures_slice(study, detector, scan))
signals = sources(study, scan)
names = [*signals, *(source.name for source in study.detectors[detector].sources)]
templates = {
    name: read_template(study, detector, name, Path(file))
    for name, file in zip(names, snakemake.input.templates, strict=True)
}
spectra = {
    name: read_result(study, name, file)
    for name, file in zip(signals, snakemake.input.spectra, strict=True)
}
table = run(study, detector, scan, templates, spectra)
write_trials(study, detector, scan, table, snakemake.output.trials)
