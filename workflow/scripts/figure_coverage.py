from zeptobarn.figures.coverage import draw_coverage
from zeptobarn.study.loading import study_from_settings
from zeptobarn.study.slices.limits import coverage_slice
from zeptobarn.support.joblog import keep_log
from zeptobarn.support.tables import read_parquet

keep_log(snakemake.log[0])

study = study_from_settings(snakemake.config)
target = snakemake.wildcards.target
places = study.covered_places(snakemake.wildcards.get("interaction"))
tables = [
    (
        study.tested(*place),
        read_parquet(file, config_slice=coverage_slice(study, target, *place))[0],
    )
    for place, file in zip(places, snakemake.input, strict=True)
]
draw_coverage(study, target, tables, snakemake.output)
