from zeptobarn.summary.report import write_page
from zeptobarn.support.joblog import keep_log

keep_log(snakemake.log[0])

title, caption = snakemake.params.config
write_page(snakemake.input[0], title, caption, snakemake.output[0])
