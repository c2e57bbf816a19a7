from zeptobarn.study.loading import check_plan, study_from_settings
from zeptobarn.study.slices.spectrum import spectrum_slice
from zeptobarn.support.joblog import keep_log
from zeptobarn.templates.spectra import spectrum, write_spectrum

keep_log(snakemake.log[0])

study, name = study_from_settings(snakemake.config), snakemake.wildcards.spectrum
check_plan(snakemake.params.config, spectrum_slice(study, name))
output = snakemake.output
write_spectrum(study, name, spectrum(study, name), output.spectrum, output.csv)
