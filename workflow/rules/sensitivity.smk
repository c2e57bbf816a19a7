rule sensitivity:
    """Compute the Asimov limits, and the templates' error and bias on them.

    Input: templates and calibrations of all masses; spectra and responses where those are
        simulated.
    Output: median and bands without trials, a row per mass and interval.
    Cost: 4 s.
    """
    input:
        templates=lambda w: [
            file
            for interaction in STUDY.interactions
            for mass in STUDY.masses_GeV
            for file in template_files(w.target, interaction, mass)
        ],
        spectra=lambda w: [
            file
            for detector, source in target_sources(w.target)
            for file in spectrum_files(detector, source)
            if STUDY.replicas
        ],
        responses=lambda w: [
            file
            for detector, response in target_responses(w.target)
            for file in response_files(detector, response)
            if STUDY.replicas
        ],
        calibration=lambda w: (
            [
                STUDY.model_path(paths.CALIBRATION, w.target, interaction, mass)
                for interaction in STUDY.interactions
                for mass in STUDY.masses_GeV
            ]
            if STUDY.critical_values == "toys"
            else []
        ),
    output:
        sensitivity=pattern(paths.SENSITIVITY),
    log:
        log_of(paths.SENSITIVITY),
    params:
        config=lambda w: sensitivity_slice(STUDY, w.target),
        code=code_of("sensitivity.py"),
    script:
        "../scripts/sensitivity.py"
