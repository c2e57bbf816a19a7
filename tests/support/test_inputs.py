"""Tables of users: what is read in any guise, and what is refused with its row."""

import gzip
import os
import socket

import numpy as np
import pandas as pd
import pytest

from zeptobarn.physics.detector import _read_map, load_detector
from zeptobarn.summary.published import read_published
from zeptobarn.support.config import ConfigError
from zeptobarn.support.inputs import file_digest, numbers, read_table
from zeptobarn.templates import observed
from zeptobarn.templates.spectra import read_spectrum


@pytest.mark.parametrize(
    "text",
    [
        "a,b\n1,2\n3,4\n",
        "a,b\n1,2\n3,4\n\n  \n\n",
        "a,b\r\n1,2\r\n3,4\r\n",
        "a,b\r1,2\r3,4",
        "\ufeffa,b\n1,2\n3,4\n",
        '"a","b"\n"1","2"\n3,"4"\n',
        " a, b\n 1, 2 \n3 ,4\n",
        "a,b,\n1,2,\n3,4,\n",
        "a,b,,\n1,2,,\n3,4,,\n",
    ],
)
def test_what_changes_nothing_in_a_csv(tmp_path, text):
    path = tmp_path / "t.csv"
    path.write_bytes(text.encode())
    table = numbers(read_table(path), ("a", "b"), "t")
    assert table.to_numpy().tolist() == [[1, 2], [3, 4]]
    assert table.index.tolist() == [2, 3]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n3,4,5\n", r"row 3: found 3 values; allowed: 2, one for each .* \('a', 'b'\)"),
        ("a,b\n1,2,\n3,4,\n", r"row 2: found 3 values \(a comma ends the row\); allowed: 2"),
        ("a,b,\n1,2\n", r"row 1: found a header that ends with a comma, while not all rows do"),
        ("a,b\n1,2\n\n3\n", r"row 4: found 1 value; allowed: 2"),
        (
            "a;b\n1,5;2,5\n",
            r"row 1: found a header without commas, 'a;b'; allowed: .* points",
        ),
        ("a\tb\n1\t2\n", r"row 1: found a header without commas, 'a\\tb'"),
        ("% a,b\n1,2\n", r"row 1: found a comment, '% a,b'"),
        ("a,b\n1,\x002\n", r"not a CSV file .*: it holds a null character"),
        ("a,b,a\n1,2,3\n", r"found columns 'a', 'b', 'a'; allowed: each once"),
        (",a,\n1,2,3\n", r"row 1: found a header that ends with a comma"),
        (",a,,b\n1,2,3,4\n", r"found columns '', 'a', '', 'b'; allowed: each once"),
        ("# a,b\n1,2\n", r"row 1: found a comment, '# a,b'; allowed: the names of the columns"),
        ("a,b\n1,2\n # 3,4\n", r"row 3: found a comment, '# 3,4'; allowed"),
        ('a,b\n"1,2\n3,4\n', r"not a CSV file .*: unexpected end of data"),
        ("a,b\n\xff,2\n", r"not a CSV file .*: .*can't decode"),
        ("\n\n", r"not a CSV file: there is no header"),
    ],
)
def test_a_csv_that_would_be_misread(tmp_path, text, message):
    path = tmp_path / "t.csv"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError, match=rf"t\.csv: {message}") as caught:
        read_table(path)
    assert len(str(caught.value).splitlines()) == 1


