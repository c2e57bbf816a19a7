from zeptobarn.figures.limits import draw_together
from zeptobarn.study.loading import study_from_settings
from zeptobarn.summary.published import read_published
from zeptobarn.summary.reading import read_summary
from zeptobarn.support.joblog import keep_log

keep_log(snakemake.log[0])

study = study_from_settings(snakemake.config)
draw_together(
    study,
    snakemake.wildcards.interaction,
    read_summary(study, snakemake.input.summary),
    map(read_published, snakemake.input.published),
    snakemake.output,
)
