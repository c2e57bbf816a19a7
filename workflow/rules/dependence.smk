from zeptobarn.study import largest_energy_keV
from zeptobarn.variation import dependence_slice, nearest_mass, typical_masses

# Interactions that are compared, and the masses whose recoils every detector's response holds.
COMPARED = ("SI", "SD_n_central", "SD_p_central")
COMPARED_MASSES = [
    mass
    for mass in STUDY.masses_GeV
    if all(
        largest_energy_keV(mass, STUDY.halo) > d.settings["response_cutoff_keV"]["nr"]
        for d in STUDY.detectors.values()
    )
]

DEPENDENCE_PICTURES = [
    *(figure(f"dependence_{d}") for d in STUDY.detectors),
    *(figure(f"tornado_{d}") for d in STUDY.detectors),
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
    """Compute limits at other confidence levels and exposures, and with a detector's numbers changed."""
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
        pattern(paths.DEPENDENCE),
    log:
        log_of(paths.DEPENDENCE),
    threads: 2
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        config=lambda w: dependence_slice(STUDY, w.detector),
        code=code_digest(
            "calibration",
            "config",
            "density",
            "dependence",
            "detector",
            "fit",
            "formulas",
            "intervals",
            "jit",
            "likelihood",
            "model",
            "paths",
            "problem",
            "quadrature",
            "response",
            "sensitivity",
            "spectra",
            "streams",
            "study",
            "tables",
            "templates",
            "toys",
            "variation",
            "yields",
        ),
    script:
        "../scripts/dependence.py"


rule figure_dependence:
    """Draw the limit against confidence level and exposure, and how a detector's numbers move it."""
    input:
        pattern(paths.DEPENDENCE),
    output:
        dependence=reported(
            "dependence_{detector}",
            "dependence",
            "What the limit depends on",
            detector="{detector}",
            picture="confidence level and exposure",
        ),
        tornado=reported(
            "tornado_{detector}",
            "tornado",
            "What the limit depends on",
            detector="{detector}",
            picture="numbers of the detector",
        ),
    log:
        log_of("figures/dependence_{detector}"),
    params:
        config=lambda w: [
            STUDY.detectors[w.detector].title,
            dependence_slice(STUDY, w.detector),
        ],
        code=code_digest(
            "config",
            "detector",
            "figures.dependence",
            "figures.style",
            "formulas",
            "paths",
            "study",
            "tables",
            "variation",
        ),
    script:
        "../scripts/figure_dependence.py"
