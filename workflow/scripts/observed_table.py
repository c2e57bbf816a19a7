from zeptobarn.study.loading import check_plan, study_from_settings
from zeptobarn.study.slices.observed import observed_table_slice
from zeptobarn.summary.observed_table import join_limits, write_observed
from zeptobarn.support.joblog import keep_log

keep_log(snakemake.log[0])

study = study_from_settings(snakemake.config)
target = snakemake.wildcards.target
interaction = snakemake.wildcards.get("interaction")  # none: the given signals
check_plan(snakemake.params.config, observed_table_slice(study, target, interaction))
table = join_limits(study, target, interaction, snakemake.input.limits, snakemake.input.summary)
for file in (snakemake.output.parquet, snakemake.output.csv):
    write_observed(study, [target], [interaction], table, file)
