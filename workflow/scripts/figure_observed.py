from zeptobarn.figures.observed import draw_curves
from zeptobarn.study.loading import study_from_settings
from zeptobarn.summary.observed_table import read_observed
from zeptobarn.summary.published import read_published
from zeptobarn.support.joblog import keep_log

keep_log(snakemake.log[0])

study = study_from_settings(snakemake.config)
place = study, snakemake.wildcards.target, snakemake.wildcards.interaction
draw_curves(
    *place,
    read_observed(*place, snakemake.input.table),
    map(read_published, snakemake.input.published),
    snakemake.output,
)
