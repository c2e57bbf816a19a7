from zeptobarn.study.loading import check_plan, study_from_settings
from zeptobarn.study.slices.template import template_slice
from zeptobarn.support.joblog import keep_log
from zeptobarn.templates.building import build
from zeptobarn.templates.response import read_response
from zeptobarn.templates.spectra import read_result
from zeptobarn.templates.templates import lint, write_template

keep_log(snakemake.log[0])

study = study_from_settings(snakemake.config)
detector, source = snakemake.wildcards.detector, snakemake.wildcards.source
check_plan(snakemake.params.config, template_slice(study, detector, source))
names = study.source_spectra(detector, source)
spectra = {
    response: read_result(study, name, path)
    for (response, name), path in zip(names.items(), snakemake.input.spectrum, strict=True)
}
files = iter(snakemake.input.responses)
responses = {
    response: {
        anchor: read_response(study, detector, response, anchor, next(files))
        for anchor in study.anchors(detector, response)
    }
    for response in names
}
template = build(study, detector, source, spectra, responses)
if len(empty_bins := lint(study, detector, source, template)):
    print(f"empty bins that events of the source could hit:\n{empty_bins.to_string(index=False)}")
write_template(study, detector, source, template, snakemake.output.template)
