from pathlib import Path

from zeptobarn.figures.spectra import draw
from zeptobarn.study.loading import study_from_settings
from zeptobarn.support.joblog import keep_log
from zeptobarn.templates.spectra import read_spectrum

keep_log(snakemake.log[0])

files = [*snakemake.input.signals, *snakemake.input.backgrounds]
draw(
    study_from_settings(snakemake.config),
    snakemake.wildcards.interaction,
    {Path(file).stem: read_spectrum(file) for file in files},
    snakemake.output,
)
