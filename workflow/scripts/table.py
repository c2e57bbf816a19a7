from zeptobarn.summary.report import write_page
from zeptobarn.support.joblog import keep_log

keep_log(snakemake.log[0])

title, caption = snakemake.params.config
write_page(snakemake.input.table, title, caption, snakemake.output.page)
