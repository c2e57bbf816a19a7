from zeptobarn.joblog import keep_log
from zeptobarn.response import simulate_response, write_response
from zeptobarn.study import study_from_settings

keep_log(snakemake.log[0])

study = study_from_settings(snakemake.config)
place = snakemake.wildcards.detector, snakemake.wildcards.recoil, snakemake.wildcards.anchor
response = simulate_response(study, *place, threads=snakemake.threads)
write_response(study, *place, response, snakemake.output[0])
