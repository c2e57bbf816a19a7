"""The ``zeptobarn`` command: single things; whole studies are Snakemake's."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from zeptobarn import __version__
from zeptobarn.support import paths
from zeptobarn.support.config import ConfigError
from zeptobarn.support.place import draw_into_files, print_what_shows
from zeptobarn.support.tables import ResultError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status is 0, or 1 after a message on standard error.

    Arguments that are wrong or missing exit with 2.
    """
    parser = make_parser()
    given = parser.parse_args(arguments)
    if given.run is None:
        parser.exit(2, parser.format_help())
    print_what_shows()
    try:
        status: int | None = given.run(given)
    except (ConfigError, ResultError) as error:
        print(f"zeptobarn: {error}", file=sys.stderr)
        return 1
    return status or 0


def make_parser() -> argparse.ArgumentParser:
    """Make the parser of the command's arguments; ``run`` is the function of a command."""
    parser = argparse.ArgumentParser(
        prog="zeptobarn",
        description="WIMP limits and sensitivities of liquid-xenon detectors. Whole studies are "
        "run by snakemake; this command shows what came out.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    parser.set_defaults(run=None)
    commands = parser.add_subparsers(metavar="COMMAND")
    table = commands.add_parser("table", help="print the median limits of a study")
    table.add_argument(
        "--results",
        default="results",
        type=Path,
        metavar="FOLDER",
        help="the study's results folder (%(default)s)",
    )
    table.add_argument(
        "--trials", type=_positive, metavar="N", help="print the limits of the first N datasets"
    )
    table.set_defaults(run=_table)
    _add_limit(commands)
    lint = commands.add_parser(
        "lint",
        help="compare fiducial masses with their cylinders, and name template bins that events "
        "could hit but that hold nothing",
    )
    _add_study(lint)
    lint.set_defaults(run=_lint)
    explain = commands.add_parser(
        "explain",
        help="say why a trial has its limit, or none, or observed data: a page with its curve",
    )
    explain.add_argument(
        "result", metavar="RESULT", help="a file of limits/, failures/ or observed/"
    )
    which = explain.add_mutually_exclusive_group(required=True)
    which.add_argument("--trial", type=_positive, metavar="N", help="the number of a dataset in it")
    which.add_argument("--mass", metavar="M", help="of observed data: a mass in it (GeV/c²)")
    which.add_argument("--signal", metavar="NAME", help="of observed data: a given signal in it")
    explain.add_argument(
        "--interval",
        metavar="NAME",
        help="which of its limits (the first that failed, or the last)",
    )
    explain.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="the page, .pdf or .png (explain_trial_N.pdf, explain_MGeV.pdf, explain_NAME.pdf)",
    )
    _add_study(explain)
    explain.set_defaults(run=_explain)
    _add_recast(commands)
    _add_detector_commands(commands)
    cache = commands.add_parser(
        "cache", help="say where compiled kernels and computed templates are kept, and how large"
    )
    cache.add_argument("--clear", action="store_true", help="remove them")
    cache.set_defaults(run=_cache)
    return parser


def _add_recast(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    recast = commands.add_parser(
        "recast", help="set a detector's limit on the rate of a recoil spectrum from a file"
    )
    recast.add_argument(
        "spectrum",
        nargs="?",
        metavar="FILE",
        help="nuclear recoils: CSV or Parquet with the columns recoil_energy_keV and "
        "rate_per_kg_day_keV",
    )
    recast.add_argument(
        "--er", metavar="FILE", help="electronic recoils, alone or beside nuclear ones: their sum"
    )
    recast.add_argument(
        "--detector",
        required=True,
        metavar="NAME",
        help="one of the study's or a shipped detector, or a detector file",
    )
    recast.add_argument(
        "--events",
        metavar="FILE",
        help="observed events, cs1 and cs2; without, what is expected of none but background",
    )
    recast.add_argument(
        "--interval", default="unified", metavar="NAME", help="of the study (%(default)s)"
    )
    _add_study(recast)
    recast.set_defaults(run=_recast)


def _recast(given: argparse.Namespace) -> None:
    from zeptobarn.study.loading import load_study
    from zeptobarn.summary.recast import recast

    if given.spectrum is None and given.er is None:
        raise ConfigError("recast: found no spectrum; needed: FILE, --er FILE, or both")
    study = load_study(given.config, given.overlay)
    names = [interval.name for interval in study.intervals]
    if given.interval not in names:
        raise ConfigError(f"--interval: found {given.interval}; allowed: {', '.join(names)}")
    pair = given.spectrum, given.er
    print(recast(pair, given.detector, given.events, given.interval, study))


def _add_limit(commands: Any) -> None:
    limit = commands.add_parser(
        "limit",
        help="set the study's limits on observed events; exits with 1 if one has no limit",
    )
    limit.add_argument(
        "events",
        nargs="+",
        metavar="EVENTS",
        help="NAME=FILE, a detector of the study and a CSV or Parquet file (cS1, cS2), once for "
        "each detector; or one FILE with --detector",
    )
    limit.add_argument("--detector", action="append", metavar="NAME", help="one of the study's")
    limit.add_argument(
        "--mass", nargs="+", metavar="M", help="masses in GeV/c², or all; of the study's"
    )
    limit.add_argument(
        "--signal",
        nargs="+",
        metavar="NAME",
        help="given signals, or all; of the study's (without --mass and --signal: all of both)",
    )
    limit.add_argument("--interval", nargs="+", metavar="NAME", help="some of the intervals (all)")
    limit.add_argument(
        "--columns",
        action="append",
        metavar="WHAT=NAME,…",
        help="which columns to take, as in cs1=area,log10_cs2_phd=lgS2; of several detectors with "
        "the name before, lz=cs1=area",
    )
    limit.add_argument(
        "--livetime",
        action="append",
        type=_days,
        metavar="D",
        help="livetime of the data (days), if not the detector's; of several, as in lz=20",
    )
    limit.add_argument("--output", type=Path, metavar="FILE", help="the table, .csv or .parquet")
    _add_study(limit)
    limit.set_defaults(run=_limit)


def _limit(given: argparse.Namespace) -> int:
    from zeptobarn.cli.limit import run

    return run(given)


def _add_detector_commands(commands: Any) -> None:
    check = commands.add_parser(
        "check", help="print and draw what follows from a detector file, before any study runs"
    )
    check.add_argument("name", metavar="NAME", help="a file in config/detectors, or a shipped one")
    check.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="the figure, .pdf or .png (check_NAME.pdf)",
    )
    _add_config(check)
    check.set_defaults(run=_check)
    new = commands.add_parser(
        "new-detector", help="write a detector file with a comment on each key, to be made your own"
    )
    new.add_argument("name", metavar="NAME", help="the detector's name, and its file's")
    new.set_defaults(run=_new_detector)


