from itertools import product

from zeptobarn.study.observed import observed_targets
from zeptobarn.study.slices.observed import observed_slice, observed_table_slice
from zeptobarn.templates.observed import check_observed

# Targets with observed data, and interactions; and given signals.
OBSERVED = list(product(observed_targets(STUDY), STUDY.interactions))
OBSERVED_SIGNALS = list(
    product(observed_targets(STUDY), [signal.name for signal in STUDY.given_signals])
)

check_observed(STUDY, " + ".join(CONFIG_FILES))  # mistakes before a run


rule observed:
    """Limits on observed data, with their figures: `snakemake observed`."""
    input:
        [
            STUDY.path(paths.OBSERVED, target=target, interaction=i, suffix=suffix)
            for target, i in OBSERVED
            for suffix in ("parquet", "csv")
        ],
        [
            figure(f"{name}_{target}_{i}")
            for name in ("observed_limits", "observed_events", "observed_nuisances")
            for target, i in OBSERVED
        ],
        [
            STUDY.path(paths.OBSERVED_SIGNALS, target=target, suffix=suffix)
            for target in dict(OBSERVED_SIGNALS)
            for suffix in ("parquet", "csv")
        ],
        [
            figure(f"observed_limits_{target}_signals")
            for target in dict(OBSERVED_SIGNALS)
        ],
        [
            figure(f"{name}_{target}/{signal}")
            for name in ("observed_events", "observed_nuisances")
            for target, signal in OBSERVED_SIGNALS
        ],


rule observed_of_mass:
    """Set every limit of a mass, or of a given signal, on the observed events.

    Input: the templates of the signal's model, and the events.
    Output: a row per interval: limit, best fit, p-values, status; critical values, calibrated
        with the nuisances that fit the data best, where they are from toys.
    Cost: ten seconds of one core with 22,000 toys.
    """
    input:
        templates=model_templates,
        events=lambda w: observed_files(w.target),
    output:
        limits=pattern(paths.OBSERVED_MASS),
        calibration=(
            [pattern(paths.OBSERVED_CALIBRATION)]
            if STUDY.critical_values == "toys"
            else []
        ),
    log:
        log_of(paths.OBSERVED_MASS),
    threads: 1
    resources:
        mem_mb=2000,
        runtime=120,
    params:
        config=lambda w: observed_slice(STUDY, *model_place(w)),
        code=code_of("observed_of_mass.py"),
    script:
        "../scripts/observed_of_mass.py"


rule observed_table:
    """Put the limits of all masses beside what is expected, and constrain their power.

    Input: the limits of each mass, and the summary.
    Output: a row per mass and interval, as Parquet and CSV.
    Cost: a second.
    """
    input:
        limits=lambda w: [
            STUDY.model_path(paths.OBSERVED_MASS, w.target, w.interaction, mass)
            for mass in STUDY.masses_GeV
        ],
        summary=SUMMARY[0],
    output:
        parquet=pattern(paths.OBSERVED.replace("{suffix}", "parquet")),
        csv=pattern(paths.OBSERVED.replace("{suffix}", "csv")),
    log:
        log_of(paths.OBSERVED.replace("{suffix}", "parquet")),
    params:
        config=lambda w: observed_table_slice(STUDY, w.target, w.interaction),
        code=code_of("observed_table.py"),
    script:
        "../scripts/observed_table.py"


use rule observed_table as observed_table_of_signals with:
    input:
        limits=lambda w: [
            STUDY.model_path(paths.OBSERVED_MASS, w.target, *place)
            for place in STUDY.places_of(None)
        ],
        summary=SIGNALS_SUMMARY[0],
    output:
        parquet=pattern(paths.OBSERVED_SIGNALS.replace("{suffix}", "parquet")),
        csv=pattern(paths.OBSERVED_SIGNALS.replace("{suffix}", "csv")),
    log:
        log_of(paths.OBSERVED_SIGNALS.replace("{suffix}", "parquet")),
    params:
        config=lambda w: observed_table_slice(STUDY, w.target, None),
        code=code_of("observed_table.py"),


