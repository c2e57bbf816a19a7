from zeptobarn.study.checks import largest_energy_keV
from zeptobarn.study.variation import dependence_slice, typical_masses

# Interactions that are compared, and the masses whose recoils every detector's response holds.
COMPARED = ("SI", "SD_n_central", "SD_p_central")
COMPARED_MASSES = [
    mass
    for mass in STUDY.masses_GeV
    if all(
        largest_energy_keV(mass, STUDY.halo) > d.apparatus.response_cutoff_keV["nr"]
        for d in STUDY.detectors.values()
    )
]

DEPENDENCE_PICTURES = [
    *(
        figure(f"{name}_{d}")
        for name in ("dependence", "tornado")
        for d in STUDY.detectors
        if STUDY.masses_GeV
    ),
    *(
        figure(f"{name}_{target}_{interaction}")
        for name in ("distributions", "pulls", "asymptotics")
        for target in STUDY.targets
        for interaction in STUDY.interactions
    ),
    *(figure(f"comparison_{interaction}") for interaction in STUDY.interactions),
    *(figure("interactions") if COMPARED_MASSES else []),
]


rule dependence:
    """Compute limits at other confidence levels and exposures, and with a detector's numbers changed.

    Input: the spectra of all backgrounds and of two signals.
    Output: Asimov limits against each number.
    Cost: half a minute of two cores: two responses for each changed detector.
    """
    input:
        lambda w: [
            file
            for source in [
                *(
                    paths.wimp_source(STUDY.interactions[0], mass)
                    for mass in typical_masses(STUDY)
                ),
                *(s.name for s in STUDY.detectors[w.detector].sources),
            ]
            for file in spectrum_files(w.detector, source)
        ],
    output:
        limits=pattern(paths.DEPENDENCE),
    log:
        log_of(paths.DEPENDENCE),
    threads: 2
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        config=lambda w: dependence_slice(STUDY, w.detector),
        code=code_of("dependence.py"),
    script:
        "../scripts/dependence.py"


rule figure_dependence:
    """Draw the limit against confidence level and exposure, and how a detector's numbers move it."""
    input:
        limits=pattern(paths.DEPENDENCE),
    output:
        dependence=reported(
            "dependence_{detector}",
            "dependence",
            "Sensitivity",
            result="confidence level and exposure",
            detector="{detector}",
        ),
        tornado=reported(
            "tornado_{detector}",
            "tornado",
            "Sensitivity",
            result="detector parameters",
            detector="{detector}",
        ),
    log:
        log_of("figures/dependence_{detector}"),
    params:
        claims=NOMINAL_CLAIM,
        config=lambda w: [
            STUDY.detectors[w.detector].title,
            dependence_slice(STUDY, w.detector),
        ],
        code=code_of("figure_dependence.py"),
    script:
        "../scripts/figure_dependence.py"


rule figure_distributions:
    """Draw the limits of all trials at each mass."""
    input:
        lambda w: [
            STUDY.model_path(paths.LIMITS, w.target, w.interaction, mass, batch=batch)
            for mass in STUDY.masses_GeV
            for batch in STUDY.batches
        ],
    output:
        reported(
            "distributions_{target}_{interaction}",
            "distributions",
            "Limits",
            result="distributions of limits",
            detector="{target}",
            interaction="{interaction}",
        ),
    log:
        log_of("figures/distributions_{target}_{interaction}"),
    params:
        claims=CLAIMS,
        config=lambda w: STUDY.title(w.target),
        code=code_of("figure_distributions.py"),
    script:
        "../scripts/figure_distributions.py"


rule figure_pulls:
    """Draw the pulls of the nuisances over the trials."""
    input:
        templates=lambda w: template_files(*picture_place(w)),
        limits=lambda w: [
            STUDY.model_path(paths.LIMITS, *picture_place(w), batch=batch)
            for batch in STUDY.batches
        ],
        truth=lambda w: [
            STUDY.path(paths.TRUTH, detector=detector, batch=batch)
            for detector in STUDY.targets[w.target]
            for batch in STUDY.batches
        ],
    output:
        reported(
            "pulls_{target}_{interaction}",
            "pulls",
            "Likelihood",
            result="pulls",
            detector="{target}",
            interaction="{interaction}",
        ),
    log:
        log_of("figures/pulls_{target}_{interaction}"),
    params:
        claims=labels.list_intervals(STUDY),
        signal=lambda w: picture_signal(w).path,
        label=lambda w: picture_signal(w).label,
        config=lambda w: [STUDY.title(w.target), STUDY.constraint_centres],
        code=code_of("figure_pulls.py"),
    script:
        "../scripts/figure_pulls.py"


rule figure_asymptotics:
    """Draw the test statistics of toys beside their asymptotic distributions."""
    input:
        lambda w: template_files(*picture_place(w)),
    output:
        reported(
            "asymptotics_{target}_{interaction}",
            "asymptotics",
            "Likelihood",
            result="statistic of toys",
            detector="{target}",
            interaction="{interaction}",
        ),
    log:
        log_of("figures/asymptotics_{target}_{interaction}"),
    params:
        expected_events=[1, 3, 10],
        toys=10000,
        signal=lambda w: picture_signal(w).path,
        label=lambda w: picture_signal(w).label,
        config=lambda w: [
            STUDY.title(w.target),
            limits_slice(STUDY, *picture_place(w)),
        ],
        code=code_of("figure_asymptotics.py"),
    script:
        "../scripts/figure_asymptotics.py"


rule figure_comparison:
    """Draw background, signal and limit curves of all detectors side by side."""
    input:
        summary=SUMMARY[0],
        templates=lambda w: [
            file
            for detector in STUDY.detectors
            for file in template_files(detector, w.interaction, STUDY.nearest_mass(50))
        ],
    output:
        reported(
            "comparison_{interaction}",
            "comparison",
            "Sensitivity",
            result="detectors side by side",
            interaction="{interaction}",
        ),
    log:
        log_of("figures/comparison_{interaction}"),
    params:
        claims=CLAIMS,
        config=[(d.title, d.colour) for d in STUDY.detectors.values()],
        code=code_of("figure_comparison.py"),
    script:
        "../scripts/figure_comparison.py"


rule figure_interactions:
    """Draw each detector's Asimov limits on spin-independent and spin-dependent interactions."""
    input:
        [
            file
            for detector in STUDY.detectors
            for interaction in COMPARED
            for mass in COMPARED_MASSES
            for file in template_files(detector, interaction, mass)
        ],
    output:
        picture=reported(
            "interactions",
            "interactions",
            "Sensitivity",
            result="interactions",
        ),
        table=STUDY.results / "figures/interactions.csv",
    log:
        log_of("figures/interactions"),
    params:
        claims=NOMINAL_CLAIM,
        interactions=COMPARED,
        masses_GeV=COMPARED_MASSES,
        config=[
            (d.title, d.colour, STUDY.confidence_level)
            for d in STUDY.detectors.values()
        ],
        code=code_of("figure_interactions.py"),
    script:
        "../scripts/figure_interactions.py"
