"""Recoil spectra: differential rates against recoil energy, and their integrals.

A spectrum is a DataFrame with the columns ``recoil_energy_keV`` (increasing) and
``rate_per_kg_day_keV``. Between two rows the rate is exponential in energy (linear where one of
them is zero), outside the rows it is zero.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from zeptobarn.physics.decays import beta_shape, decay, double_beta_shape
from zeptobarn.physics.detector import Detector, Source
from zeptobarn.physics.halo import HALOS
from zeptobarn.physics.histogram_files import read_histogram
from zeptobarn.physics.rates import wimp_rate
from zeptobarn.study.checks import largest_energy_keV
from zeptobarn.study.slices.spectrum import spectrum_slice
from zeptobarn.study.study import Study, signal_recoil
from zeptobarn.support.config import ConfigError
from zeptobarn.support.inputs import check_columns, numbers, read_table, refuse_shifted
from zeptobarn.support.kinds import NOT_NEGATIVE, Column, Kind
from zeptobarn.support.tables import read_parquet, write_csv, write_parquet

COLUMNS = ["recoil_energy_keV", "rate_per_kg_day_keV"]
_KIND = Kind(
    {COLUMNS[0]: Column(low=0, increases=True), COLUMNS[1]: NOT_NEGATIVE},
    fewest=2,
)

# Cross section of the WIMP spectra in the results folder: one zeptobarn, in cm².
CROSS_SECTION_CM2 = 1.0e-45

# Lower end of the WIMP spectra: below this no light is seen in either recoil type.
_LOWEST_KEV = 0.05
_GRID_STEP_LOG = 0.01
# Of electrons and photons: the rate jumps where a shell of the atom opens.
_FINE_STEP_LOG = 0.002
# Of all backgrounds of a detector: ten gigabytes and more.
_MOST_IN_JOB = 300_000_000


def spectrum(study: Study, name: str) -> pd.DataFrame:
    """Compute a study's spectrum by name, a signal's or a background's."""
    if signal := study.signal(name):
        return wimp_spectrum(signal[1], signal[0], study.halo)
    if name in (given := study.given_spectra()):
        return read_spectrum(given[name])
    return background_spectrum(study.spectra()[name])


def source_tables(study: Study, detector: str, source: str) -> dict[str, pd.DataFrame]:
    """Compute the spectra of a source by response; none for a template from a formula or a file."""
    names = study.source_spectra(detector, source)
    return {response: spectrum(study, name) for response, name in names.items()}


def source_spectrum(study: Study, detector: str, source: str) -> pd.DataFrame | None:
    """Compute the only spectrum of a source; None for a template from a formula or a file."""
    name = study.spectrum_name(detector, source)
    return None if name is None else spectrum(study, name)


def check_rates(study: Study) -> None:
    """Compute the spectra of all backgrounds and given signals, to find mistakes before a run.

    Raises
    ------
    ConfigError
        A spectrum's file is wrong (see `read_spectrum`), or a background has more events than
        anyone expects: in a trial, or in the trials of a job; or nothing of a given signal has an
        energy that a detector's response holds.
    """
    _check_given(study)
    in_job = min(study.trials, study.trials_per_batch)
    for detector in study.detectors.values():
        of_detector = {s.name: most_events(detector, s) for s in detector.sources}
        for source, expected in of_detector.items():
            if not expected <= study.most_events_per_trial:
                raise ConfigError(
                    f"config/detectors/{detector.name}.yaml: source {source}: found "
                    f"{expected:.3g} expected recoils (or events of a formula) in "
                    f"livetime_day = {detector.livetime_day:g} × "
                    f"fiducial_mass_kg = {detector.fiducial_mass_kg:g}; allowed: ≤ "
                    f"most_events_per_trial = {study.most_events_per_trial:g}; is the rate in the "
                    "unit of its key? Raise most_events_per_trial if it is meant"
                )
        together = sum(of_detector.values()) * in_job
        if together > _MOST_IN_JOB:
            raise ConfigError(
                f"trials_per_batch: found {in_job} trials in a job, with up to "
                f"{together / in_job:.3g} events each in {detector.name}; allowed: ≤ "
                f"{_MOST_IN_JOB:.0e} events in a job"
            )


