"""One-bin models in pyhf, against the same ones here, to a relative 1e-3.

pyhf's `lumi` modifier, on the background alone, is a background rate with a normal constraint.

What can be compared: the test statistics of data, everywhere. Our upper limit is where q̃ reaches
Φ⁻¹(0.9)²; pyhf's, where CLs+b is 0.1, is the same up to q̃ = q̃_A, which is where the best-fit
signal is not negative. Its CLs limits come from a background-only Asimov dataset whose nuisances
are fitted to the data, ours from nominal ones: they agree where the background is known.
"""

import warnings

import numpy as np
import pytest
from scipy.optimize import brentq

from counting import ONE_SIDED_90, counting_limit, counting_structure
from zeptobarn.inference.asymptotics import asymptotic
from zeptobarn.inference.problem import Data, Problem, fits_at
from zeptobarn.study.settings import Interval

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", "jsonschema.RefResolver", DeprecationWarning)
    import pyhf

CLS = Interval("cls", {}, (), "upper", cls=True)
EVENTS = (0, 1, 3, 10, 40)
BACKGROUNDS = (1.0, 5.0, 30.0)
WIDTHS = (None, 0.1, 0.3)


@pytest.fixture(autouse=True)
def _backend():
    """NumPy, and fits tight enough for a relative 1e-3 of a small statistic."""
    before = pyhf.tensorlib, pyhf.optimizer
    pyhf.set_backend("numpy", pyhf.optimize.scipy_optimizer(tolerance=1e-10))
    yield
    pyhf.set_backend(*before)


def pyhf_model(b, width):
    """A signal of one event per unit of mu over b; width: relative, None where b is known."""
    known = width is None
    lumi = {"name": "lumi", "type": "lumi", "data": None}
    samples = [
        {
            "name": "signal",
            "data": [1.0],
            "modifiers": [{"name": "mu", "type": "normfactor", "data": None}],
        },
        {"name": "background", "data": [b], "modifiers": [] if known else [lumi]},
    ]
    parameters = [{"name": "mu", "bounds": [[0.0, 200.0]], "inits": [1.0]}]
    if not known:
        constraint = {"auxdata": [1.0], "sigmas": [width], "bounds": [[0.0, 10.0]]}
        parameters.append({"name": "lumi", "inits": [1.0], **constraint})
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "jsonschema.RefResolver", DeprecationWarning)
        return pyhf.Model(
            {"channels": [{"name": "counts", "samples": samples}], "parameters": parameters},
            poi_name="mu",
        )


def pyhf_statistic(statistic, mu, n, model):
    config = model.config
    return float(
        statistic(
            mu,
            [float(n), *config.auxdata],
            model,
            config.suggested_init(),
            config.suggested_bounds(),
            config.suggested_fixed(),
        )
    )


def pyhf_p_values(mu, n, model):
    """CLs, CLs+b and CLb."""
    cls, (with_signal, background) = pyhf.infer.hypotest(
        mu, [float(n)], model, test_stat="qtilde", return_tail_probs=True
    )
    return float(cls), float(with_signal), float(background)


def counting_problem(b, width):
    """The same model here."""
    structure = counting_structure(b, None if width is None else width * b)
    rates = len(structure.constraints)
    names = ("background_rate",)[: rates - 1]
    return Problem(structure, names, np.ones(rates), np.array([0, 1]), 1.0, "")


def statistics(n, b, width, signals):
    """Best-fit signal, and t̃ at signals."""
    data = Data(np.array([0]), np.array([float(n)]), np.array([[0, 1]]), np.ones((1, 1)), {})
    best, fits = fits_at(counting_problem(b, width), data, np.array(signals))
    return best[0], fits[0, :, 0]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("b", BACKGROUNDS)
@pytest.mark.parametrize("n", EVENTS)
def test_statistics(n, b, width):
    """q̃ at signals below and above the best fit, and q₀."""
    model = pyhf_model(b, width)
    signals = np.array([0.5, 2.0, 6.0, 15.0, 60.0])
    best, t = statistics(n, b, width, np.append(signals, 0.0))
    q = np.where(best > signals, 0.0, t[:-1])
    expected = [
        pyhf_statistic(pyhf.infer.test_statistics.qmu_tilde, mu, n, model) for mu in signals
    ]
    np.testing.assert_allclose(q, expected, rtol=1e-3, atol=1e-6)
    q0 = t[-1] if best > 0 else 0.0
    expected = pyhf_statistic(pyhf.infer.test_statistics.q0, 0.0, n, model)
    assert q0 == pytest.approx(expected, rel=1e-3, abs=1e-6)
    assert (q0 > 0.01) == (n > b)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("b", BACKGROUNDS)
@pytest.mark.parametrize("n", EVENTS)
def test_upper_limit(n, b, width):
    """Where pyhf's q̃ reaches our critical value."""
    model = pyhf_model(b, width)

    def excess(mu):
        q = pyhf_statistic(pyhf.infer.test_statistics.qmu_tilde, mu, n, model)
        return q - ONE_SIDED_90[0, 1]

    expected = brentq(excess, max(n - b, 0.0) + 0.01, 100.0, rtol=1e-6)
    row = counting_limit(n, b, None if width is None else width * b)
    assert row.limit == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("b", BACKGROUNDS)
@pytest.mark.parametrize("n", EVENTS)
def test_p_value_of_the_upper_limit(n, b):
    """At our limit pyhf's CLs+b is 0.1; below 0.1 where fewer events than the background came."""
    limit = counting_limit(n, b).limit
    with_signal = pyhf_p_values(limit, n, pyhf_model(b, None))[1]
    if n >= b:
        assert with_signal == pytest.approx(0.1, rel=1e-3)
    else:
        assert with_signal < 0.1 * (1 - 1e-3)


@pytest.mark.parametrize("b", BACKGROUNDS)
@pytest.mark.parametrize("n", EVENTS)
def test_cls_limit(n, b):
    model = pyhf_model(b, None)
    expected = brentq(lambda mu: pyhf_p_values(mu, n, model)[0] - 0.1, 0.1, 100.0, rtol=1e-6)
    critical = asymptotic(counting_problem(b, None), CLS, 0.9)
    row = counting_limit(n, b, critical=critical)
    assert row.limit == pytest.approx(expected, rel=1e-3)
    assert row.limit > counting_limit(n, b).limit
