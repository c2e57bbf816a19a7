import dataclasses

import numpy as np
import pytest
from scipy import stats

from zeptobarn.support.streams import stream
from zeptobarn.templates.sampling import sample
from zeptobarn.templates.spectra import spectrum


@pytest.mark.parametrize(
    ("detector", "source", "n_events"),
    [
        ("xenon1t", "er", 300_000),
        ("xenon1t", "wimp_SI_50GeV", 300_000),
        ("lz", "wimp_SI_10GeV", 10**6),
    ],
)
def test_folding_agrees_with_sampling(small_study, small_templates, detector, source, n_events):
    """The response times the spectrum, against recoils drawn from the spectrum itself."""
    folded = small_templates[detector][source]
    instrument = small_study.detectors[detector]
    sampled = sample(
        small_study,
        detector,
        source,
        spectrum(small_study, small_study.spectrum_name(detector, source)),
        stream(1, "sample", source),
        n_events,
    )
    error = np.sqrt(sampled.variance.sum() + folded.variance.sum(axis=1).max())
    assert sampled.nominal.sum() == pytest.approx(folded.nominal.sum(), abs=4 * error)
    a, b = (t.nominal.reshape(instrument.space.shape).sum(axis=1) for t in (sampled, folded))
    variance = sum(
        t.variance[i].reshape(instrument.space.shape).sum(axis=1)
        for t, i in ((sampled, 0), (folded, len(folded.variance) // 2))
    )
    filled = (
        sampled.nominal.reshape(instrument.space.shape).sum(axis=1)
        > 100 * sampled.nominal[sampled.nominal > 0].min()
    )
    chi2 = ((a - b)[filled] ** 2 / variance[filled]).sum()
    assert filled.sum() > 3
    assert stats.chi2.sf(chi2, filled.sum()) > 1e-3


@pytest.mark.parametrize("source", ["wimp_SI_10GeV", "neutrons"])
def test_detector_file_says_how_many_recoils_are_sampled(small_study, source):
    detector = small_study.detectors["xenon1t"]
    few = dataclasses.replace(
        detector,
        signal=dataclasses.replace(detector.signal, n_events=700),
        sources=tuple(dataclasses.replace(s, n_events=700) for s in detector.sources),
    )
    study = dataclasses.replace(small_study, detectors={"xenon1t": few})
    table = spectrum(study, study.spectrum_name("xenon1t", source))
    own, given, other = (
        sample(study, "xenon1t", source, table, stream(1, "own"), n) for n in (None, 700, 600)
    )
    np.testing.assert_array_equal(own.expected, given.expected)
    assert not np.array_equal(own.expected, other.expected)
    with pytest.raises(ValueError, match="wall: no recoils"):
        sample(study, "xenon1t", "wall", table, stream(1, "own"))