def _check_given(study: Study) -> None:
    for signal, detector in product(study.given_signals, study.detectors.values()):
        seen = {}
        for recoil, file in signal.files.items():
            apparatus = detector.apparatus
            ends = apparatus.response_cutoff_keV[recoil], apparatus.response_max_keV[recoil]
            seen[recoil] = f"{ends[0]:g} to {ends[1]:g} keV ({recoil})"
            if integrate(read_spectrum(file), ends)[0] > 0:
                break
        else:
            raise ConfigError(
                f"signals: {signal.name}: found no recoils in {', '.join(signal.files.values())} "
                f"that {detector.name} could see; allowed: some of {', '.join(seen.values())}"
            )


def most_events(detector: Detector, source: Source) -> float:
    """Give the events of a background in the livetime, if all recoils that a response has are seen.

    A formula says how many are in the analysis space, and so does a source's expected_events.
    """
    if source.expected_events is not None:
        return source.expected_events
    if source.template is not None:
        events = (
            read_histogram(source.template["path"], source.template.get("histogram"))
            .expected.sum(axis=(1, 2))
            .max()
        )
        rate = events / source.template["exposure_kg_day"]
    elif source.formula is not None:
        rate = source.formula["events"] / source.formula["exposure_kg_day"]
    elif source.spectrum is not None and source.recoil is not None:
        energies = [
            getattr(detector.apparatus, key)[source.recoil]
            for key in ("response_cutoff_keV", "response_max_keV")
        ]
        rate = integrate(background_spectrum(source.spectrum), energies)[0]
    return float(rate * detector.exposure_kg_day * source.rate_multiplier)


def wimp_spectrum(
    mass_GeV: float, interaction: str = "SI", halo: str = "baxter2021"
) -> pd.DataFrame:
    """Spectrum of a WIMP at 1e-45 cm².

    The energy grid reaches from 0.05 keV to the largest energy of this mass, in steps of 1 %: a
    fixed grid would misjudge light WIMPs. With the Migdal effect (Ibe et al., JHEP 03 (2018) 194;
    the third and fourth shell) and bremsstrahlung (Kouvaris and Pradler, PRL 118 (2017) 031803)
    the energy is that of the electron with its shell, or of the photon, in steps of 0.2 %; the
    nucleus, which recoils with it, is not counted.

    Parameters
    ----------
    mass_GeV
        WIMP mass (GeV/c²).
    interaction
        ``SI``, or ``SD_n_…``, ``SD_p_…`` with ``central``, ``up`` or ``low`` structure functions;
        ``SI_migdal``, ``SI_bremsstrahlung``.
    halo
        A name in `zeptobarn.physics.halo.HALOS`.

    Raises
    ------
    ConfigError
        No energy above 0.05 keV is possible.

    Examples
    --------
    >>> wimp_spectrum(50, "SI", "xenon2017").columns.tolist()
    ['recoil_energy_keV', 'rate_per_kg_day_keV']
    """
    largest = largest_energy_keV(mass_GeV, halo, interaction)
    if largest <= _LOWEST_KEV:
        raise ConfigError(
            f"WIMP mass {mass_GeV} GeV/c²: its largest recoil energy is {largest:.3g} keV; the "
            f"rate above {_LOWEST_KEV} keV is zero"
        )
    step = _FINE_STEP_LOG if signal_recoil(interaction) == "er" else _GRID_STEP_LOG
    energies = _energy_grid(_LOWEST_KEV, largest, step)
    rates = wimp_rate(energies, mass_GeV, interaction, HALOS[halo], CROSS_SECTION_CM2)
    return pd.DataFrame({COLUMNS[0]: energies, COLUMNS[1]: rates})


def background_spectrum(settings: Mapping[str, Any]) -> pd.DataFrame:
    """Spectrum of a background, from its ``spectrum`` entry in a detector file.

    Raises
    ------
    ConfigError
        See `read_spectrum`; or its numbers make rates that are not finite, or all 0.
    """
    with np.errstate(all="ignore"):
        table = _KINDS[settings["kind"]](settings)
    rates = table[COLUMNS[1]].to_numpy(dtype=float)
    if not (np.isfinite(rates).all() and rates.any()):
        raise ConfigError(
            f"spectrum {settings['name']}: its numbers together make rates that are not finite, or "
            f"all 0: found {dict(settings)}"
        )
    return table


