from pathlib import Path

from zeptobarn.figures.spectra import draw
from zeptobarn.study.loading import study_from_settings
from zeptobarn.support.joblog import keep_log
from zeptobarn.templates.spectra import read_result

keep_log(snakemake.log[0])

study = study_from_settings(snakemake.config)
files = [*snakemake.input.signals, *snakemake.input.backgrounds]
draw(
    study,
    snakemake.wildcards.interaction,
    {Path(file).stem: read_result(study, Path(file).stem, file) for file in files},
    snakemake.output,
)
