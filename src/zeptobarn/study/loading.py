"""Read a study from its configuration file, and put what a file says into checked objects."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from zeptobarn.physics.apparatus import Recoil
from zeptobarn.physics.detector import Detector, load_detector
from zeptobarn.study.checks import check_study
from zeptobarn.study.correlations import read_correlations
from zeptobarn.study.observed import with_livetimes
from zeptobarn.study.settings import Calibration, Coverage, Details, Failures, Interval, Observed
from zeptobarn.study.shapes import Shape
from zeptobarn.study.signals import AS_GIVEN, RECOILS, Signal
from zeptobarn.study.study import Study
from zeptobarn.support.config import ConfigError, find_input, read_yaml, validate
from zeptobarn.support.place import check_results_name
from zeptobarn.support.shipped import names_of_detectors, shipped
from zeptobarn.support.tables import digest


def load_study(path: str | Path | None = None, overlay: str | Path | None = None) -> Study:
    """Read and check a configuration file.

    Parameters
    ----------
    path
        The study's configuration; the default study's if none is given. Detector files are
        ``detectors/{name}.yaml`` beside it (of the default study's: in the working directory's
        ``config``, as the workflow has it), or shipped.
    overlay
        A second file whose keys replace the first's: lists whole, mappings key by key.

    Examples
    --------
    >>> load_study().masses_GeV
    (7, 8, 10, 12, 15, 20, 25, 30, 35, 40, 50, 70, 100, 200, 400, 1000)
    """
    folder = Path("config") if path is None else Path(path).parent
    path = shipped() / "config/config.yaml" if path is None else path
    files = [path] if overlay is None else [path, overlay]
    settings = merge_files(files)
    return study_from_settings(settings, folder, " + ".join(map(str, files)), files)


def merge_files(files: Sequence[str | Path]) -> dict[str, Any]:
    """Read configuration files; keys of each replace those of the ones before it.

    Parameters
    ----------
    files
        The study's, and overlays on it.

    Raises
    ------
    ConfigError
        A file cannot be read (see `zeptobarn.support.config.read_yaml`), or holds no keys.
    """
    merged: dict[str, Any] = {}
    for file in files:
        own = read_yaml(file)
        if not isinstance(own, Mapping):
            raise ConfigError(f"{file}: found no keys with values; needed: at least one")
        merged = _merge(merged, own)
    return merged


def check_plan(planned: Any, current: Any) -> None:
    """Compare what a job's result depends on with what the workflow planned.

    Parameters
    ----------
    planned, current
        A slice of the configuration, as the workflow read it when it began and as the job does.

    Raises
    ------
    ConfigError
        They differ: a file has been edited since.
    """
    if digest(planned) != digest(current):
        raise ConfigError(
            "the configuration changed while the study ran (the study, a detector, or a file that "
            "one of them names): start it again"
        )


def study_from_settings(
    settings: Mapping[str, Any],
    folder: Path = Path("config"),
    origin: str = "config/config.yaml",
    files: Sequence[str | Path] = (),
) -> Study:
    """Check the content of a configuration file.

    Parameters
    ----------
    settings
        The content.
    folder
        Folder with ``detectors/``; what it lacks is taken from those that are shipped.
    origin
        File name for messages.
    files
        Those that the content is merged from, for messages that name a line. A file's own
        coverage, published limits and observed data must then be of what the study has.

    Raises
    ------
    ConfigError
        Something is missing, unknown, out of range or contradictory.
    """
    validate(settings, "config", origin, files)
    settings = dict(settings)
    check_results_name(settings["results"], origin)
    response = dict(settings.pop("response"))
    response["response_method"] = response.pop("method")
    names, masses = settings.pop("detectors"), settings.pop("masses_GeV")
    interactions = settings.pop("interactions")
    calibration, coverage = settings.pop("calibration"), settings.pop("coverage")
    failures = settings.pop("failures")
    observed = _observed(settings.pop("observed", {}), names, folder, origin)
    detectors = {name: _detector(_detector_file(name, folder, origin), settings) for name in names}
    study = Study(
        results=Path(settings.pop("results")),
        detectors=with_livetimes(detectors, observed),
        observed=observed,
        observed_details=Details(**settings.pop("observed_details", {})),
        interactions=tuple(interactions) if masses else (),  # of given signals alone, none
        masses_GeV=tuple(masses),
        given_signals=tuple(
            _signal(signal, folder, origin) for signal in settings.pop("signals", ())
        ),
        marked_masses_GeV=tuple(settings.pop("marked_masses_GeV", ())),
        first_trial=settings.pop("first_trial", 1),
        formula_reach=settings.pop("formula_reach", "detector"),
        intervals=tuple(_interval(interval) for interval in settings.pop("intervals")),
        shapes=tuple(_shape(shape, names) for shape in settings.pop("shapes")),
        combined={k: tuple(v) for k, v in settings.pop("combined", {}).items()},
        calibration=Calibration(calibration["toys"], tuple(calibration["expected_events"])),
        coverage=Coverage(
            coverage["toys"], tuple(coverage["masses_GeV"]), tuple(coverage["expected_events"])
        ),
        failures=Failures(failures["trials"], failures["most_trials"]),
        published={k: tuple(v) for k, v in settings.pop("published", {}).items()},
        most_events_per_trial=settings.pop("most_events_per_trial", 1e5),
        correlations=read_correlations(settings.pop("correlations", ())),
        **response,
        **settings,
    )
    check_study(study, origin)
    for i, file in enumerate(files):
        _check_selection(read_yaml(file), merge_files(files[: i + 1]), str(file))
    return study


def _check_selection(own: Mapping[str, Any], merged: Mapping[str, Any], file: str) -> None:
    """Check that the study has what a file asks coverage, published limits and observed data of.

    That an earlier file asks for more is no mistake: an overlay's masses and detectors select
    from it.
    """
    coverage = own.get("coverage")
    masses = coverage.get("masses_GeV") if isinstance(coverage, Mapping) else None
    for key, asked, of_study in (
        ("coverage.masses_GeV", masses, merged.get("masses_GeV")),
        ("published", own.get("published"), merged.get("detectors")),
        ("observed", own.get("observed"), merged.get("detectors")),
    ):
        if not (isinstance(asked, Mapping | list) and isinstance(of_study, list)):
            continue
        if unknown := [value for value in asked if value not in of_study]:
            raise ConfigError(
                f"{file}: {key}: found {unknown[0]!r}, which the study does not have; allowed: "
                f"{', '.join(map(str, of_study))}"[:1000]
            )


def _detector_file(name: str, folder: Path, origin: str) -> Path:
    own = folder / "detectors" / f"{name}.yaml"
    if own.exists():
        return own
    if name not in names_of_detectors():
        raise ConfigError(
            f"{origin}: detectors: found {name}, but there is no file {own}; shipped are: "
            f"{', '.join(names_of_detectors())}"
        )
    return shipped() / f"config/detectors/{name}.yaml"


def _detector(path: Path, settings: Mapping[str, Any]) -> Detector:
    """Read a detector file; the study may take from its formulas where they end."""
    detector = load_detector(path)
    if settings.get("formula_reach") != "ignore":
        return detector
    sources = tuple(
        replace(source, formula={**source.formula, "reach": "ignore"})
        if source.formula is not None
        else source
        for source in detector.sources
    )
    return replace(detector, sources=sources)


def _observed(
    settings: Mapping[str, Any], detectors: list[str], folder: Path, origin: str
) -> dict[str, Observed]:
    """Take the observed data of a study's detectors; files are relative to this folder first."""
    observed = {}
    for name in detectors:
        if name not in settings:
            continue
        data = settings[name]
        try:
            file = find_input(data["file"], [Path(), folder.resolve().parent])
        except ConfigError as error:
            raise ConfigError(f"{origin}: observed: {name}: file: {error}") from None
        observed[name] = Observed(str(file), data.get("columns", {}), data.get("livetime_day"))
    return observed


