from zeptobarn.figures.medians import draw
from zeptobarn.inference.load import read_model
from zeptobarn.study.loading import study_from_settings
from zeptobarn.summary.medians import N_DATASETS, two_ways
from zeptobarn.support.joblog import keep_log
from zeptobarn.templates.toys import throw

keep_log(snakemake.log[0])

study = study_from_settings(snakemake.config)
detector, mass = snakemake.wildcards.detector, snakemake.params.mass_GeV
model = read_model(study, detector, mass, study.interactions[0], snakemake.input.templates)
trials = range(1, min(study.trials, N_DATASETS) + 1)
toys = throw(study, detector, model.templates[detector], trials)
draw(study, detector, mass, *two_ways(model, toys), snakemake.output)