def write_spectrum(
    study: Study, name: str, table: pd.DataFrame, path: str | Path, csv_path: str | Path
) -> None:
    """Write a study's spectrum, and a CSV beside it that nothing reads."""
    units = dict(zip(COLUMNS, ("keV", "1/(kg day keV)"), strict=True))
    write_parquet(table, path, units=units, config_slice=spectrum_slice(study, name))
    write_csv(table, csv_path)


def read_result(study: Study, name: str, path: str | Path) -> pd.DataFrame:
    """Read a spectrum that a study has computed.

    Raises
    ------
    ResultError
        See `zeptobarn.support.tables.read_parquet`.
    """
    return read_parquet(path, config_slice=spectrum_slice(study, name), kind=_KIND)[0]


def read_spectrum(path: str | Path) -> pd.DataFrame:
    """Read and check a user's spectrum, CSV or Parquet.

    Raises
    ------
    ConfigError
        A column is missing or unknown, a value is not a number, an energy does not increase, or
        a rate is negative; the message names the row.
    """
    return check_spectrum(read_table(path), str(path))


def check_spectrum(table: pd.DataFrame, origin: str) -> pd.DataFrame:
    """Check a user's spectrum; see `read_spectrum`.

    Parameters
    ----------
    origin
        What the message of a `ConfigError` calls the table.
    """
    check_columns(table, COLUMNS, origin, others=False)
    refuse_shifted(table, origin)
    if len(table) < 2:
        raise ConfigError(f"{origin}: found {len(table)} rows; allowed: at least 2")
    energy, rate = numbers(table, COLUMNS, origin).to_numpy().T
    for bad, problem in (
        (energy < 0, "recoil_energy_keV is negative"),
        (rate < 0, "rate_per_kg_day_keV is negative"),
        (np.diff(energy, prepend=-np.inf) <= 0, "recoil_energy_keV does not increase"),
    ):
        if bad.any():
            row = int(np.argmax(bad))
            raise ConfigError(
                f"{origin}: row {table.index[row]}: {problem}: found {energy[row]:g}, {rate[row]:g}"
            )
    if not rate.any():
        raise ConfigError(f"{origin}: the rate is zero everywhere")
    return pd.DataFrame({COLUMNS[0]: energy, COLUMNS[1]: rate})


def integrate(table: pd.DataFrame, edges_keV: ArrayLike) -> NDArray[np.float64]:
    """Integrate a spectrum over energy bins.

    Parameters
    ----------
    table
        A spectrum.
    edges_keV
        Bin edges (keV), increasing, shape (n + 1,).

    Returns
    -------
    Rates (events/(kg day)), shape (n,).

    Examples
    --------
    >>> flat = pd.DataFrame({"recoil_energy_keV": [1, 3], "rate_per_kg_day_keV": [0.5, 0.5]})
    >>> integrate(flat, [0, 2, 10])
    array([0.5, 0.5])
    """
    energy = table[COLUMNS[0]].to_numpy(dtype=float)
    rate = table[COLUMNS[1]].to_numpy(dtype=float)
    x = np.clip(np.asarray(edges_keV, dtype=float), energy[0], energy[-1])
    i = np.clip(np.searchsorted(energy, x, side="right") - 1, 0, len(energy) - 2)
    steps = _integral(rate[:-1], rate[1:], np.ones(len(rate) - 1)) * np.diff(energy)
    before = np.concatenate([[0.0], np.cumsum(steps)])[i]
    width = energy[i + 1] - energy[i]
    inside = width * _integral(rate[i], rate[i + 1], (x - energy[i]) / width)
    return np.asarray(np.diff(before + inside))


def total_rate(table: pd.DataFrame) -> float:
    """Integrate a spectrum over all energies (events/(kg day))."""
    return float(integrate(table, table[COLUMNS[0]].to_numpy()[[0, -1]])[0])


