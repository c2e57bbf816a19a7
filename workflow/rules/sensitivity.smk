rule sensitivity:
    """Compute the Asimov limits, and the templates' error and bias on them."""
    input:
        templates=lambda w: [
            file
            for interaction in STUDY.interactions
            for mass in STUDY.masses_GeV
            for file in template_files(w.detector, interaction, mass)
        ],
        spectra=lambda w: [
            file
            for detector, source in target_sources(w.detector)
            for file in spectrum_files(detector, source)
            if STUDY.replicas
        ],
        responses=lambda w: [
            file
            for detector, recoil in target_recoils(w.detector)
            for file in response_files(detector, recoil)
            if STUDY.replicas
        ],
        calibration=lambda w: (
            [
                STUDY.path(
                    paths.CALIBRATION,
                    detector=w.detector,
                    interaction=interaction,
                    mass=paths.number(mass),
                )
                for interaction in STUDY.interactions
                for mass in STUDY.masses_GeV
            ]
            if STUDY.critical_values == "toys"
            else []
        ),
    output:
        pattern(paths.SENSITIVITY),
    log:
        log_of(paths.SENSITIVITY),
    params:
        config=lambda w: sensitivity_slice(STUDY, w.detector),
        code=code_of("sensitivity.py"),
    script:
        "../scripts/sensitivity.py"
