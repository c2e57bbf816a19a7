"""What YAML allows and a configuration may not: refused, with the line."""

import pytest
import yaml

from zeptobarn.support.strict_yaml import StrictError, line_of, parse


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, r"found the key 'a' again, which is on line 1 already"),
        ("a:\n  b: 1\n  c: {d: 1,\n    d: 2}\n", 4, r"the key 'd' again, which is on line 3"),
        ('{"a": 1,\n "a": 2}', 2, r"the key 'a' again"),
        ("a: 1\nb: 010\n", 2, r"found 010, which YAML reads in base 8; allowed: decimal"),
        ("a: [067]\n", 1, r"found 067, .* base 8"),
        ("a: 34:12\n", 1, r"found 34:12, .* base 60"),
        ("a: 1:30\n", 1, r"found 1:30, .* base 60"),
        ("a: 1:30.5\n", 1, r"found 1:30\.5, .* base 60"),
        ("a: 0x10\n", 1, r"base 16"),
        ("a: -0b11\n", 1, r"base 2;"),
        (f"a: 1{'0' * 400}\n", 1, r"found a number of 401 digits; allowed: 308"),
        (f"a: 1{'0' * 5000}\n", 1, r"found a number of 5001 digits"),
        ("a: 1\nnull: 3\n", 2, r"found the key null \(null\); allowed: texts"),
        ("? \n: 3\n", 1, r"found the key null"),
        ("a: {1: 2}\n", 1, r"found the key 1 \(int\)"),
        ("yes: 2\n", 1, r"found the key yes \(bool\)"),
        ("[1, 2]: 3\n", 1, r"found the key a list or mapping"),
        ("a: &a [1, *a]\n", 1, r"contains itself"),
        ("a: 1\nb: &b {c: {d: *b}}\n", 2, r"contains itself"),
        ("a: &a {<<: *a}\n", 1, r"contains itself"),
        ("a: " + "[" * 5000 + "]" * 5000, 1, r"nested more than 50-fold"),
        ("a: " + "[" * 100_000, 1, r"nested more than 50-fold"),
        (
            "a0: &a0 [1]\n" + "".join(f"a{i + 1}: &a{i + 1} [*a{i}]\n" for i in range(60)),
            51,
            r"50-",
        ),
        (
            "a0: &a0 [1, 2]\n"
            + "".join(f"a{i + 1}: &a{i + 1} [*a{i}, *a{i}]\n" for i in range(40)),
            14,
            r"found more than 20000 values",
        ),
        ("a: " + "x" * 1_000_001, 1, r"found 1000004 characters; allowed: 1000000"),
        ("a: 2024-13-45\n", 1, r"found 2024-13-45, a timestamp; allowed: in quotes"),
        ("a: !!int abc\n", 1, r"found abc, a int"),
        ("a: !!set {b, c}\n", 1, r"found the tag set; allowed: no tags"),
        ("a: !!python/object/apply:os.system [ls]\n", 1, r"found the tag python"),
    ],
)
def test_refused(text, line, message):
    with pytest.raises(StrictError, match=message) as caught:
        parse(text)
    assert caught.value.line == line
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a: {b: [1, 2.5, -3, 1.0e-45, 1_000, +5, 0, -0.0, .5], c: text, d: true, e: null}\n",
        "a: '010'\nb: \"1:30\"\nc: '2024-01-01'\n",
        "a: &x {b: 1, c: 2}\nd: {<<: *x, b: 3}\ne: [*x, *x]\n",
        "[" * 50 + "]" * 50,
    ],
)
def test_the_rest_reads_as_yaml_does(text):
    assert parse(text) == yaml.safe_load(text)


def test_lines():
    text = "a: 1\nb:\n  c:\n    - 5\n    - {d: 6}\n"
    assert line_of(text, ["b", "c", 1, "d"]) == (4, 5)
    assert line_of(text, ["b", "c", 0]) == (3, 4)
    assert line_of(text, ["b", "x", "y"]) == (1, 2)
    assert line_of(text, []) == (0, 1)