def test_a_csv_without_rows(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b\n")
    assert numbers(read_table(path), ("a", "b"), "t").shape == (0, 2)


def test_a_row_is_named_by_its_line(tmp_path):
    """Blank lines and values over two lines count."""
    path = tmp_path / "t.csv"
    path.write_text('a,b\n\n"of two\nlines",2\n3,inf\n')
    table = read_table(path)
    assert table["a"].tolist() == ["of two\nlines", "3"]
    with pytest.raises(ConfigError, match="t: row 5: found b=inf; allowed: finite numbers"):
        numbers(table, ("b",), "t")


def read_events(path):
    return observed.read_events(path, load_detector("xenon1t"), "")[0]


# Each kind of table with its reader; every number is marked to be spoilt in turn.
KINDS = {
    read_events: ("cs1,cs2", ["{5.8},{1073.4}", "{7.9},{1038.8}", "{20},{2000}"]),
    read_spectrum: ("recoil_energy_keV,rate_per_kg_day_keV", ["{0.05},{0.5}", "{1},{0.4}"]),
    _read_map: (
        "radius_cm,z_cm,relative_yield",
        ["{0},{-90},{1}", "{0},{0},{1.1}", "{50},{-90},{0.9}", "{50},{0},{1}"],
    ),
    read_published: (
        "label,interaction,mass_GeV,cross_section_cm2,kind",
        ["A,SI,{6},{1.5e-43},limit", "A,SI,{7},{3e-44},limit"],
    ),
}
EVERY_KIND = pytest.mark.parametrize("read", KINDS, ids=lambda read: read.__name__)


def lines_of(read):
    header, rows = KINDS[read]
    return [header, *(row.replace("{", "").replace("}", "") for row in rows)]


def values_of(given):
    """What a reader gives, without the names of rows and files."""
    if isinstance(given, dict):
        return [given["radius_cm"], given["z_cm"], given["relative_yield"]]
    return given[sorted(given)].to_numpy().tolist()


@EVERY_KIND
def test_every_kind_in_any_guise(tmp_path, read):
    """The content says what a file is, whatever its name."""
    text = "\n".join(lines_of(read)) + "\n"
    path = tmp_path / "plain.csv"
    path.write_text(text)
    expected = values_of(read(path))
    table = pd.read_csv(path)
    for name, write in {
        "t.csv.gz": lambda file: file.write_bytes(gzip.compress(text.encode())),
        "gzip.csv": lambda file: file.write_bytes(gzip.compress(text.encode())),
        "t.parquet": table.to_parquet,
        "T.PARQUET": table.to_parquet,
        "parquet.csv": table.to_parquet,
        "index.parquet": table.set_axis(list("abcd")[: len(table)]).to_parquet,
        "named.parquet": table.set_index(table.columns[0]).to_parquet,
        "text.parquet": table.astype(str).to_parquet,
        "commas.csv": lambda file: file.write_text(text.replace("\n", ",\n")),
    }.items():
        write(tmp_path / name)
        assert values_of(read(tmp_path / name)) == expected, name
    (tmp_path / "link.csv").symlink_to(path)
    assert values_of(read(tmp_path / "link.csv")) == expected


@EVERY_KIND
@pytest.mark.parametrize(
    "value",
    ["nan", "", "NA", "inf", "1e999", "7.5 keV", '"7,5"', '"1,000"', "\u22125", "1_0", "True"],
)
def test_every_number_of_every_kind(tmp_path, read, value):
    """No number is guessed; the message names its row."""
    header, rows = KINDS[read]
    path = tmp_path / "t.csv"
    for row, line in enumerate(rows):
        for part in line.split("{")[1:]:
            bad = line.replace("{" + part.split("}")[0] + "}", value, 1)
            text = "\n".join([header, *rows[:row], bad, *rows[row + 1 :]])
            path.write_text(text.replace("{", "").replace("}", ""))
            with pytest.raises(
                ConfigError, match=rf"t\.csv: row {row + 2}: .*allowed: finite numb"
            ):
                read(path)


@EVERY_KIND
@pytest.mark.parametrize("number", [0, -1])
def test_missing_values_that_are_written_as_numbers(tmp_path, read, number):
    header, rows = KINDS[read]
    value = rows[-1].split("{")[1:][number].split("}")[0]
    last = rows[-1].replace("{" + value + "}", "-999", 1)
    path = tmp_path / "t.csv"
    path.write_text("\n".join([header, *rows[:-1], last]).replace("{", "").replace("}", ""))
    with pytest.raises(ConfigError, match=rf"t\.csv: row {len(rows) + 1}: .*-999"):
        read(path)


@EVERY_KIND
def test_rows_that_pandas_would_shift(tmp_path, read):
    header, *rows = lines_of(read)
    path = tmp_path / "t.csv"
    n = header.count(",") + 1
    for longer in (
        [f"{row},9" for row in rows],
        [f"1,{row}" for row in rows],
        [*rows, rows[0] + ",9"],
    ):
        path.write_text("\n".join([header, *longer]))
        with pytest.raises(ConfigError, match=rf"row \d: found {n + 1} values; allowed: {n}, one"):
            read(path)
    path.write_text("\n".join(f"{line},{line.split(',')[0]}" for line in [header, *rows]))
    with pytest.raises(ConfigError, match=r"found columns .*; allowed: each once"):
        read(path)


def test_a_shifted_table_that_was_written_as_parquet(tmp_path):
    path = tmp_path / "t.parquet"
    shifted = pd.DataFrame({"cs1": [1073.0, 1038.0], "cs2": [12, 13]}, [5.8, 7.9])
    shifted.to_parquet(path)
    with pytest.raises(ConfigError, match=r"t\.parquet: found a nameless index of decimal numbers"):
        read_events(path)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([True, False], "column 'cs2': found bool; allowed: finite numbers"),
        (pd.to_datetime(["2020-01-01"] * 2), "column 'cs2': found datetime.*; allowed: finite"),
        ([[1.0], [2.0]], "row 1: found cs1=5, cs2=.*1.*; allowed: finite numbers"),
        ([1.0, np.nan], "row 2: found cs1=6, cs2=nan; allowed: finite numbers"),
    ],
)
def test_columns_of_parquet_that_are_no_numbers(tmp_path, values, message):
    path = tmp_path / "t.parquet"
    pd.DataFrame({"cs1": [5, 6], "cs2": values}).to_parquet(path)
    with pytest.raises(ConfigError, match=rf"t\.parquet: {message}"):
        read_events(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"PAR1 and no more", "not a Parquet file: "),
        (gzip.compress(b"a,b\n1,2\n", mtime=0)[:-9], "not a CSV file .*: Compressed file ended"),
        (b"\x1f\x8bno gzip at all", "not a CSV file .*: "),
        ("a,b\n1,2\n".encode("utf-16"), "not a CSV file in UTF-8"),
        (b"", "not a CSV file: there is no header"),
    ],
)
def test_damaged_files(tmp_path, content, message):
    path = tmp_path / "t"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=rf"t: {message}"):
        read_table(path)


