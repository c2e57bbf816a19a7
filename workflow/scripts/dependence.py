from pathlib import Path

from zeptobarn.study.loading import check_plan, study_from_settings
from zeptobarn.study.variation import dependence_slice, typical_masses
from zeptobarn.summary.dependence import dependence, write_dependence
from zeptobarn.support import paths
from zeptobarn.support.joblog import keep_log
from zeptobarn.templates.spectra import read_result

keep_log(snakemake.log[0])

study = study_from_settings(snakemake.config)
detector = snakemake.wildcards.detector
check_plan(snakemake.params.config, dependence_slice(study, detector))
files = {Path(file).stem: file for file in snakemake.input}
sources = [
    *(paths.wimp_source(study.interactions[0], mass) for mass in typical_masses(study)),
    *(source.name for source in study.detectors[detector].sources),
]
spectra = {
    source: {
        response: read_result(study, name, files[name])
        for response, name in study.source_spectra(detector, source).items()
    }
    for source in sources
}
table = dependence(study, detector, spectra, snakemake.threads)
write_dependence(study, detector, table, Path(snakemake.output.limits))
