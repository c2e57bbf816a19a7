from zeptobarn.figures.coverage import draw_coverage
from zeptobarn.study.loading import study_from_settings
from zeptobarn.study.slices.limits import coverage_slice
from zeptobarn.support.joblog import keep_log
from zeptobarn.support.tables import read_parquet

keep_log(snakemake.log[0])

study = study_from_settings(snakemake.config)
target, interaction = snakemake.wildcards.target, snakemake.wildcards.interaction
masses = [m for m in study.coverage.masses_GeV if m in study.masses_GeV]
tables = {
    mass: read_parquet(file, config_slice=coverage_slice(study, target, interaction, mass))[0]
    for mass, file in zip(masses, snakemake.input, strict=True)
}
draw_coverage(study, target, tables, snakemake.output)
