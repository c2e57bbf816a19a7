from zeptobarn.joblog import keep_log
from zeptobarn.report import write_page

keep_log(snakemake.log[0])

title, caption = snakemake.params.config
write_page(snakemake.input[0], title, caption, snakemake.output[0])