def _integral(
    low: NDArray[np.float64], high: NDArray[np.float64], share: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Integral over the first share of unit intervals between whose ends the rates are given."""
    positive = (low > 0) & (high > 0)
    ratio = np.log(np.where(positive, high, 1.0)) - np.log(np.where(positive, low, 1.0))
    curved = positive & (np.abs(ratio) > 1e-6) & (np.abs(ratio) < 500)
    safe = np.where(curved, ratio, 1.0)
    return np.where(
        curved,
        low * np.expm1(safe * share) / safe,
        share * (low + 0.5 * share * (high - low)),
    )


def _energy_grid(low: float, high: float, step: float = _GRID_STEP_LOG) -> NDArray[np.float64]:
    return np.geomspace(low, high, int(np.ceil(np.log(high / low) / step)) + 1)


def _flat(settings: Mapping[str, Any]) -> pd.DataFrame:
    return pd.DataFrame(
        {COLUMNS[0]: map(float, settings["range_keV"]), COLUMNS[1]: settings["rate_per_kg_day_keV"]}
    )


def _exponentials(settings: Mapping[str, Any]) -> pd.DataFrame:
    energies = _energy_grid(*settings["range_keV"])
    amplitudes: Sequence[float] = settings["amplitudes_per_kg_day_keV"]
    scales: Sequence[float] = settings["scales_keV"]
    rates = sum(a * np.exp(-energies / s) for a, s in zip(amplitudes, scales, strict=True))
    return _normalised(pd.DataFrame({COLUMNS[0]: energies, COLUMNS[1]: rates}), settings)


def _lines(settings: Mapping[str, Any]) -> pd.DataFrame:
    """Triangles around the energies, far narrower than any bin, whose areas are the rates.

    A triangle begins and ends at a rate of 0, between which the rate is linear, so that its
    integral is the line's rate wherever energies are cut. None reaches its neighbours.
    """
    rates: dict[float, float] = {}
    for line in settings["lines"]:
        energy = float(line["energy_keV"])
        rates[energy] = rates.get(energy, 0.0) + line["rate_per_kg_day"]
    middle = np.array(sorted(rates))
    rows = np.repeat(middle[:, np.newaxis], 3, axis=1)
    gaps = np.diff(middle, prepend=-np.inf, append=np.inf)
    width = np.minimum(_LINE_WIDTH * middle, np.minimum(gaps[1:], gaps[:-1]) / 3)
    rows[:, 0] -= width
    rows[:, 2] += width
    heights = np.zeros_like(rows)
    heights[:, 1] = 2 * np.array([rates[e] for e in middle]) / (rows[:, 2] - rows[:, 0])
    table = pd.DataFrame({COLUMNS[0]: rows.ravel(), COLUMNS[1]: heights.ravel()})
    return _normalised(table, settings)


def _decay(settings: Mapping[str, Any]) -> pd.DataFrame:
    q_value_keV, daughter_z = decay(settings)
    grid = _energy_grid(_LOWEST_OF_DECAY * q_value_keV, q_value_keV, _DECAY_STEP_LOG)
    energies = np.append(0.0, grid)
    shape = beta_shape if settings["kind"] == "beta" else double_beta_shape
    rates = shape(energies, q_value_keV, daughter_z)
    table = pd.DataFrame({COLUMNS[0]: energies, COLUMNS[1]: rates})
    whole = {"range_keV": energies[[0, -1]], "exposure_kg_day": 1.0}
    total = {"normalisation": {"recoils": settings.get("rate_per_kg_day"), **whole}}
    return _normalised(table, settings if "normalisation" in settings else total)


def _normalised(table: pd.DataFrame, settings: Mapping[str, Any]) -> pd.DataFrame:
    """Scale a spectrum to the recoils of its ``normalisation``, where it has one."""
    if norm := settings.get("normalisation"):
        expected = integrate(table, norm["range_keV"])[0] * norm["exposure_kg_day"]
        table[COLUMNS[1]] *= norm["recoils"] / expected
    return table


# Half the width of a line, relative to its energy.
_LINE_WIDTH = 1e-4
# Lowest energy above 0 of a decay's spectrum, relative to the Q value, and steps from there.
_LOWEST_OF_DECAY = 1e-5
_DECAY_STEP_LOG = 0.005

_KINDS: Mapping[str, Callable[[Mapping[str, Any]], pd.DataFrame]] = {
    "csv": lambda settings: read_spectrum(settings["path"]),
    "flat": _flat,
    "exponentials": _exponentials,
    "lines": _lines,
    "beta": _decay,
    "two_neutrino_double_beta": _decay,
}
