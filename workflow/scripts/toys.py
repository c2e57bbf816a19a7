from zeptobarn.study.loading import check_plan, study_from_settings
from zeptobarn.study.slices.toys import toys_slice
from zeptobarn.support import paths
from zeptobarn.support.joblog import keep_log
from zeptobarn.templates.templates import read_template
from zeptobarn.templates.toys import chunks, throw, write_toys

keep_log(snakemake.log[0])

study = study_from_settings(snakemake.config)
detector = snakemake.wildcards.detector
names = [source.name for source in study.detectors[detector].sources]
templates = {
    name: read_template(study, detector, name, path)
    for name, path in zip(names, snakemake.input, strict=True)
}
at = study.truths[snakemake.wildcards.get("at", "nominal")]
check_plan(snakemake.params.config, toys_slice(study, detector, at))
trials = chunks(paths.batch_trials(snakemake.wildcards.batch))
toys = (throw(study, detector, templates, some, at) for some in trials)
write_toys(study, detector, toys, snakemake.output.events, snakemake.output.truth, at)
