from itertools import product

import pandas as pd

from zeptobarn.figures.comparison import draw_interactions
from zeptobarn.study.loading import study_from_settings
from zeptobarn.summary.dependence import interaction_limits
from zeptobarn.support import paths
from zeptobarn.support.joblog import keep_log
from zeptobarn.support.tables import write_csv

keep_log(snakemake.log[0])

study = study_from_settings(snakemake.config)
table = pd.concat(
    interaction_limits(
        study,
        detector,
        {
            (interaction, mass): [
                study.path(paths.TEMPLATE, detector=detector, source=source)
                for _, source in study.model_sources(detector, interaction, mass)
            ]
            for interaction, mass in product(
                snakemake.params.interactions, snakemake.params.masses_GeV
            )
        },
    )
    for detector in study.detectors
)
write_csv(table, snakemake.output.table)
draw_interactions(study, table, snakemake.output.picture)