@EVERY_KIND
@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("pipe", r"pipe: found a pipe; allowed: regular files"),
        (".", r"\.: found a folder"),
        ("socket", "socket: found a socket"),
        ("/dev/zero", "/dev/zero: found a device"),
        (
            "https://example.org/a.csv",
            "example.org/a.csv: found a URL; allowed: files of this",
        ),
        ("file:///etc/hostname", "hostname: found a URL"),
        ("dangling", "dangling: no such file"),
        ("loop", "loop: not readable: "),
        ("a\0b", "no such file: "),
        ("a" * 300, "not readable: "),
    ],
)
def test_only_regular_files_of_this_machine(tmp_path, monkeypatch, read, path, message):
    """Nothing is fetched, and nothing waits for a pipe to be filled."""
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    with socket.socket(socket.AF_UNIX) as endpoint:
        endpoint.bind("socket")
    (tmp_path / "dangling").symlink_to("nothing")
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(ConfigError, match=message) as caught:
        read(path)
    assert len(str(caught.value)) < 400


def test_messages_stay_short(tmp_path):
    path = tmp_path / "t.csv"
    names = [f"column_{i}" for i in range(1000)]
    path.write_text(",".join(names) + "\n" + "1," * 1500 + "1\n")
    with pytest.raises(ConfigError, match="'column_9' and 990 more") as caught:
        read_table(path)
    assert len(str(caught.value)) < 500
    path.write_text("a,b\n1," + "x" * 100_000)
    with pytest.raises(ConfigError, match=r"row 2: found a=1, b=x+…; allowed") as caught:
        numbers(read_table(path), ("a", "b"), str(path))
    assert len(str(caught.value)) < 500


def test_a_digest_of_any_content(tmp_path):
    digests = set()
    for content in (b"a,b\n1,2\n", b"a,b\n1,3\n", gzip.compress(b"a,b\n", mtime=0), b"\xff\xfe"):
        (tmp_path / "t").write_bytes(content)
        digests.add(file_digest(tmp_path / "t"))
    assert len(digests) == 4
