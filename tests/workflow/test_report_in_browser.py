"""The report of the tiny study in a browser: complete, without a network, with tables that sort."""

import json
import shutil

import pandas as pd
import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from tiny import Workflow

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
OPTIONS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND",  # no name is found: a page that needs one fails
    "--window-size=1600,1000",
]
SECTIONS = {
    "Failures",
    "Likelihood",
    "Limits",
    "Sensitivity",
    "Spectra and yields",
    "Templates and datasets",
}
FAILURES = (
    "law",
    "outcomes",
    "window",
    "brent",
    "n_events",
    "bound",
    "reference",
    "confidence_level",
    "n_trials",
    "leff_low",
)
PICTURES = (
    "statistic_xenon1t_SI",
    "likelihood_xenon1t_SI",
    "datasets_xenon1t",
    "spectra_integrated_SI",
    "medians_xenon1t",
    "invariance_xenon1t",
    "dependence_xenon1t",
    "tornado_xenon1t",
    "distributions_xenon1t_SI",
    "pulls_xenon1t_SI",
    "asymptotics_xenon1t_SI",
    "comparison_SI",
    "interactions",
)
TARGETS = ("all", "failures", "pictures")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("browser"),
    pytest.mark.skipif(
        not (CHROMIUM and DRIVER),
        reason="no Chromium found: install Debian's chromium and chromium-driver",
    ),
]


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """The report, and the workflow that it is of."""
    workflow = Workflow(tmp_path_factory.mktemp("workflow"))
    workflow.study["masses_GeV"] = [7, 50]  # as text, 50 comes before 7
    done = workflow.run(*TARGETS)
    assert done.returncode == 0, done.stderr
    done = workflow.run(*TARGETS, "--report", "report.html")
    assert done.returncode == 0, done.stderr
    assert "warning" not in (done.stdout + done.stderr).lower()
    return workflow.folder / "report.html", workflow


@pytest.fixture
def browser(report, tmp_path):
    """A browser with the report open; at the end, its log holds no error and no address."""
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for option in (*OPTIONS, f"--user-data-dir={tmp_path}"):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options, Service(DRIVER))
    try:
        open_report(driver, report)
        yield driver
        assert [e for e in driver.get_log("browser") if e["level"] == "SEVERE"] == []
        events = [json.loads(e["message"])["message"] for e in driver.get_log("performance")]
        urls = {
            event["params"]["request"]["url"]
            for event in events
            if event["method"] == "Network.requestWillBeSent"
        }
        assert report[0].as_uri() in urls
        assert [url for url in urls if url.startswith(("http", "ws", "ftp"))] == []
    finally:
        driver.quit()


def open_report(driver, report):
    driver.get(report[0].as_uri())
    wait(driver, "nav a")


def wait(driver, selector):
    """Wait for elements to be there and displayed; give them."""

    def shown(driver):
        elements = driver.find_elements(By.CSS_SELECTOR, selector)
        return elements if elements and all(e.is_displayed() for e in elements) else False

    return WebDriverWait(driver, 10).until(shown, selector)


def click(driver, text):
    """Click the menu's entry of this name."""
    driver.find_element(By.XPATH, f"//nav//a[normalize-space(.)='{text}']").click()


def eyes(driver):
    """The buttons that open the results of a section."""
    return wait(driver, "nav tbody td:last-child a:first-child")


def test_home_says_what_the_study_is(browser):
    text = browser.find_element(By.TAG_NAME, "body").text
    for wanted in ("xenon1t", "7, 50 GeV/c²", "20 background-only datasets", "Seed"):
        assert wanted in text
    assert "{" not in text
    entries = {entry.text for entry in browser.find_elements(By.CSS_SELECTOR, "nav li a span")}
    assert entries == SECTIONS | {"Workflow", "Statistics", "About"}


