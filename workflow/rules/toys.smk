rule toys:
    """Throw background-only datasets, shared by all masses and interactions.

    Input: the templates of the detector's backgrounds.
    Output: events (trial, source, cS1, cS2), and what was drawn for each trial.
    Cost: 2 s for 500 trials.
    """
    input:
        lambda w: [
            STUDY.path(paths.TEMPLATE, detector=w.detector, source=source.name)
            for source in STUDY.detectors[w.detector].sources
        ],
    output:
        events=pattern(paths.TOYS),
        truth=pattern(paths.TRUTH),
    log:
        log_of(paths.TOYS),
    params:
        config=lambda w: batch_toys_slice(w.detector),
        code=code_of("toys.py"),
    script:
        "../scripts/toys.py"


use rule toys as toys_at with:
    output:
        events=pattern(paths.TOYS_AT),
        truth=pattern(paths.TRUTH_AT),
    log:
        log_of(paths.TOYS_AT),
    params:
        config=lambda w: batch_toys_slice(w.detector, w.at),
        code=code_of("toys.py"),
