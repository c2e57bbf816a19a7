from zeptobarn.figures.medians import draw
from zeptobarn.inference.load import read_model
from zeptobarn.study.loading import study_from_settings
from zeptobarn.study.variation import MEDIAN_DATASETS
from zeptobarn.summary.medians import two_ways
from zeptobarn.support.joblog import keep_log
from zeptobarn.templates.toys import throw

keep_log(snakemake.log[0])

study = study_from_settings(snakemake.config)
detector, mass = snakemake.wildcards.detector, snakemake.params.mass_GeV
model = read_model(study, detector, mass, study.interactions[0], snakemake.input.templates)
trials = range(1, min(study.trials, MEDIAN_DATASETS) + 1)
toys = throw(study, detector, model.templates[detector], trials)
draw(study, detector, mass, *two_ways(model, toys), snakemake.output)
