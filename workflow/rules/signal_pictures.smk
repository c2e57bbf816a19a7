"""Pictures of given signals, where there are such of WIMPs that make sense for any spectrum."""

SIGNAL_PICTURES = [
    *(
        figure(f"{name}_{target}_signals")
        for name in ("statistic", "likelihood", "distributions")
        for target in STUDY.targets
        if STUDY.given_signals
    ),
    *(
        figure(f"{name}_{target}/{signal.name}")
        for name in ("pulls", "asymptotics")
        for target in STUDY.targets
        for signal in STUDY.given_signals
    ),
    *(
        figure(f"datasets_{detector}/{signal.name}")
        for detector in STUDY.detectors
        for signal in STUDY.given_signals
    ),
]


use rule figure_statistic as figure_statistic_of_signals with:
    input:
        templates=lambda w: templates_of_places(w, STUDY.places_of(None)),
        calibration=lambda w: calibrations_of_places(w, STUDY.places_of(None)),
        events=lambda w: first_toys(w, paths.TOYS),
        truth=lambda w: first_toys(w, paths.TRUTH),
    output:
        reported(
            "statistic_{target}_signals",
            "statistic_signals",
            "Likelihood",
            result="statistic, given signals",
            detector="{target}",
        ),
    log:
        log_of("figures/statistic_{target}_signals"),
    params:
        claims=SIGNALS_CLAIMS,
        config=signals_slice,
        code=code_of("figure_statistic.py"),


use rule figure_likelihood as figure_likelihood_of_signals with:
    input:
        templates=lambda w: templates_of_places(w, STUDY.places_of(None)),
        events=lambda w: first_toys(w, paths.TOYS),
        truth=lambda w: first_toys(w, paths.TRUTH),
    output:
        reported(
            "likelihood_{target}_signals",
            "likelihood",
            "Likelihood",
            result="likelihood of leff and given signals",
            detector="{target}",
        ),
    log:
        log_of("figures/likelihood_{target}_signals"),
    params:
        config=signals_slice,
        signals=[signal.path for signal in STUDY.given_signals],
        code=code_of("figure_likelihood.py"),


use rule figure_distributions as figure_distributions_of_signals with:
    input:
        lambda w: [
            STUDY.model_path(paths.LIMITS, w.target, *place, batch=batch)
            for place in STUDY.places_of(None)
            for batch in STUDY.batches
        ],
    output:
        reported(
            "distributions_{target}_signals",
            "distributions_signals",
            "Limits",
            result="distributions of limits on given signals",
            detector="{target}",
        ),
    log:
        log_of("figures/distributions_{target}_signals"),
    params:
        claims=SIGNALS_CLAIMS,
        config=signals_slice,
        code=code_of("figure_distributions.py"),


use rule figure_pulls as figure_pulls_of_signal with:
    output:
        reported(
            "pulls_{target}/{given}",
            "pulls",
            "Likelihood",
            result="pulls",
            detector="{target}",
            signal="{given}",
        ),
    log:
        log_of("figures/pulls_{target}/{given}"),
    params:
        claims=labels.list_intervals(STUDY, given=True),
        signal=lambda w: w.given,
        label=lambda w: picture_signal(w).label,
        config=lambda w: [STUDY.title(w.target), STUDY.constraint_centres],
        code=code_of("figure_pulls.py"),


use rule figure_asymptotics as figure_asymptotics_of_signal with:
    output:
        reported(
            "asymptotics_{target}/{given}",
            "asymptotics",
            "Likelihood",
            result="statistic of toys",
            detector="{target}",
            signal="{given}",
        ),
    log:
        log_of("figures/asymptotics_{target}/{given}"),


use rule figure_datasets as figure_datasets_of_signal with:
    input:
        templates=lambda w: template_files(w.detector, w.given, None),
        events=lambda w: first_toys(w, paths.TOYS),
        truth=lambda w: first_toys(w, paths.TRUTH),
    output:
        figure=reported(
            "datasets_{detector}/{given}",
            "datasets",
            "Templates and datasets",
            result="dataset with a signal",
            detector="{detector}",
            signal="{given}",
        ),
        table=paths.fill(
            pattern(paths.FIGURE), figure="datasets_{detector}/{given}", suffix="csv"
        ),
    log:
        log_of("figures/datasets_{detector}/{given}"),
    params:
        config=lambda w: [
            STUDY.title(w.detector),
            [picture_signal(w).colour, picture_signal(w).unit],
            STUDY.seed,
            [
                (s.label, s.rate, s.rate_multiplier)
                for s in STUDY.detectors[w.detector].sources
            ],
        ],
        signal=lambda w: w.given,
        label=lambda w: picture_signal(w).label,
        code=code_of("figure_datasets.py"),
