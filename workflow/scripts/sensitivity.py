from zeptobarn.study.loading import check_plan, study_from_settings
from zeptobarn.study.slices.summary import sensitivity_slice, signals_sensitivity_slice
from zeptobarn.summary.sensitivity import sensitivity, signals_sensitivity, write_sensitivity
from zeptobarn.support.joblog import keep_log

keep_log(snakemake.log[0])

study = study_from_settings(snakemake.config)
target = snakemake.wildcards.target
given = snakemake.rule == "sensitivity_of_signals"
depends_on = signals_sensitivity_slice if given else sensitivity_slice
check_plan(snakemake.params.config, depends_on(study, target))
table = (signals_sensitivity if given else sensitivity)(study, target)
write_sensitivity(study, target, table, snakemake.output.sensitivity)
