from zeptobarn.study.loading import study_from_settings
from zeptobarn.support.joblog import keep_log
from zeptobarn.support.tables import write_csv
from zeptobarn.templates.spectra import spectrum

keep_log(snakemake.log[0])

study = study_from_settings(snakemake.config)
write_csv(spectrum(study, snakemake.wildcards.spectrum), snakemake.output.spectrum)
