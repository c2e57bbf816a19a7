from zeptobarn.study.loading import check_plan, study_from_settings
from zeptobarn.study.slices.response import response_slice
from zeptobarn.support.joblog import keep_log
from zeptobarn.templates.response import compute_response, write_response

keep_log(snakemake.log[0])

study = study_from_settings(snakemake.config)
place = snakemake.wildcards.detector, snakemake.wildcards.recoil, snakemake.wildcards.anchor
check_plan(snakemake.params.config, response_slice(study, *place))
response = compute_response(study, *place, threads=snakemake.threads)
write_response(study, *place, response, snakemake.output.response)