def _table(given: argparse.Namespace) -> None:
    from zeptobarn.cli.terminal import print_first_trials, print_study

    if given.trials is None:
        print_study(given.results)
    else:
        print_first_trials(given.results, given.trials)


def _lint(given: argparse.Namespace) -> None:
    import pandas as pd

    from zeptobarn.study.loading import load_study
    from zeptobarn.templates.templates import lint, read_template

    study = load_study(given.config, given.overlay)
    tables = []
    for detector in study.detectors.values():
        cylinder, mass = detector.apparatus.cylinder_mass_kg, detector.fiducial_mass_kg
        print(
            f"{detector.name}: fiducial_mass_kg {mass:g}; the fiducial cylinder, π r² h ρ, holds "
            f"{cylinder:.0f} kg ({100 * (cylinder / mass - 1):+.1f} %)"
        )
    for detector in study.detectors.values():
        for source in (*study.signals(), *(s.name for s in detector.sources)):
            path = study.path(paths.TEMPLATE, detector=detector.name, source=source)
            if not path.is_file():
                raise ConfigError(
                    f"{path}: no such file; run `snakemake --cores all` first, or name the file "
                    "of another study with --overlay"
                )
            template = read_template(study, detector.name, source, path)
            tables.append(lint(study, detector.name, source, template))
    table = pd.concat(tables, ignore_index=True)
    if table.empty:
        print(f"No empty bins in the bands of {len(tables)} templates.")
        return
    for row in table.to_dict("records"):
        print(
            f"{row['detector']} {row['source']} {row['anchor']}: {row['empty_bins']} empty bins, "
            f"where {100 * row['share_of_events']:.2g} % of its events would fall: {row['bins']}"
        )


def _explain(given: argparse.Namespace) -> None:
    from zeptobarn.failures.explain import explain
    from zeptobarn.failures.explain_observed import explain_observed
    from zeptobarn.figures.explain import draw_page
    from zeptobarn.study.loading import load_study

    draw_into_files()
    name = f"trial_{given.trial}"
    if given.trial is None:
        name = given.signal or f"{given.mass}GeV"
    output = _figure_file(given.output or Path(f"explain_{name}.pdf"))
    study = load_study(given.config, given.overlay)
    if given.trial is None:
        asked = given.mass, given.interval, given.signal
        explanation = explain_observed(study, given.result, *asked)
    else:
        explanation = explain(study, given.result, given.trial, given.interval)
    draw_page(explanation, [output])
    print(f"{explanation}\n\n{output}")


def _check(given: argparse.Namespace) -> None:
    from zeptobarn.cli.detectors import check

    draw_into_files()
    check(given.name, given.config, _figure_file(given.output or Path(f"check_{given.name}.pdf")))


def _new_detector(given: argparse.Namespace) -> None:
    from zeptobarn.cli.detectors import new_detector

    print(new_detector(given.name, Path("config/detectors")))


def _figure_file(output: Path) -> Path:
    if output.suffix not in (".pdf", ".png"):
        raise ConfigError(f"--output: found {output}; allowed: a name that ends in .pdf or .png")
    return output


def _cache(given: argparse.Namespace) -> None:
    from zeptobarn.support.cache import cache_size, clear_cache

    folder, n, size = cache_size()
    print(f"{folder}: {n} files, {size / 1e6:.1f} MB")
    if given.clear:
        clear_cache()
        print("removed")


def _add_study(command: argparse.ArgumentParser) -> None:
    _add_config(command)
    command.add_argument(
        "--overlay",
        type=Path,
        metavar="FILE",
        help="a file with the keys that differ, as config/quick.yaml: Snakemake's --configfile",
    )


def _add_config(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--config",
        default=own if (own := Path("config/config.yaml")).is_file() else None,
        type=Path,
        metavar="FILE",
        help="the study (config/config.yaml where there is one, else the default study)",
    )


def _days(text: str) -> tuple[str, float]:
    """Read a livetime (days), and the name of a detector before it, where one stands there."""
    name, _, number = text.rpartition("=")
    try:
        days = float(number)
    except ValueError:
        days = 0.0
    if not 0 < days <= 100_000:
        raise argparse.ArgumentTypeError(f"found {text}; allowed: days above 0 and ≤ 100000")
    return name, days


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"found {text}; allowed: whole numbers from 1")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
