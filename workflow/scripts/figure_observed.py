from zeptobarn.figures.observed import draw_curves

from zeptobarn.study.loading import study_from_settings
from zeptobarn.study.slices.observed import observed_table_slice
from zeptobarn.summary.published import read_published
from zeptobarn.support.joblog import keep_log
from zeptobarn.support.tables import read_parquet

keep_log(snakemake.log[0])

study = study_from_settings(snakemake.config)
place = study, snakemake.wildcards.target, snakemake.wildcards.interaction
draw_curves(
    *place,
    read_parquet(snakemake.input.table, config_slice=observed_table_slice(*place))[0],
    map(read_published, snakemake.input.published),
    snakemake.output,
)
