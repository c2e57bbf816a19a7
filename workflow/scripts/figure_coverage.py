from zeptobarn.figures.coverage import draw_coverage
from zeptobarn.inference.results import read_coverage
from zeptobarn.study.loading import study_from_settings
from zeptobarn.support.joblog import keep_log

keep_log(snakemake.log[0])

study = study_from_settings(snakemake.config)
target = snakemake.wildcards.target
places = study.covered_places(snakemake.wildcards.get("interaction"))
tables = [
    (study.tested(*place), read_coverage(study, target, *place, file))
    for place, file in zip(places, snakemake.input, strict=True)
]
draw_coverage(study, target, tables, snakemake.output)
