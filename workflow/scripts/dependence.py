from pathlib import Path

from zeptobarn.study.loading import study_from_settings
from zeptobarn.study.variation import typical_masses
from zeptobarn.summary.dependence import dependence, write_dependence
from zeptobarn.support import paths
from zeptobarn.support.joblog import keep_log
from zeptobarn.templates.spectra import read_spectrum

keep_log(snakemake.log[0])

study = study_from_settings(snakemake.config)
detector = snakemake.wildcards.detector
files = {Path(file).stem: file for file in snakemake.input}
sources = [
    *(paths.wimp_source(study.interactions[0], mass) for mass in typical_masses(study)),
    *(source.name for source in study.detectors[detector].sources),
]
names = {source: study.spectrum_name(detector, source) for source in sources}
spectra = {
    source: None if name is None else read_spectrum(files[name]) for source, name in names.items()
}
table = dependence(study, detector, spectra, snakemake.threads)
write_dependence(study, detector, table, Path(snakemake.output.limits))
