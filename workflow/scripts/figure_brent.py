from zeptobarn.failures.explain import explain
from zeptobarn.failures.trials import read_trials
from zeptobarn.figures.brent import draw_brent, examples
from zeptobarn.study.loading import study_from_settings
from zeptobarn.support.joblog import keep_log

keep_log(snakemake.log[0])

study = study_from_settings(snakemake.config)
file = snakemake.input.trials
chosen = examples(read_trials(study, snakemake.wildcards.detector, "bound", file))
explanations = {status: explain(study, file, trial) for status, trial in chosen.items()}
draw_brent(explanations, snakemake.output)
