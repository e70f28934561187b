"""The page on OpenTelemetry, the dashboard and the alerts have the names that are told, and no others."""

import importlib.util
import json
import re
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import ranvier
from ranvier.asgi.status.stories import NO_INCIDENTS
from ranvier.errors.hedge_lost import HedgeLostError
from ranvier.telemetry.opentelemetry import names
from support.telemetry import conventions
from support.telemetry.everything import Everything
from support.telemetry.sdk import Sdk

pytestmark = pytest.mark.virtual_time

DOCS = Path(ranvier.__file__).parents[2] / "docs"
PAGE = (DOCS / "telemetry.md").read_text(encoding="utf-8")

OF_CALL = {*conventions.OF_METRICS}
"""Attributes that metrics of the conventions have wherever something is known."""


def rows(table: str) -> list[list[str]]:
    """The cells of one of the page's tables, without its head."""
    (lines,) = re.findall(rf"<!-- telemetry: {table} -->\n\|.*\n\|-.*\n((?:\|.*\n)+)", PAGE)
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines.splitlines()]


def quoted(text: str) -> list[str]:
    """The names in it."""
    return re.findall(r"`([^`]+)`", text)


@pytest.fixture
async def sdk() -> AsyncIterator[Sdk]:
    """One that was told everything that there is."""
    everything = Everything()
    await everything.happen()
    yield everything.sdk
    everything.pipelines.clear()  # not before: the gauge forgets those of pipelines that are gone


async def test_the_page_has_every_attribute_of_spans(sdk: Sdk) -> None:
    """Of calls, of attempts and of waits; all that is told, and nothing that never is."""
    waits = [event for span in sdk.calls for event in span.events]
    told = {"call": sdk.calls, "attempt": sdk.attempts, "wait": waits}
    for table, things in told.items():
        listed = [name for row in rows(table) for name in quoted(row[0])]
        seen = {name for each in things for name in each.attributes}
        rare = {"ranvier.attempt.skipped", "ranvier.attempt.queued"} if table == "attempt" else set()
        assert len(listed) == len(set(listed))
        assert set(listed) == seen | rare, table


async def test_the_page_has_every_metric_with_its_attributes(sdk: Sdk) -> None:
    """As they are told: name, instrument, unit, and what it is told apart by."""
    metrics = {name: each for name, each in sdk.metrics.items() if name not in old_metrics()}
    assert (
        {quoted(row[0])[0] for row in rows("metrics")}
        == metrics.keys()
        == {each.name for each in names.METRICS}
    )
    kinds = {each.name: (each.kind, each.unit) for each in names.METRICS}
    for name_cell, instrument, attributes, _ in rows("metrics"):
        (name,) = quoted(name_cell)
        kind, unit = kinds[name]
        assert instrument == f"{kind}, `{unit}`"
        seen = {attribute for point in sdk.points(name) for attribute in point.attributes}
        where = OF_CALL if name.startswith("gen_ai.") else {"ranvier.provider"}
        assert set(quoted(attributes)) == seen - where, name
        assert where - seen <= {"gen_ai.response.model"}


def old_metrics() -> set[str]:
    """The old names of metrics."""
    return {each.old for each in names.METRICS if each.old}


async def test_the_page_has_every_old_name(sdk: Sdk) -> None:
    """Beside the new one."""
    listed = {quoted(new)[0]: quoted(old)[0] for new, old in rows("old")}
    metrics = {each.name: each.old for each in names.METRICS if each.old}
    assert listed == {**metrics, **names.OLD_ATTRIBUTES}
    assert old_metrics() <= sdk.metrics.keys()


# --- the dashboard and the alerts ----------------------------------------------------------------


def in_prometheus(name: str, kind: str, unit: str) -> list[str]:
    """What a metric is called there."""
    name = name.replace(".", "_") + ("_seconds" if unit == "s" else "")
    if kind == "histogram":
        return [f"{name}_bucket", f"{name}_sum", f"{name}_count"]
    return [f"{name}_total"] if kind == "counter" else [name]


def labels(sdk: Sdk) -> dict[str, set[str]]:
    """The labels of every series that Prometheus would have."""
    known: dict[str, set[str]] = defaultdict(set)
    for metric in names.METRICS:
        for series in in_prometheus(metric.name, metric.kind, metric.unit):
            points = sdk.points(metric.name)
            known[series].update(name.replace(".", "_") for point in points for name in point.attributes)
            if series.endswith("_bucket"):
                known[series].add("le")
    return known


DASHBOARD = json.loads((DOCS / "dashboards/ranvier.json").read_text(encoding="utf-8"))
RULES = [
    rule
    for group in yaml.safe_load((DOCS / "dashboards/alerts.yml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
QUERIES = [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", ())]
SERIES = re.compile(r"\b((?:ranvier|gen_ai)_\w+)(?:\{([^}]*)\})?(?=\s*[\[)>/]|\s*$)")
EXPRESSIONS = [*QUERIES, *(rule["expr"] for rule in RULES)]


@pytest.mark.parametrize("expression", EXPRESSIONS)
async def test_a_query_asks_for_what_is_told(expression: str, sdk: Sdk) -> None:
    """Its metrics exist, and have the labels that it chooses and groups by."""
    known = labels(sdk)
    text = re.sub(r'"[^"]*"', '""', expression)
    found = SERIES.findall(re.sub(r"by \([^)]*\)", "", text))
    grouped = {label.strip() for by in re.findall(r"by \(([^)]*)\)", text) for label in by.split(",")}
    assert found
    for metric, chosen in found:
        assert metric in known
        assert set(re.findall(r"(\w+)\s*[=!]", chosen)) | grouped <= known[metric], metric
    for value in re.findall(r'ranvier_outcome!?[=~]+"([^"]*)"', expression):
        assert set(value.split("|")) <= {"succeeded", "abandoned", HedgeLostError.kind, *kinds_of_errors()}


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_a_share_of_failed_calls_leaves_out_what_the_status_page_leaves_out(expression: str) -> None:
    """A tenant without a key, without permission or over its limit must not page anybody."""
    for outcomes in re.findall(r'ranvier_calls_total{ranvier_outcome!~"([^"]*)"', expression):
        assert set(NO_INCIDENTS) <= set(outcomes.split("|"))


def kinds_of_errors() -> set[str]:
    """All of them."""
    return {getattr(ranvier, name).kind for name in ranvier.errors.__all__}


def test_the_dashboard_shows_every_metric_of_ours() -> None:
    """Whatever is worth counting is worth seeing."""
    asked = " ".join(QUERIES)
    for metric in names.METRICS:
        if metric.name.startswith("ranvier."):
            series = in_prometheus(metric.name, metric.kind, metric.unit)
            assert any(each in asked for each in series), metric.name


def test_the_dashboard_is_what_its_script_makes() -> None:
    """`python docs/dashboards/make.py` makes it."""
    spec = importlib.util.spec_from_file_location("dashboard", DOCS / "dashboards/make.py")
    assert spec is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.draw() == (DOCS / "dashboards/ranvier.json").read_text(encoding="utf-8")


def test_panels_have_a_place_of_their_own() -> None:
    """None lies upon another, and each says what it shows."""
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        assert all(x < 24 for x, _ in cells)
        taken |= cells
        assert panel["type"] == "row" or panel["description"]
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)


def test_an_alert_says_what_is_wrong_and_how_urgent_it_is() -> None:
    """By the labels and annotations that a receiver reads."""
    assert len({rule["alert"] for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"]["summary"]
