from zeptobarn.figures.medians import draw
from zeptobarn.joblog import keep_log
from zeptobarn.medians import N_DATASETS, two_ways
from zeptobarn.model import read_model
from zeptobarn.study import study_from_settings
from zeptobarn.toys import throw

keep_log(snakemake.log[0])

study = study_from_settings(snakemake.config)
detector, mass = snakemake.wildcards.detector, snakemake.params.mass_GeV
model = read_model(study, detector, mass, study.interactions[0], snakemake.input.templates)
trials = range(1, min(study.trials, N_DATASETS) + 1)
toys = throw(study, detector, model.templates[detector], trials)
draw(study, detector, mass, *two_ways(model, toys), snakemake.output)
