"""What a script can run is found by its imports, and its hash changes with that alone."""

import shutil
from modulefinder import ModuleFinder
from pathlib import Path

import pytest

from zeptobarn.support import reachable
from zeptobarn.support.reachable import PACKAGE, code_of, reached

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted((ROOT / "workflow/scripts").glob("*.py"))


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of the same name: a is imported by b, b lazily by c, d for type checkers alone."""
    monkeypatch.setattr(reachable, "PACKAGE", tmp_path / "zeptobarn")

    def write(name, text):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    write("zeptobarn/__init__.py", "")
    write("zeptobarn/a.py", "VALUE = 1\n")
    write("zeptobarn/b.py", "from zeptobarn.a import VALUE\n")
    write("zeptobarn/d.py", "VALUE = 1\n")
    write(
        "zeptobarn/c.py",
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from zeptobarn.d import VALUE\n"
        "def f():\n    from zeptobarn import b\n",
    )
    write("zeptobarn/inner/__init__.py", "")
    write("zeptobarn/inner/e.py", "from ..a import VALUE\nfrom . import g\n")
    write("zeptobarn/inner/g.py", "")
    return write


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("import numpy, zeptobarn.a", "a"),
        ("from zeptobarn import a, b", "a b"),
        ("from zeptobarn.b import VALUE as v", "a b"),
        ("from zeptobarn.c import *", "a b c"),
        ("try:\n    import zeptobarn.a\nexcept ImportError:\n    import zeptobarn.d", "a d"),
        ("with f:\n    class A:\n        async def f():\n            import zeptobarn.a", "a"),
        ("match 1:\n    case 1:\n        from zeptobarn import a", "a"),
        ("if t.TYPE_CHECKING:\n    import zeptobarn.a\nelse:\n    import zeptobarn.d", "d"),
        ("if not TYPE_CHECKING:\n    import zeptobarn.a", "a"),
        ("from importlib import import_module\nimport_module('zeptobarn.d')", "d"),
        ("import importlib\nimportlib.import_module('zeptobarn.d')", "d"),
        ("from zeptobarn.inner.e import VALUE", "a inner inner.e inner.g"),
        ("from zeptobarn.inner import g", "inner inner.g"),
        ("import zeptobarnacle.a", None),
        ("import numpy", None),
    ],
)  # fmt: skip
def test_imports_are_followed(package, script, expected):
    modules = reached(package("script.py", script))
    wanted = {"zeptobarn", *(f"zeptobarn.{name}" for name in expected.split())} if expected else {}
    assert modules == sorted(wanted)


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("import zeptobarn as zb", "import zeptobarn from the module that defines it"),
        ("from zeptobarn import load_study", "import load_study from the module that defines it"),
        ("from zeptobarn.away import x", "there is no module zeptobarn.away"),
        ("import importlib\nimportlib.import_module(name)", "import name by a name written out"),
    ],
)
def test_what_cannot_be_followed_is_refused(package, script, message):
    path = package("script.py", script)
    with pytest.raises(ImportError, match=f"script.py: {message}"):
        code_of(path)


def test_a_package_may_hand_out_names_when_they_are_used(package):
    """Nothing says which until somebody does, and that is refused."""
    package("zeptobarn/__init__.py", "def __getattr__(name):\n    return import_module(name)\n")
    assert reached(package("script.py", "import zeptobarn.a")) == ["zeptobarn", "zeptobarn.a"]


BEFORE = '''"""Doc."""
from zeptobarn.b import VALUE

def f(x: int = 1) -> str:
    """More."""
    return f"{x:.3f}"  # why
'''


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Doc.", "Other words."),
        ('    """More."""\n', ""),
        ("# why", "# because"),
        ("\n\n", "\n\n\n# A heading.\n\n"),
        ('f"{x:.3f}"', "(\n        f'{x:.3f}'\n    )"),
        ("def f", "'An attribute.'\ndef f"),
    ],
)
def test_words_and_layout_are_left_out(package, old, new):
    before = code_of(package("script.py", BEFORE))
    assert old in BEFORE
    assert code_of(package("script.py", BEFORE.replace(old, new))) == before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("= 1", "= 2"),
        (".3f", ".4f"),
        ("-> str", "-> object"),
        ("def f", "@cache\ndef f"),
        ("import VALUE", "import VALUE as f"),
        ("zeptobarn.b", "zeptobarn.d"),
    ],
)
def test_code_is_not(package, old, new):
    before = code_of(package("script.py", BEFORE))
    assert old in BEFORE
    assert code_of(package("script.py", BEFORE.replace(old, new))) != before


def test_what_only_type_checkers_read_is_left_out(package):
    script = package("script.py", "import zeptobarn.c")
    before = code_of(script)
    package("zeptobarn/d.py", "VALUE = 2\n")
    assert code_of(script) == before
    package("zeptobarn/a.py", "VALUE = 22\n")
    assert code_of(script) != before


def test_the_hash_is_the_same_in_another_place(tmp_path, monkeypatch):
    here = [code_of(script) for script in SCRIPTS]
    shutil.copytree(PACKAGE, tmp_path / "zeptobarn")
    shutil.copytree(SCRIPTS[0].parent, tmp_path / "scripts")
    monkeypatch.setattr(reachable, "PACKAGE", tmp_path / "zeptobarn")
    assert [code_of(tmp_path / "scripts" / script.name) for script in SCRIPTS] == here


def test_a_change_anywhere_reaches_the_scripts_that_can_run_it(tmp_path, monkeypatch):
    """Every module of the package, in every folder: its scripts and no others get another hash."""
    monkeypatch.setattr(reachable, "PACKAGE", tmp_path / "zeptobarn")
    shutil.copytree(PACKAGE, tmp_path / "zeptobarn")
    before = {script: code_of(script) for script in SCRIPTS}
    reaches = {script: reached(script) for script in SCRIPTS}
    modules = sorted((tmp_path / "zeptobarn").rglob("*.py"))
    assert any(path.parent.name == "figures" for path in modules)
    for path in modules:
        text = path.read_text()
        path.write_text(f"{text}\nADDED = 1\n")
        changed = {script for script in SCRIPTS if code_of(script) != before[script]}
        assert changed == {s for s in SCRIPTS if reachable._name(path) in reaches[s]}, path
        path.write_text(text)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_an_import_finder_that_reads_bytecode_agrees(script):
    """Python's own modulefinder, which does not know what is for type checkers alone."""
    finder = ModuleFinder(path=[str(PACKAGE.parent)])
    finder.run_script(str(script))
    theirs = {name for name in finder.modules if name.partition(".")[0] == "zeptobarn"}
    ours = set(reached(script))
    assert ours <= theirs
    # Nothing that runs imports the others: without these blocks they are not there.
    guarded = [p.read_text() for p in PACKAGE.rglob("*.py") if "if TYPE_CHECKING:" in p.read_text()]
    excused = {name for name in theirs if any(f"    from {name} import" in t for t in guarded)}
    for name in theirs - ours:
        assert any(name in reached(reachable._path(other)) for other in excused), name


