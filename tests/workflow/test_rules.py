"""Rules: documented, and what they depend on is in their parameters."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from lint_workflow import complaints
from zeptobarn.support.config import read_yaml

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src/zeptobarn"
RULES = {
    match["name"]: match["body"]
    for file in sorted((ROOT / "workflow/rules").glob("*.smk"))
    for match in re.finditer(
        r"^rule (?P<name>\w+):\n(?P<body>(?:    .*\n|\n)+)", file.read_text(), re.MULTILINE
    )
}


@cache
def imports(path):
    """Modules of the package that a file imports at its top."""
    modules = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("zeptobarn"):
            place = PACKAGE.joinpath(*node.module.split(".")[1:])
            for path in [place, *(place / alias.name for alias in node.names)]:
                if path.with_suffix(".py").exists():
                    modules.add(".".join(path.relative_to(PACKAGE).parts))
    return modules


def closure(modules):
    """These modules and all that they import."""
    reached, left = set(), set(modules)
    while left:
        module = left.pop()
        reached.add(module)
        left |= imports(PACKAGE / (module.replace(".", "/") + ".py")) - reached
    return reached


def test_all_rules_are_found():
    assert {"spectrum", "response", "template", "toys", "limits", "summary"} <= set(RULES)


@pytest.mark.parametrize("rule", RULES)
def test_docstring(rule):
    """A sentence; and of what computes or counts, what goes in and out, and what it costs."""
    assert re.match(r'\s+"""[A-Z].*\.', RULES[rule])
    if "script:" in RULES[rule] and not rule.startswith("figure_"):
        docstring = RULES[rule].split('"""')[1]
        assert re.findall(r"^    (\w+): .", docstring, re.MULTILINE) == ["Input", "Output", "Cost"]


@pytest.mark.parametrize(
    "rule", [r for r in RULES if "_slice(" in RULES[r] and "script:" in RULES[r]]
)
def test_a_job_compares_its_configuration_with_the_plan(rule):
    (script,) = re.findall(r'script:\s+"\.\./scripts/(.*)"', RULES[rule])
    text = (ROOT / "workflow/scripts" / script).read_text()
    assert rule.startswith("figure_") or "check_plan(snakemake.params.config, " in text


def test_outputs_are_named():
    """All but the two files of a figure, which belong together."""
    for rule in (rule for rule in RULES if "script:" in RULES[rule]):
        (first,) = re.findall(r"\n    output:\n +(.*)", RULES[rule])
        assert first.startswith("reported(") or re.match(r"\w+=|\*\*\{", first), rule
    for script in (ROOT / "workflow/scripts").glob("*.py"):
        assert not re.search(r"snakemake\.output\[\d", script.read_text()), script


def test_the_linter_may_only_miss_environments():
    text = """
Lints for rule spectrum (line 1, spectra.smk):
    * Specify a conda environment or container for each rule.:
      This way, the used software is documented.
    * No log directive defined:
      Without a log directive, it is hard to see what failed.
"""
    assert complaints(text) == ["rule spectrum (line 1, spectra.smk): No log directive defined"]


@pytest.mark.parametrize("rule", [rule for rule in RULES if "script:" in RULES[rule]])
def test_a_rule_depends_on_the_code_of_its_script(rule):
    body = RULES[rule]
    (script,) = re.findall(r'script:\s+"\.\./scripts/(.*)"', body)
    assert (ROOT / "workflow/scripts" / script).exists()
    assert re.findall(r'code=code_of\("(.*)"\)', body) == [script]


def test_no_rule_runs_python_in_the_snakefile():
    for body in RULES.values():
        assert "run:" not in body
        assert "shell:" not in body
        assert "retries:" not in body


def test_every_job_travels_in_a_group_on_a_cluster():
    """A job of its own costs a cluster ten seconds for a step of two."""
    profile = read_yaml(ROOT / "workflow/profiles/slurm/config.yaml")
    grouped = {group.split("=")[0] for group in profile["groups"]}
    local = {"table"}  # too little for a job
    scripted = {rule for rule, body in RULES.items() if "script:" in body}
    files = (ROOT / "workflow/rules").glob("*.smk")
    also = {
        name
        for file in files
        for name in re.findall(r"^use rule \w+ as (\w+)", file.read_text(), re.M)
    }
    assert grouped | local == scripted | also
    report = (ROOT / "workflow/rules/report.smk").read_text()
    assert "localrules:\n    table,\n" in report


def test_modules_import_only_earlier_ones():
    """The package has no import cycle."""
    for path in PACKAGE.rglob("*.py"):
        module = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        for below in imports(path):
            assert module not in closure({below}), f"{module} and {below} import each other"
