"""What all rules share: the checked study, path patterns and parameters."""

import os
import sys
from functools import cache
from pathlib import Path

from snakemake.exceptions import WorkflowError

from zeptobarn.failures import scans
from zeptobarn.study import labels
from zeptobarn.study.loading import study_from_settings
from zeptobarn.study.observed import detailed_interval, detailed_place
from zeptobarn.study.plan import size_remark
from zeptobarn.study.slices.limits import (
    calibration_slice,
    coverage_slice,
    limits_slice,
)
from zeptobarn.study.slices.observed import observed_detail_slice
from zeptobarn.study.slices.response import response_slice
from zeptobarn.study.slices.spectrum import spectrum_slice
from zeptobarn.study.slices.summary import (
    sensitivity_slice,
    signals_sensitivity_slice,
    signals_summary_slice,
    summary_slice,
)
from zeptobarn.study.slices.template import template_slice
from zeptobarn.study.slices.toys import toys_slice
from zeptobarn.study.study import INTERACTION, signal_recoil
from zeptobarn.summary.published import read_published
from zeptobarn.summary.report import outcomes_slice
from zeptobarn.summary.summary import limit_files, signal_files
from zeptobarn.support import paths, reachable
from zeptobarn.support.config import find_input
from zeptobarn.support.inputs import file_digest
from zeptobarn.support.locks import hold_job, hold_run, only_looks
from zeptobarn.support.place import check_place, draw_into_files, print_what_shows
from zeptobarn.support.verify import set_aside
from zeptobarn.templates.response import check_light
from zeptobarn.templates.spectra import check_rates

# What --config says is in no file.
STUDY = study_from_settings(
    config,
    origin=" + ".join(
        [*CONFIG_FILES, *["--config"] * bool(workflow.config_settings.config)]
    ),
    files=[] if workflow.config_settings.config else CONFIG_FILES,
)
check_rates(STUDY)
check_light(STUDY)
draw_into_files()
# A dry run, and a command that only looks at the study, take no lock and rename nothing.
RUNS = not (workflow.output_settings.dryrun or only_looks(sys.argv))
# Held as long as this process runs. A killed run leaves nothing that would have to be unlocked.
if workflow.is_main_process:
    if remark := size_remark(STUDY):
        print(remark, file=sys.stderr)
    check_place(STUDY.results, not RUNS)
    LOCK = hold_run(STUDY.results) if RUNS else None
    # Damaged results count as missing, so that they are made again.
    for message in set_aside(STUDY.results, rename=RUNS):
        print(message, file=sys.stderr)
else:
    LOCK = hold_job(STUDY.results)
# What the captions of limits say of statistic, critical values, nuisances and halo.
CLAIMS = labels.caption(STUDY)
# Whose limits have the events and nuisances listed that they hang on.
OBSERVED_INTERVAL = detailed_interval(STUDY)
NOMINAL_CLAIM = f"Limits: {labels.nominal_claim(STUDY)}."


wildcard_constraints:
    spectrum=r"\w+(\.\d+)?\w*",
    source=r"\w+(\.\d+)?\w*",
    detector=r"[a-z][a-z0-9_]*",
    target=r"[a-z][a-z0-9_]*",
    recoil=r"(nr|er)[\w.]*",
    anchor=r"[\w.+-]+",
    interaction=INTERACTION,
    given="[a-z][a-z0-9_]*",
    signal=rf"({INTERACTION})/\d+(\.\d+)?GeV|[a-z][a-z0-9_]*",
    batch=r"\d+-\d+",
    at=r"[\w.+-]+",
    scan="|".join(scans.names(STUDY)),
    table=r"\w+",


def pattern(name):
    """Give a path pattern below the study's results, its wildcards still open."""
    return str(STUDY.results / name)


def log_of(name):
    """Give the log file that belongs to a path pattern."""
    return str(STUDY.results / "logs" / Path(name).with_suffix(".log"))


def benchmark_of(name):
    """Give the file in which Snakemake notes time and memory of the jobs of a path pattern."""
    return str(STUDY.results / "benchmarks" / Path(name).with_suffix(".tsv"))


def code_of(script):
    """Give the hash of all code that a rule's script can run: its results depend on it."""
    return reachable.code_of(Path(workflow.basedir) / "workflow/scripts" / script)


# The same for all batches, of which there may be ten thousand.
@cache
def batch_toys_slice(detector, at="nominal"):
    """Give the configuration that every batch of datasets depends on."""
    return toys_slice(STUDY, detector, STUDY.truths[at])


@cache
def batch_limits_slice(target, interaction, mass):
    """Give the configuration that every batch of a signal's limits depends on."""
    return limits_slice(STUDY, target, interaction, mass)