def _interval(settings: Mapping[str, Any]) -> Interval:
    return Interval(
        settings["name"],
        settings.get("fixed", {}),
        tuple(settings.get("profiled", ())),
        settings.get("kind", "upper"),
        settings.get("cls", False),
    )


def _signal(settings: Mapping[str, Any], folder: Path, origin: str) -> Signal:
    """Make a given signal; its files are relative to the study's folder, or the one above."""
    files: dict[Recoil, str] = {}
    for recoil in RECOILS:
        if recoil not in settings:
            continue
        try:
            files[recoil] = str(find_input(settings[recoil], [folder, folder.parent, Path()]))
        except ConfigError as error:
            raise ConfigError(f"{origin}: signals: {settings['name']}: {error}") from None
    return Signal(
        interaction=settings["name"],
        mass_GeV=None,
        label=settings["label"],
        unit=settings.get("unit", AS_GIVEN),
        recoils=tuple(files),
        colour=settings.get("colour", "#D55E00"),
        files=files,
    )


def _shape(settings: Mapping[str, Any], detectors: list[str]) -> Shape:
    return Shape(
        settings["name"],
        tuple(settings["anchors"]),
        settings.get("parameter", settings["name"]),
        settings.get("relative_width", 0.0),
        settings.get("constraint", "normal") == "normal",
        tuple(settings.get("detectors", detectors)),
        settings.get("low_energy", "constant"),
    )


def _merge(base: Any, overlay: Any) -> Any:
    if not (isinstance(base, Mapping) and isinstance(overlay, Mapping)):
        return overlay
    return {
        **base,
        **{key: _merge(base.get(key), value) for key, value in overlay.items()},
    }
