from zeptobarn.explain import explain
from zeptobarn.failures import read_trials
from zeptobarn.figures.brent import draw_brent, examples
from zeptobarn.joblog import keep_log
from zeptobarn.study import study_from_settings

keep_log(snakemake.log[0])

study = study_from_settings(snakemake.config)
file = snakemake.input.trials
chosen = examples(read_trials(study, snakemake.wildcards.detector, "bound", file))
found = {status: explain(study, file, trial) for status, trial in chosen.items()}
draw_brent(found, snakemake.output)
