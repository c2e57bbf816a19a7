from zeptobarn.figures.limits import draw_detector
from zeptobarn.study.loading import study_from_settings
from zeptobarn.study.slices.summary import summary_slice
from zeptobarn.summary.published import read_published
from zeptobarn.support.joblog import keep_log
from zeptobarn.support.tables import read_parquet

keep_log(snakemake.log[0])

study = study_from_settings(snakemake.config)
draw_detector(
    study,
    snakemake.wildcards.target,
    snakemake.wildcards.interaction,
    read_parquet(snakemake.input.summary, config_slice=summary_slice(study))[0],
    map(read_published, snakemake.input.published),
    snakemake.output,
)