rule observed_details:
    """Find what a limit hangs on: its events one by one, and its nuisances.

    Input: the templates of the mass's model, the events, and their calibration if critical values
        are from toys.
    Output: a row per event, and a row per nuisance, as Parquet and CSV.
    Cost: five seconds.
    """
    input:
        templates=model_templates,
        events=lambda w: observed_files(w.target),
        calibration=lambda w: (
            [STUDY.model_path(paths.OBSERVED_CALIBRATION, *model_place(w))]
            if STUDY.critical_values == "toys"
            else []
        ),
    output:
        events=observed_detail("events", "parquet"),
        events_csv=observed_detail("events", "csv"),
        nuisances=observed_detail("nuisances", "parquet"),
        nuisances_csv=observed_detail("nuisances", "csv"),
    log:
        log_of(
            paths.OBSERVED_DETAIL.format_map(
                {
                    "target": "{target}",
                    "signal": "{signal}",
                    "detail": "details",
                    "suffix": "parquet",
                }
            )
        ),
    params:
        interval=OBSERVED_INTERVAL,
        config=lambda w: observed_detail_slice(
            STUDY, *model_place(w), OBSERVED_INTERVAL
        ),
        code=code_of("observed_details.py"),
    script:
        "../scripts/observed_details.py"


rule figure_observed:
    """Draw the observed limits over the expected bands."""
    input:
        table=pattern(paths.OBSERVED.replace("{suffix}", "parquet")),
        published=lambda w: published_files(STUDY.targets[w.target]),
    output:
        reported(
            "observed_limits_{target}_{interaction}",
            "observed_limits",
            "Observed",
            result="observed limits",
            detector="{target}",
            interaction="{interaction}",
        ),
    log:
        log_of("figures/observed_limits_{target}_{interaction}"),
    params:
        claims=CLAIMS,
        config=lambda w: [
            STUDY.title(w.target),
            observed_table_slice(STUDY, w.target, w.interaction),
            published_slice(STUDY.targets[w.target]),
        ],
        code=code_of("figure_observed.py"),
    script:
        "../scripts/figure_observed.py"


rule figure_observed_signals:
    """Draw the observed limits on given signals over the expected bands."""
    input:
        table=pattern(paths.OBSERVED_SIGNALS.replace("{suffix}", "parquet")),
    output:
        reported(
            "observed_limits_{target}_signals",
            "observed_signals",
            "Observed",
            result="observed limits on given signals",
            detector="{target}",
        ),
    log:
        log_of("figures/observed_limits_{target}_signals"),
    params:
        claims=SIGNALS_CLAIMS,
        config=lambda w: [
            STUDY.title(w.target),
            observed_table_slice(STUDY, w.target, None),
        ],
        code=code_of("figure_observed_signals.py"),
    script:
        "../scripts/figure_observed_signals.py"


rule figure_observed_events:
    """Draw the observed events over the bands and the signal, and list the most signal-like."""
    input:
        templates=lambda w: template_files(*detail_place(w)),
        events=lambda w: observed_details(w, "events"),
    output:
        reported(
            "observed_events_{target}_{interaction}",
            "observed_events",
            "Observed",
            result="observed events",
            detector="{target}",
            interaction="{interaction}",
        ),
    log:
        log_of("figures/observed_events_{target}_{interaction}"),
    params:
        signal=lambda w: detail_signal(w).path,
        label=lambda w: detail_signal(w).label,
        interval=OBSERVED_INTERVAL,
        config=observed_picture_slice,
        code=code_of("figure_observed_events.py"),
    script:
        "../scripts/figure_observed_events.py"


use rule figure_observed_events as figure_observed_events_of_signal with:
    output:
        reported(
            "observed_events_{target}/{given}",
            "observed_events",
            "Observed",
            result="observed events",
            detector="{target}",
            signal="{given}",
        ),
    log:
        log_of("figures/observed_events_{target}/{given}"),


rule figure_observed_nuisances:
    """Draw pulls and impacts of the nuisances, and what the limit is without single events."""
    input:
        events=lambda w: observed_details(w, "events"),
        nuisances=lambda w: observed_details(w, "nuisances"),
    output:
        reported(
            "observed_nuisances_{target}_{interaction}",
            "observed_nuisances",
            "Observed",
            result="nuisances and single events",
            detector="{target}",
            interaction="{interaction}",
        ),
    log:
        log_of("figures/observed_nuisances_{target}_{interaction}"),
    params:
        signal=lambda w: detail_signal(w).path,
        label=lambda w: detail_signal(w).label,
        interval=OBSERVED_INTERVAL,
        config=observed_picture_slice,
        code=code_of("figure_observed_nuisances.py"),
    script:
        "../scripts/figure_observed_nuisances.py"


use rule figure_observed_nuisances as figure_observed_nuisances_of_signal with:
    output:
        reported(
            "observed_nuisances_{target}/{given}",
            "observed_nuisances",
            "Observed",
            result="nuisances and single events",
            detector="{target}",
            signal="{given}",
        ),
    log:
        log_of("figures/observed_nuisances_{target}/{given}"),
