"""Pictures of single datasets, and of the spectra behind them."""

from zeptobarn.study.variation import MEDIAN_DATASETS, RATE_MULTIPLIERS

DATASET_PICTURES = [
    *(figure(f"statistic_{t}_{i}") for t in STUDY.targets for i in STUDY.interactions),
    *(figure(f"likelihood_{t}_{i}") for t in STUDY.targets for i in STUDY.interactions),
    *(figure(f"spectra_integrated_{i}") for i in STUDY.interactions),
    *(
        figure(f"{name}_{d}")
        for name in ("datasets", "medians", "invariance")
        for d in STUDY.detectors
        if STUDY.masses_GeV
    ),
]

# The lightest, where the shape of the yields matters most, and one near the best sensitivity.
LIKELIHOOD_MASSES = (
    sorted({min(STUDY.masses_GeV), STUDY.nearest_mass(50)}) if STUDY.masses_GeV else []
)
DATASETS_MASS, MEDIANS_MASS = (
    STUDY.nearest_mass(mass) if STUDY.masses_GeV else None for mass in (50, 10)
)


rule figure_statistic:
    """Draw the test statistic of one dataset against the cross section, for all masses."""
    input:
        templates=lambda w: picture_templates(w, STUDY.masses_GeV),
        calibration=picture_calibrations,
        events=lambda w: first_toys(w, paths.TOYS),
        truth=lambda w: first_toys(w, paths.TRUTH),
    output:
        reported(
            "statistic_{target}_{interaction}",
            "statistic",
            "Likelihood",
            result="statistic",
            detector="{target}",
            interaction="{interaction}",
        ),
    log:
        log_of("figures/statistic_{target}_{interaction}"),
    params:
        claims=CLAIMS,
        config=lambda w: picture_slice(w, STUDY.masses_GeV),
        code=code_of("figure_statistic.py"),
    script:
        "../scripts/figure_statistic.py"


rule figure_likelihood:
    """Draw the likelihood ratio of one dataset over the signal and a shape parameter."""
    input:
        templates=lambda w: picture_templates(w, LIKELIHOOD_MASSES),
        events=lambda w: first_toys(w, paths.TOYS),
        truth=lambda w: first_toys(w, paths.TRUTH),
    output:
        reported(
            "likelihood_{target}_{interaction}",
            "likelihood",
            "Likelihood",
            result="likelihood of leff and signal",
            detector="{target}",
            interaction="{interaction}",
        ),
    log:
        log_of("figures/likelihood_{target}_{interaction}"),
    params:
        config=lambda w: picture_slice(w, LIKELIHOOD_MASSES),
        signals=lambda w: [
            STUDY.tested(w.interaction, mass).path for mass in LIKELIHOOD_MASSES
        ],
        code=code_of("figure_likelihood.py"),
    script:
        "../scripts/figure_likelihood.py"


rule figure_datasets:
    """Draw one dataset without and with signal, and list its sources."""
    input:
        templates=lambda w: picture_templates(w, [DATASETS_MASS]),
        events=lambda w: first_toys(w, paths.TOYS),
        truth=lambda w: first_toys(w, paths.TRUTH),
    output:
        figure=reported(
            "datasets_{detector}",
            "datasets",
            "Templates and datasets",
            result="dataset with a signal",
            detector="{detector}",
        ),
        table=paths.fill(
            pattern(paths.FIGURE), figure="datasets_{detector}", suffix="csv"
        ),
    log:
        log_of("figures/datasets_{detector}"),
    params:
        config=lambda w: [
            STUDY.title(w.detector),
            STUDY.detectors[w.detector].signal.colour,
            STUDY.seed,
            [
                (s.label, s.rate, s.rate_multiplier)
                for s in STUDY.detectors[w.detector].sources
            ],
        ],
        signal=lambda w: picture_signal(w).path,
        label=lambda w: picture_signal(w).label,
        code=code_of("figure_datasets.py"),
    script:
        "../scripts/figure_datasets.py"


rule figure_spectra_integrated:
    """Draw the recoil spectra and their integrals above an energy."""
    input:
        signals=lambda w: [
            STUDY.path(paths.SPECTRUM, spectrum=paths.wimp_source(w.interaction, mass))
            for mass in STUDY.masses_GeV
        ],
        backgrounds=[
            STUDY.path(paths.SPECTRUM, spectrum=name) for name in STUDY.spectra()
        ],
    output:
        reported(
            "spectra_integrated_{interaction}",
            "spectra_integrated",
            "Spectra and yields",
            result="spectra, integrated",
            interaction="{interaction}",
        ),
    log:
        log_of("figures/spectra_integrated_{interaction}"),
    params:
        config=[
            (
                d.title,
                d.colour,
                d.apparatus.response_cutoff_keV,
                [(s.label, s.colour, s.recoil, s.rate_multiplier) for s in d.sources],
            )
            for d in STUDY.detectors.values()
        ],
        code=code_of("figure_spectra_integrated.py"),
    script:
        "../scripts/figure_spectra_integrated.py"


rule figure_medians:
    """Draw p-values of one dataset with a signal beside the limits of many datasets without."""
    input:
        templates=lambda w: picture_templates(w, [MEDIANS_MASS]),
    output:
        reported(
            "medians_{detector}",
            "medians",
            "Sensitivity",
            result="two ways to a median",
            detector="{detector}",
        ),
    log:
        log_of("figures/medians_{detector}"),
    params:
        claims=NOMINAL_CLAIM,
        config=lambda w: picture_slice(w, [MEDIANS_MASS]),
        mass_GeV=MEDIANS_MASS,
        n_datasets=min(STUDY.trials, MEDIAN_DATASETS),
        p_value=f"{1 - STUDY.confidence_level:.3g}",
        signals=" and ".join(f"{m:g}" for m in RATE_MULTIPLIERS if m),
        code=code_of("figure_medians.py"),
    script:
        "../scripts/figure_medians.py"


rule figure_invariance:
    """Draw limits of datasets thrown with the model of every mass."""
    input:
        templates=lambda w: picture_templates(w, STUDY.masses_GeV),
        calibration=picture_calibrations,
    output:
        reported(
            "invariance_{detector}",
            "invariance",
            "Sensitivity",
            result="model that throws datasets",
            detector="{detector}",
        ),
    log:
        log_of("figures/invariance_{detector}"),
    params:
        claims=CLAIMS,
        config=lambda w: picture_slice(w, STUDY.masses_GeV),
        code=code_of("figure_invariance.py"),
    script:
        "../scripts/figure_invariance.py"