def test_every_result_is_seen_and_described(browser, report):
    seen = set()

    def another(driver):
        """The picture or page that is shown, if it is a new one and complete."""
        (element,) = driver.find_elements(
            By.CSS_SELECTOR, "img[src^='data:image/png'], iframe"
        ) or [0]
        if not element or element.get_attribute("src") in seen:
            return None
        return element if element.tag_name == "iframe" or element.get_property("complete") else None

    for section in SECTIONS:
        open_report(browser, report)
        click(browser, section)
        for eye in eyes(browser):
            eye.click()
            element = WebDriverWait(browser, 10).until(another)
            assert element.is_displayed()
            assert element.tag_name == "iframe" or element.get_property("naturalWidth") > 500
            seen.add(element.get_attribute("src"))
    results = browser.execute_script("return results")
    assert seen == {result["data_uri"] for result in results.values()}
    assert {path.rsplit("/")[-1] for path in results} == {
        "limits.html",
        "outcomes.html",
        "failures.html",
        "failures_law.html",
        *(f"failures_{name}_xenon1t.png" for name in FAILURES),
        *(f"{name}.png" for name in PICTURES),
        "limits_SI.png",
        "limits_xenon1t_SI.png",
        "spectra_SI.png",
        "yields_xenon1t.png",
        "templates_xenon1t.png",
        "bands_xenon1t.png",
    }
    for path, result in results.items():
        assert "<p>" in result["caption"], path
        assert "{" not in result["caption"], path


def test_statistics_have_every_step(browser):
    click(browser, "Statistics")
    assert all(drawing.size["width"] > 200 for drawing in wait(browser, "#runtimes canvas"))
    wait(browser, "#timeline canvas")
    runtimes = json.dumps(browser.execute_script("return runtimes_spec"))
    for rule in ("response", "template", "limits", "summary", "figure_limits"):
        assert f'"rule": "{rule}"' in runtimes


def test_a_table_sorts(browser, report):
    workflow = report[1]
    click(browser, "Limits")
    eyes(browser)[-1].click()
    browser.switch_to.frame(wait(browser, "iframe")[0])
    header = wait(browser, "th button")
    names = [button.text.split()[0] for button in header]
    expected = pd.read_parquet(workflow.folder / "results/summary/limits.parquet")
    assert len(names) == len(expected.columns)

    def column(name):
        cells = f"tbody td:nth-child({names.index(name) + 1})"
        return [
            cell.get_attribute("data-value")
            for cell in browser.find_elements(By.CSS_SELECTOR, cells)
        ]

    def numbers(name):
        return [float(value) for value in column(name)]

    medians = expected["median_cm2"].tolist()
    assert numbers("median") == medians
    header[names.index("median")].click()
    assert numbers("median") == sorted(medians) != medians
    # The other cells of a row come along.
    by_median = expected.sort_values("median_cm2", kind="stable")
    assert column("interval") == by_median["interval"].tolist()
    header[names.index("median")].click()
    assert numbers("median") == sorted(medians, reverse=True)
    header[names.index("mass")].click()
    assert numbers("mass") == [7] * 3 + [50] * 3
    header[names.index("interval")].click()
    assert column("interval") == sorted(expected["interval"])


def test_failures_are_counted_for_every_scan(report):
    workflow = report[1]
    table = pd.read_csv(workflow.folder / "results/summary/failures.csv")
    assert list(table.columns[:15]) == [
        "scan", "detector", "mass_GeV", "interaction", "sigma_ref_cm2", "n_events_for_pdf",
        "n_trials", "shape_parameters", "bound", "confidence_level", "seed", "finder", "status",
        "n_with_status", "n_failed",
    ]  # fmt: skip
    assert set(table["scan"]) == set(FAILURES[4:])
    settings = list(table.columns[:12])
    assert (
        table.groupby(settings)["n_with_status"].sum()
        == table.groupby(settings)["n_trials"].first()
    ).all()
    assert {"empty_template", "no_crossing", "critical_value_zero"} <= set(table["status"])


def test_outcomes_count_every_trial(report):
    workflow = report[1]
    table = pd.read_parquet(workflow.folder / "results/summary/outcomes.parquet")
    counts = table.groupby(["mass_GeV", "interval"])["n_trials"].sum()
    assert counts.tolist() == [20] * 6
