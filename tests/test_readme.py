"""What the README tells a reader to type can be typed, and what it names exists."""

import re
import shlex
from fnmatch import fnmatch
from pathlib import Path

import pytest
from snakemake.cli import parse_args

from zeptobarn.cli.cli import make_parser
from zeptobarn.study.loading import load_study
from zeptobarn.summary.summary import limit_files
from zeptobarn.support import paths

README = Path("README.md")


def blocks(language):
    pattern = rf"^```{language}\n(.*?)^```"
    return re.findall(pattern, README.read_text("utf-8"), re.MULTILINE | re.DOTALL)


def commands(*programs):
    """Words of the command lines of some programs in order, without what is a comment."""
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    words = [shlex.split(line, comments=True) for line in lines]
    chosen = [line for line in words if line and line[0] in programs]
    assert {line[0] for line in chosen} == set(programs)
    return chosen


def zeptobarn(words):
    return make_parser().parse_args(words[1:])


def snakemake(words):
    return parse_args(words[1:])[1]


@pytest.fixture
def studies(tmp_path):
    """The study of a file that the README names: one that it writes itself, or ours."""
    for block in blocks("sh"):
        for name, text in re.findall(r"^cat > (\S+) <<END\n(.*?)^END$", block, re.M | re.S):
            (tmp_path / name).write_text(text)

    def load(file=None):
        own = file and tmp_path / file
        return load_study("config/config.yaml", own if own and own.is_file() else file)

    return load


def test_the_command_knows_its_arguments():
    assert all(zeptobarn(words).run for words in commands("zeptobarn"))


def test_explained_trials_exist(studies):
    """One file of the default study, though the name leaves the size of batches open."""
    files = [str(studies().results / file) for file in limit_files(studies())]
    explained = [zeptobarn(words) for words in commands("zeptobarn") if words[1] == "explain"]
    assert explained
    for given in explained:
        (file,) = [file for file in files if fnmatch(file, given.result)]
        assert given.trial in paths.batch_trials(Path(file).stem)


def test_snakemake_knows_its_arguments():
    rules = {
        name
        for file in (Path("Snakefile"), *Path("workflow/rules").glob("*.smk"))
        for name in re.findall(r"^ *rule (\w+):", file.read_text("utf-8"), re.MULTILINE)
    }
    for given in map(snakemake, commands("snakemake")):
        assert set(given.targets) <= rules
        for profile in given.profile or []:
            assert (Path(profile) / "config.yaml").is_file()


def test_tables_are_of_studies_that_were_run(studies):
    """Whoever copies the commands in order has their results."""
    made = set()
    for words in commands("snakemake", "zeptobarn"):
        if words[0] == "snakemake":
            files = snakemake(words).configfile or [None]
            made |= {studies(file).results for file in files}
        elif words[1] == "table":
            assert zeptobarn(words).results in made
    assert len(made) > 3


@pytest.mark.slow
def test_the_notebook(small_study, tmp_path, monkeypatch, capsys):
    (lines,) = blocks("python")
    monkeypatch.setattr("zeptobarn.study.loading.load_study", lambda: small_study)
    here = Path.cwd()
    for name in ("config", "resources"):
        (tmp_path / name).symlink_to(here / name)
    monkeypatch.chdir(tmp_path)
    exec(lines, {})
    shown = capsys.readouterr().out.splitlines()
    assert len(shown) == lines.count("print(")
    assert all(line.startswith("σ < ") for line in shown)


def test_make_has_the_targets():
    targets = set(re.findall(r"^([a-z-]+):", Path("Makefile").read_text("utf-8"), re.MULTILINE))
    assert targets >= {name for words in commands("make") for name in words[1:]}
    text = README.read_text("utf-8")
    assert targets >= set(re.findall(r"`make ([a-z-]+)`", text))


@pytest.mark.parametrize("name", re.findall(r"\]\(([\w/.-]+)\)", README.read_text("utf-8")))
def test_links_lead_somewhere(name):
    assert Path(name).exists()
