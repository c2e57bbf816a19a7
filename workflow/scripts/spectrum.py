from zeptobarn.joblog import keep_log
from zeptobarn.spectra import spectrum
from zeptobarn.study import study_from_settings
from zeptobarn.tables import write_csv

keep_log(snakemake.log[0])

study = study_from_settings(snakemake.config)
write_csv(spectrum(study, snakemake.wildcards.spectrum), snakemake.output[0])
