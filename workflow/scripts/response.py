from zeptobarn.study.loading import study_from_settings
from zeptobarn.support.joblog import keep_log
from zeptobarn.templates.response import compute_response, write_response

keep_log(snakemake.log[0])

study = study_from_settings(snakemake.config)
place = snakemake.wildcards.detector, snakemake.wildcards.recoil, snakemake.wildcards.anchor
response = compute_response(study, *place, threads=snakemake.threads)
write_response(study, *place, response, snakemake.output.response)
