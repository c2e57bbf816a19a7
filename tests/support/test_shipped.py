"""Files that come with the package are found from anywhere, and a study's own go first."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from zeptobarn.physics.detector import load_detector
from zeptobarn.study.loading import load_study
from zeptobarn.support.config import ConfigError, find_input
from zeptobarn.support.shipped import names_of_detectors, shipped

ROOT = Path(__file__).parents[2]
FOLDERS = (
    "benchmarks", "config", "docs", "profiles", "resources", "src", "tests", "tools", "workflow",
)  # fmt: skip


def test_a_study_s_own_file_goes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = "resources/spectra/cevns_8b.csv"
    assert find_input(name, [tmp_path]) == shipped() / name
    for folder in ("root", "root/config/detectors"):
        own = tmp_path / folder / name
        own.parent.mkdir(parents=True)
        own.touch()
        folders = [tmp_path / "root/config/detectors", tmp_path / "root"]
        assert find_input(name, folders) == own.relative_to(tmp_path)
    assert find_input(own, []) == own.relative_to(tmp_path)


def test_a_missing_file_says_where_it_was_looked_for(tmp_path):
    with pytest.raises(
        ConfigError, match=rf"no file away.csv; looked for below: .*{tmp_path.name}"
    ):
        find_input("away.csv", [tmp_path])


def test_an_empty_folder_has_the_default_study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert list(load_study().detectors) == ["xenon1t", "lz"]
    assert names_of_detectors() == ["lz", "lz_ws2022", "xenon1t"]
    assert load_detector("lz").title == load_study().detectors["lz"].title


def test_a_detector_that_is_not_shipped_is_refused(tmp_path):
    with pytest.raises(
        ConfigError, match="found 'pandax'; allowed: a file, or one of lz, lz_ws2022, x"
    ):
        load_detector("pandax")
    text = (ROOT / "config/config.yaml").read_text()
    (tmp_path / "config.yaml").write_text(text.replace("[xenon1t, lz]", "[xenon1t, pandax]", 1))
    with pytest.raises(ConfigError, match=r"found pandax, but there is no file .*shipped are: lz"):
        load_study(tmp_path / "config.yaml")


def test_a_detector_names_files_beside_it(tmp_path):
    spectrum = tmp_path / "mine/flat.csv"
    spectrum.parent.mkdir()
    spectrum.write_text("recoil_energy_keV,rate_per_kg_day_keV\n0.1,1\n50,1\n")
    text = (ROOT / "config/detectors/lz.yaml").read_text()
    text = text.replace("resources/spectra/cevns_8b.csv", "mine/flat.csv")
    (tmp_path / "lz_mine.yaml").write_text(text)
    source = load_detector(tmp_path / "lz_mine.yaml").source("cevns_8b")
    assert Path(source.spectrum["path"]).samefile(spectrum)


_WITHOUT_NESTPY = """
import sys
sys.modules["nestpy"] = None
from zeptobarn import load_detector
from zeptobarn.physics.yields import mean_yields
apparatus = load_detector("xenon1t").apparatus
for recoil in ("nr", "er"):
    yields = mean_yields(apparatus.yields[recoil], [10.0], apparatus.drift_field_V_per_cm)
    assert yields.photons[0] > 0 and yields.electrons[0] > 0
try:
    mean_yields("nest", [10.0], 117)
except ImportError:
    print("needed")
"""


def test_only_nest_yields_need_nestpy():
    done = subprocess.run(
        [sys.executable, "-c", _WITHOUT_NESTPY], capture_output=True, text=True, check=True
    )
    assert done.stdout == "needed\n"


_AS_A_USER = """
import sys
from pathlib import Path
import zeptobarn
from zeptobarn.support.shipped import shipped
assert Path(zeptobarn.__file__).is_relative_to(sys.argv[1]), zeptobarn.__file__
study, detector = zeptobarn.load_study(), zeptobarn.load_detector("xenon1t")
assert shipped().is_relative_to(sys.argv[1])
print(*study.detectors, detector.title, study.spectra()["cevns_8b"]["path"])
"""


@pytest.mark.slow
def test_wheels_hold_what_is_shipped(tmp_path):
    """From the checkout and from the sdist: the same files, and they work in an empty folder."""
    tracked = [
        str(path.relative_to(ROOT))
        for place in (*ROOT.glob("*"), ROOT / ".gitignore")
        if place.name in FOLDERS or (place.is_file() and place.name != ".git")
        for path in (place.rglob("*") if place.is_dir() else [place])
        if path.is_file() and path.suffix != ".pyc" and ".egg-info" not in path.parent.name
    ]
    assert len(tracked) > 200
    source = tmp_path / "source"
    for name in tracked:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, source / name)

    def build(folder, *targets):
        command = [sys.executable, "-m", "hatchling", "build", "-d", str(tmp_path / "dist")]
        subprocess.run([*command, *targets], cwd=folder, capture_output=True, check=True)

    build(source, "-t", "sdist", "-t", "wheel")
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    (archive,) = (tmp_path / "dist").glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as file:
        names = set(file.namelist())
        file.extractall(tmp_path / "installed")
    wheel.unlink()
    for name in tracked:
        if name.startswith(("config/", "resources/")):
            assert f"zeptobarn/shipped/{name}" in names
        if name.startswith("src/"):
            assert name.removeprefix("src/") in names
    shutil.unpack_archive(archive, tmp_path / "unpacked", filter="data")
    (unpacked,) = (tmp_path / "unpacked").iterdir()
    assert {name for name in tracked if not (unpacked / name).exists()} == set()
    build(unpacked, "-t", "wheel")
    with zipfile.ZipFile(wheel) as file:
        assert set(file.namelist()) == names

    empty = tmp_path / "empty"
    empty.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", _AS_A_USER, str(tmp_path / "installed")],
        cwd=empty,
        env={"PYTHONPATH": str(tmp_path / "installed"), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("xenon1t lz XENON1T")
    assert not list(empty.iterdir())
