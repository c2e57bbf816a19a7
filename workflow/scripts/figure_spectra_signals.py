from pathlib import Path

from zeptobarn.figures.signals import draw_spectra
from zeptobarn.study.loading import study_from_settings
from zeptobarn.support.joblog import keep_log
from zeptobarn.templates.spectra import read_result

keep_log(snakemake.log[0])

study = study_from_settings(snakemake.config)
spectra = {Path(file).stem: read_result(study, Path(file).stem, file) for file in snakemake.input}
draw_spectra(study, spectra, snakemake.output)
