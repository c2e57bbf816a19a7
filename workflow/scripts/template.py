from zeptobarn.joblog import keep_log
from zeptobarn.response import read_response
from zeptobarn.spectra import read_spectrum
from zeptobarn.study import study_from_settings
from zeptobarn.templates import events_per_rate, fold, write_template

keep_log(snakemake.log[0])

study = study_from_settings(snakemake.config)
detector, source = snakemake.wildcards.detector, snakemake.wildcards.source
recoil = study.recoil(detector, source)
anchors = study.anchors(detector, recoil)
template = fold(
    read_spectrum(snakemake.input.spectrum),
    {
        anchor: read_response(study, detector, recoil, anchor, path)
        for anchor, path in zip(anchors, snakemake.input.responses, strict=True)
    },
    anchors,
    events_per_rate(study, detector, source),
)
write_template(study, detector, source, template, snakemake.output[0])