def template_files(target, interaction, mass):
    """Give the templates of a signal's model."""
    return [
        STUDY.path(paths.TEMPLATE, detector=detector, source=source)
        for detector, source in STUDY.model_sources(target, interaction, mass)
    ]


def model_templates(wildcards):
    """Give the templates of a job's model."""
    return template_files(*model_place(wildcards))


def toy_files(wildcards, name, name_at):
    """Give a batch's datasets of each detector of a job, truth after truth."""
    return [
        STUDY.path(
            name if truth == "nominal" else name_at,
            detector=detector,
            at=truth,
            batch=wildcards.batch,
        )
        for truth in STUDY.truths
        for detector in STUDY.targets[wildcards.target]
    ]


def picture_target(wildcards):
    """Give what a picture shows: a target, or a detector alone."""
    return wildcards.get("target") or wildcards.detector


def picture_interaction(wildcards):
    """Give the interaction of a picture: its own, or the study's first."""
    return wildcards.get("interaction", STUDY.interactions[0])


def picture_place(wildcards):
    """Give what a picture of one signal shows: target, interaction and mass; of a given one none."""
    signal = wildcards.get("given") or picture_interaction(wildcards)
    return picture_target(wildcards), *STUDY.shown_place(signal)


def picture_signal(wildcards):
    """Give the signal that a picture of one signal shows."""
    return STUDY.tested(*picture_place(wildcards)[1:])


def picture_templates(wildcards, masses):
    """Give the templates of several masses' models, mass after mass."""
    places = [(picture_interaction(wildcards), mass) for mass in masses]
    return templates_of_places(wildcards, places)


def templates_of_places(wildcards, places):
    """Give the templates of several signals' models, signal after signal."""
    target = picture_target(wildcards)
    return [file for place in places for file in template_files(target, *place)]


def picture_calibrations(wildcards):
    """Give the calibrations of all masses; none where critical values are asymptotic."""
    return calibrations_of_places(
        wildcards, STUDY.places_of(picture_interaction(wildcards))
    )


def calibrations_of_places(wildcards, places):
    """Give the calibrations of several signals; none where critical values are asymptotic."""
    target = picture_target(wildcards)
    return [
        STUDY.model_path(paths.CALIBRATION, target, *place)
        for place in places
        if STUDY.critical_values == "toys"
    ]


def picture_slice(wildcards, masses):
    """Give the title of a picture's target, and the configuration of several masses' limits."""
    place = picture_target(wildcards), picture_interaction(wildcards)
    return [
        STUDY.title(place[0]),
        [limits_slice(STUDY, *place, mass) for mass in masses],
    ]


def first_toys(wildcards, name):
    """Give the first batch of datasets of each detector of a job."""
    return [
        STUDY.path(name, detector=detector, batch=STUDY.batches[0])
        for detector in STUDY.targets[picture_target(wildcards)]
    ]


def model_place(wildcards):
    """Give target, interaction and mass (GeV/c²) of a job's model; of a given signal no mass."""
    return wildcards.target, *STUDY.place(wildcards.signal)


def target_sources(target):
    """Give detector and name of every source of a detector or combination."""
    return [
        (detector, source)
        for detector in STUDY.targets[target]
        for source in [
            *STUDY.signals(),
            *(s.name for s in STUDY.detectors[detector].sources),
        ]
    ]


def spectrum_files(detector, source):
    """Give the spectra of a source, by recoil type; none of a template from a formula."""
    names = STUDY.source_spectra(detector, source).values()
    return [STUDY.path(paths.SPECTRUM, spectrum=name) for name in names]


def template_source(detector, source):
    """Give the file that a template comes from; none of other templates."""
    if STUDY.source_signal(source):
        return []
    template = STUDY.detectors[detector].source(source).template
    return [] if template is None else [ancient(template["path"])]


def response_files(detector, response):
    """Give a response at all anchors."""
    return [
        STUDY.path(paths.RESPONSE, detector=detector, recoil=response, anchor=anchor)
        for anchor in STUDY.anchors(detector, response)
    ]


def source_responses(sources):
    """Give detector and name of the responses of sources, each once."""
    places = [(d, name) for d, s in sources for name in STUDY.source_spectra(d, s)]
    return list(dict.fromkeys(places))


def observed_files(target):
    """Give the event files of a target. Their age does not count, what they say does."""
    return [ancient(STUDY.observed[name].file) for name in STUDY.targets[target]]


def observed_detail(detail, suffix):
    """Give the pattern of the events or the nuisances of a limit."""
    name = paths.OBSERVED_DETAIL.replace("{detail}", detail)
    return pattern(name.replace("{suffix}", suffix))


def detail_place(wildcards):
    """Give target, interaction and mass (GeV/c²) of the limit that a picture looks into."""
    signal = wildcards.get("interaction") or wildcards.given
    return wildcards.target, *detailed_place(STUDY, signal)


