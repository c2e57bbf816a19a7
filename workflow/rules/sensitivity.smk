rule sensitivity:
    """Compute the Asimov limits, and the templates' error and bias on them.

    Input: templates and calibrations of all masses; spectra and responses where those are
        simulated.
    Output: median and bands without trials, a row per mass and interval.
    Cost: 4 s.
    """
    input:
        templates=lambda w: [
            file for place in STUDY.wimps for file in template_files(w.target, *place)
        ],
        spectra=lambda w: [
            file
            for detector, source in target_sources(w.target)
            for file in spectrum_files(detector, source)
            if STUDY.replicas
        ],
        responses=lambda w: [
            file
            for place in source_responses(target_sources(w.target))
            for file in response_files(*place)
            if STUDY.replicas
        ],
        calibration=lambda w: (
            [
                STUDY.model_path(paths.CALIBRATION, w.target, interaction, mass)
                for interaction, mass in STUDY.wimps
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


use rule sensitivity as sensitivity_of_signals with:
    input:
        templates=lambda w: [
            file
            for signal in STUDY.given_signals
            for file in template_files(w.target, signal.name, None)
        ],
        spectra=lambda w: [
            file
            for detector, source in target_sources(w.target)
            for file in spectrum_files(detector, source)
            if STUDY.replicas
        ],
        responses=lambda w: [
            file
            for place in source_responses(target_sources(w.target))
            for file in response_files(*place)
            if STUDY.replicas
        ],
        calibration=lambda w: (
            [
                STUDY.model_path(paths.CALIBRATION, w.target, signal.name, None)
                for signal in STUDY.given_signals
            ]
            if STUDY.critical_values == "toys"
            else []
        ),
    output:
        sensitivity=pattern(paths.SIGNALS_SENSITIVITY),
    log:
        log_of(paths.SIGNALS_SENSITIVITY),
    params:
        config=lambda w: signals_sensitivity_slice(STUDY, w.target),
        code=code_of("sensitivity.py"),
