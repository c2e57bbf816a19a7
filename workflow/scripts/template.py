from zeptobarn.study.loading import study_from_settings
from zeptobarn.support.joblog import keep_log
from zeptobarn.templates.response import read_response
from zeptobarn.templates.spectra import read_spectrum
from zeptobarn.templates.templates import build, lint, write_template

keep_log(snakemake.log[0])

study = study_from_settings(snakemake.config)
detector, source = snakemake.wildcards.detector, snakemake.wildcards.source
recoil = study.recoil(detector, source)
anchors = study.anchors(detector, recoil) if recoil else {}
responses = {
    anchor: read_response(study, detector, recoil, anchor, path)
    for anchor, path in zip(anchors, snakemake.input.responses, strict=True)
}
spectrum = next(map(read_spectrum, snakemake.input.spectrum), None)
template = build(study, detector, source, spectrum, responses)
if len(found := lint(study, detector, source, template)):
    print(f"empty bins that events of the source could hit:\n{found.to_string(index=False)}")
write_template(study, detector, source, template, snakemake.output.template)