def detail_signal(wildcards):
    """Give the signal of the limit that a picture looks into."""
    return STUDY.tested(*detail_place(wildcards)[1:])


def observed_details(wildcards, detail):
    """Give the events or the nuisances that a picture shows."""
    place = detail_place(wildcards)
    return STUDY.model_path(
        paths.OBSERVED_DETAIL, *place, detail=detail, suffix="parquet"
    )


def observed_picture_slice(wildcards):
    """Give the configuration of a picture of one limit."""
    place = detail_place(wildcards)
    return [
        STUDY.title(wildcards.target),
        observed_detail_slice(STUDY, *place, OBSERVED_INTERVAL),
    ]


def step_files():
    """Give the results of all steps before the summary.

    They are asked for by name: of a file in the middle that is missing, Snakemake says that there
    is nothing to be done as long as what was made from it is there.
    """
    models = [(target, *place) for target in STUDY.targets for place in STUDY.places]
    sources = list(
        dict.fromkeys(s for target in STUDY.targets for s in target_sources(target))
    )
    sensitivities = [paths.SENSITIVITY] * bool(STUDY.wimps)
    sensitivities += [paths.SIGNALS_SENSITIVITY] * bool(STUDY.given_signals)
    return [
        *dict.fromkeys(file for place in sources for file in spectrum_files(*place)),
        *(
            file
            for place in source_responses(sources)
            for file in response_files(*place)
        ),
        *(STUDY.path(paths.TEMPLATE, detector=d, source=s) for d, s in sources),
        *(
            STUDY.path(
                paths.TOYS if truth == "nominal" else paths.TOYS_AT,
                detector=detector,
                at=truth,
                batch=batch,
            )
            for detector in STUDY.detectors
            for truth in STUDY.truths
            for batch in STUDY.batches
        ),
        *(
            STUDY.model_path(paths.CALIBRATION, *model)
            for model in models
            if STUDY.critical_values == "toys"
        ),
        *(STUDY.results / file for file in limit_files(STUDY) + signal_files(STUDY)),
        *(
            STUDY.path(name, target=target)
            for name in sensitivities
            for target in STUDY.targets
        ),
    ]


def print_table():
    """Print the closing table; `make` prints it itself, even when there was nothing to do."""
    summaries = [
        STUDY.path(name, suffix="parquet")
        for name in (paths.SUMMARY, paths.SIGNALS_SUMMARY)
    ]
    if "MAKELEVEL" not in os.environ and any(file.exists() for file in summaries):
        from zeptobarn.cli.terminal import print_study

        print_what_shows()
        print_study(STUDY.results)


def failures_files(wildcards):
    """Give all files of the failure study, which is of WIMPs."""
    if not STUDY.masses_GeV:
        raise WorkflowError(
            "masses_GeV: found none; allowed: some: the failure study repeats an earlier one of "
            "WIMPs, with its masses, interactions and reference cross sections"
        )
    return [*FAILURES_SUMMARY, *FAILURES_FIGURES]


def signals_slice(wildcards):
    """Give the title of a target, the words of the signals, and what their limits depend on."""
    return [
        STUDY.title(wildcards.target),
        [[signal.label, signal.unit] for signal in STUDY.given_signals],
        [limits_slice(STUDY, wildcards.target, *p) for p in STUDY.places_of(None)],
    ]


def figure(name):
    """Give the files of a figure."""
    return [
        str(STUDY.path(paths.FIGURE, figure=name, suffix=suffix))
        for suffix in paths.FIGURE_SUFFIXES
    ]


def reported(name, caption, category, result, **labels):
    """Give the files of a figure as a rule's output; the PNG goes into the report.

    The caption is a file in workflow/report/; the result is what the figure shows, and labels
    tell the figures of a family apart.
    """
    pdf, png = figure(name)
    text = f"../report/{caption}.rst"
    labels = {"result": result, **labels}
    return [pdf, report(png, caption=text, category=category, labels=labels)]


def published_files(detectors):
    """Give the published limits that are drawn beside the detectors' own.

    A name without its ending is that of a CSV. Their age does not count, see the rule `spectrum`;
    what they say does, see below.
    """
    names = [name for d in detectors for name in STUDY.published.get(d, ())]
    files = [
        f"resources/published/{name}"
        + ("" if name.endswith((".csv", ".csv.gz", ".parquet")) else ".csv")
        for name in names
    ]
    return [ancient(str(find_input(file, [Path(".")]))) for file in files]


def published_slice(detectors):
    """Give what the published limits say: figures depend on it."""
    return list(map(file_digest, published_files(detectors)))


list(map(read_published, published_files(STUDY.detectors)))  # mistakes before a run
