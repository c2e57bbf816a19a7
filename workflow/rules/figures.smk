FIGURES = [
    *(figure(f"spectra_{i}") for i in STUDY.interactions),
    *(figure(f"yields_{d}") for d in STUDY.detectors),
    *(figure(f"templates_{d}") for d in STUDY.detectors),
    *(figure(f"bands_{d}") for d in STUDY.detectors),
    *(figure(f"limits_{d}_{i}") for d in STUDY.targets for i in STUDY.interactions),
    *(figure(f"limits_{i}") for i in STUDY.interactions),
]


rule figure_spectra:
    """Draw the recoil spectra."""
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
            "spectra_{interaction}",
            "spectra",
            "Spectra and yields",
            result="recoil spectra",
            interaction="{interaction}",
        ),
    log:
        log_of("figures/spectra_{interaction}"),
    params:
        config=[
            (
                d.title,
                [(s.label, s.colour, s.recoil, s.rate_multiplier) for s in d.sources],
            )
            for d in STUDY.detectors.values()
        ],
        code=code_of("figure_spectra.py"),
    script:
        "../scripts/figure_spectra.py"


rule figure_yields:
    """Draw photons and electrons per keV of every yield model at a detector's drift field."""
    output:
        reported(
            "yields_{detector}",
            "yields",
            "Spectra and yields",
            result="yields",
            detector="{detector}",
        ),
    log:
        log_of("figures/yields_{detector}"),
    params:
        config=lambda w: (
            STUDY.detectors[w.detector].title,
            [
                getattr(STUDY.detectors[w.detector].apparatus, key)
                for key in (
                    "yields",
                    "drift_field_V_per_cm",
                    "liquid_density_g_per_cm3",
                    "response_cutoff_keV",
                )
            ],
            [
                (s.name, s.parameter, s.low_energy)
                for s in STUDY.shapes_of(w.detector, "nr")
            ],
        ),
        code=code_of("figure_yields.py"),
    script:
        "../scripts/figure_yields.py"


rule figure_templates:
    """Draw each source's template, and a background dataset over the ER and NR bands."""
    input:
        templates=lambda w: [
            STUDY.path(paths.TEMPLATE, detector=w.detector, source=source)
            for source in [
                *(s.name for s in STUDY.detectors[w.detector].sources),
                *STUDY.signals(),
            ]
        ],
        events=lambda w: STUDY.path(
            paths.TOYS, detector=w.detector, batch=STUDY.batches[0]
        ),
        truth=lambda w: STUDY.path(
            paths.TRUTH, detector=w.detector, batch=STUDY.batches[0]
        ),
    output:
        templates=reported(
            "templates_{detector}",
            "templates",
            "Templates and datasets",
            result="templates",
            detector="{detector}",
        ),
        bands=reported(
            "bands_{detector}",
            "bands",
            "Templates and datasets",
            result="dataset over the bands",
            detector="{detector}",
        ),
    log:
        log_of("figures/templates_{detector}"),
    params:
        config=lambda w: (
            STUDY.detectors[w.detector].title,
            [(s.label, s.colour) for s in STUDY.detectors[w.detector].sources],
            *[(s.label, s.unit) for s in STUDY.given_signals],
        ),
        code=code_of("figure_templates.py"),
    script:
        "../scripts/figure_templates.py"


rule figure_limits:
    """Draw a detector's limit curves with their bands."""
    input:
        summary=SUMMARY[0],
        published=lambda w: published_files(STUDY.targets[w.target]),
    output:
        reported(
            "limits_{target}_{interaction}",
            "limits",
            "Limits",
            result="limits",
            detector="{target}",
            interaction="{interaction}",
        ),
    log:
        log_of("figures/limits_{target}_{interaction}"),
    params:
        claims=CLAIMS,
        config=lambda w: [
            STUDY.title(w.target),
            published_slice(STUDY.targets[w.target]),
        ],
        code=code_of("figure_limits.py"),
    script:
        "../scripts/figure_limits.py"


rule figure_limits_together:
    """Draw the limit curves of all detectors."""
    input:
        summary=SUMMARY[0],
        published=published_files(STUDY.detectors),
    output:
        reported(
            "limits_{interaction}",
            "limits_together",
            "Limits",
            result="limits of all detectors",
            interaction="{interaction}",
        ),
    log:
        log_of("figures/limits_{interaction}"),
    params:
        claims=CLAIMS,
        config=[
            [(d.title, d.colour) for d in STUDY.detectors.values()],
            published_slice(STUDY.detectors),
        ],
        code=code_of("figure_limits_together.py"),
    script:
        "../scripts/figure_limits_together.py"
