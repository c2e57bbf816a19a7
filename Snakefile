"""WIMP limits of liquid-xenon detectors: from recoil spectra to limit curves."""

import os
from pathlib import Path

from snakemake.utils import min_version

from zeptobarn.study.loading import merge_files
from zeptobarn.support.config import find_input

min_version("9.20")
# The working directory's own, or the workflow's.
CONFIG = find_input("config/config.yaml", [Path(), Path(workflow.basedir)])
CONFIG_FILES = [
    os.path.relpath(file) for file in (CONFIG, *workflow.overwrite_configfiles)
]
merge_files(CONFIG_FILES)  # names the line of a mistake; Snakemake would not


configfile: str(CONFIG)


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/spectra.smk"
include: "workflow/rules/response.smk"
include: "workflow/rules/templates.smk"
include: "workflow/rules/toys.smk"
include: "workflow/rules/calibration.smk"
include: "workflow/rules/limits.smk"
include: "workflow/rules/sensitivity.smk"
include: "workflow/rules/summary.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/signals.smk"
include: "workflow/rules/observed.smk"
include: "workflow/rules/coverage.smk"
include: "workflow/rules/datasets.smk"
include: "workflow/rules/dependence.smk"
include: "workflow/rules/signal_pictures.smk"
include: "workflow/rules/failures.smk"
include: "workflow/rules/report.smk"


rule all:
    """Everything the study asks for."""
    default_target: True
    input:
        step_files(),
        SUMMARY if STUDY.masses_GeV else [],
        SIGNALS_SUMMARY if STUDY.given_signals else [],
        FIGURES,
        SIGNALS_FIGURES,
        [
            STUDY.path(paths.TABLE, table=table, suffix="html")
            for table in (
                *(("limits", "outcomes") if STUDY.masses_GeV else ()),
                *(("signals",) if STUDY.given_signals else ()),
            )
        ],


onstart:
    # Here, so that the steps of a cluster's jobs, which read this file too, do without numba.
    from zeptobarn.cli.warmup import compile_kernels

    compile_kernels(STUDY)


onsuccess:
    print_table()