def test_yields_change_no_spectrum():
    """Scripts reach what they need and little else."""
    by_name = {script.stem: reached(script) for script in SCRIPTS}
    assert {
        "zeptobarn.physics.yields",
        "zeptobarn.physics.quadrature",
        "zeptobarn.physics.simulate",
    } <= set(by_name["response"])
    for name in ("spectrum", "summary", "figure_limits", "figure_spectra"):
        assert "zeptobarn.physics.yields" not in by_name[name]


@pytest.mark.parametrize("damage", ["cut", "other", "none"])
def test_what_is_remembered_of_files_is_checked(package, tmp_path, monkeypatch, damage):
    """A file that was damaged, or says something else, is not believed; a good one is."""
    script = package("script.py", "import zeptobarn.b\n")
    file = tmp_path / "memory.json"
    monkeypatch.setattr(reachable, "_file", lambda: file)

    def fresh():
        reachable._memory.cache_clear()
        reachable._read.cache_clear()
        return code_of(script)

    file.write_text("")
    first = fresh()
    whole = file.read_text()
    if damage == "cut":
        file.write_text(whole[:-20])
    elif damage == "other":
        file.write_text(whole.replace("zeptobarn.a", "zeptobarn.d"))
    monkeypatch.setattr(reachable, "_running", lambda body: [] if damage == "none" else body)
    assert fresh() == first
    assert file.read_text() == whole
