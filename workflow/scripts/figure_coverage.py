from zeptobarn.figures.coverage import draw_coverage
from zeptobarn.inference.results import read_coverage
from zeptobarn.study.loading import study_from_settings
from zeptobarn.support.joblog import keep_log

keep_log(snakemake.log[0])

study = study_from_settings(snakemake.config)
target, interaction = snakemake.wildcards.target, snakemake.wildcards.interaction
masses = [m for m in study.coverage.masses_GeV if m in study.masses_GeV]
tables = {
    mass: read_coverage(study, target, interaction, mass, file)
    for mass, file in zip(masses, snakemake.input, strict=True)
}
draw_coverage(study, target, tables, snakemake.output)
