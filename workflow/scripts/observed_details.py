from zeptobarn.inference.load import read_model
from zeptobarn.study.loading import check_plan, study_from_settings
from zeptobarn.study.slices.observed import observed_detail_slice
from zeptobarn.summary.influence import (
    EVENT_UNITS,
    NUISANCE_UNITS,
    influential_events,
    influential_nuisances,
    units_for,
)
from zeptobarn.summary.observed_table import observe, read_calibrated, write_detail
from zeptobarn.support.joblog import keep_log

keep_log(snakemake.log[0])

study = study_from_settings(snakemake.config)
target = snakemake.wildcards.target
interaction, mass = study.place(snakemake.wildcards.signal)
name = snakemake.params.interval
place = study, target, interaction, mass
check_plan(snakemake.params.config, observed_detail_slice(*place, name))
model = read_model(study, target, mass, interaction, snakemake.input.templates)
seen = observe(model)
model = read_calibrated(model, snakemake.input.calibration)
shown = model, seen, model.interval(name)
events, nuisances = influential_events(*shown), influential_nuisances(*shown)
for file in (snakemake.output.events, snakemake.output.events_csv):
    write_detail(model, name, events, units_for(EVENT_UNITS, model.tested), file)
for file in (snakemake.output.nuisances, snakemake.output.nuisances_csv):
    write_detail(model, name, nuisances, units_for(NUISANCE_UNITS, model.tested), file)
