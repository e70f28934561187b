"""Writes the dashboard: `python docs/dashboards/make.py`. A test holds what it makes against ranvier.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent

SOURCE = {"type": "prometheus", "uid": "${datasource}"}
MINE = 'ranvier_provider=~"$provider"'
MAX_COLUMNS = 4
"""Panels in one line; a row with more has two lines."""

NEITHER = "abandoned|credential_missing|not_allowed|spend_limit"
"""Outcomes that are neither a success nor a failure."""

FAILED = f'ranvier_outcome!~"succeeded|{NEITHER}"'
NO_RESULT = "abandoned|hedge_lost"  # of attempts: another target answered first

Query = tuple[str, str]
"""A query, and how its series are called."""


def rate(metric: str, by: str, *labels: str) -> str:
    """How often a counter goes up per second, added up by labels."""
    return f"sum by ({by}) (rate({metric}{{{', '.join(labels)}}}[$__rate_interval]))"


def quantile(share: float, metric: str, by: str, *labels: str) -> str:
    """So much of a histogram is at most this."""
    buckets = rate(f"{metric}_bucket", f"le, {by}" if by else "le", *labels)
    return f"histogram_quantile({share}, {buckets})"


DURATION = "gen_ai_client_inference_duration_seconds"
FIRST = "gen_ai_client_inference_time_to_first_chunk_seconds"
ATTEMPT = "ranvier_attempt_duration_seconds"
USED = "gen_ai_client_inference_usage"
MODEL = "gen_ai_request_model"

ROWS: list[tuple[str, list[tuple[str, str, str, list[Query]]]]] = [
    (
        "Calls",
        [
            (
                "Calls",
                "By outcome. Abandoned: cancelled or left by the caller.",
                "reqps",
                [(rate("ranvier_calls_total", "ranvier_outcome", MINE), "{{ranvier_outcome}}")],
            ),
            (
                "Failed calls",
                "Share of calls, without abandoned ones and those their tenant may not make. Page above 2 %.",
                "percentunit",
                [
                    (
                        f"sum(rate(ranvier_calls_total{{{FAILED}}}[$__rate_interval])) / "
                        f'sum(rate(ranvier_calls_total{{ranvier_outcome!~"{NEITHER}"}}[$__rate_interval]))',
                        "failed",
                    )
                ],
            ),
            (
                "Latency of calls",
                "Including all attempts and waits; streams until their end.",
                "s",
                [(quantile(share, DURATION, ""), f"{share:.0%}") for share in (0.5, 0.95, 0.99)],
            ),
            (
                "Time to first token",
                "Streamed calls, by the model that answered.",
                "s",
                [(quantile(0.95, FIRST, MODEL), "95% {{gen_ai_request_model}}")],
            ),
        ],
    ),
    (
        "Providers",
        [
            (
                "Successful attempts",
                "Share of attempts, by provider; without abandoned ones and lost hedges.",
                "percentunit",
                [
                    (
                        rate(
                            "ranvier_attempts_total", "ranvier_provider", MINE, 'ranvier_outcome="succeeded"'
                        )
                        + " / "
                        + rate(
                            "ranvier_attempts_total",
                            "ranvier_provider",
                            MINE,
                            f'ranvier_outcome!~"{NO_RESULT}"',
                        ),
                        "{{ranvier_provider}}",
                    )
                ],
            ),
            (
                "Failed attempts",
                "By provider and kind.",
                "reqps",
                [
                    (
                        rate(
                            "ranvier_attempts_total",
                            "ranvier_provider, ranvier_outcome",
                            MINE,
                            f'ranvier_outcome!~"succeeded|{NO_RESULT}"',
                        ),
                        "{{ranvier_provider}} {{ranvier_outcome}}",
                    )
                ],
            ),
            (
                "Latency of attempts",
                "Successful attempts.",
                "s",
                [
                    (
                        quantile(0.95, ATTEMPT, "ranvier_provider", MINE, 'ranvier_outcome="succeeded"'),
                        "95% {{ranvier_provider}}",
                    )
                ],
            ),
            (
                "Rate-limited and rejected keys",
                "A rejected key is a tenant without answers.",
                "cps",
                [
                    (
                        rate("ranvier_throttled_total", "ranvier_provider", MINE),
                        "{{ranvier_provider}} slowed down",
                    ),
                    (
                        rate("ranvier_limits_lowered_total", "ranvier_provider", MINE),
                        "{{ranvier_provider}} limit lowered",
                    ),
                    (
                        rate("ranvier_limits_used_up_total", "ranvier_provider", MINE),
                        "{{ranvier_provider}} limit used up",
                    ),
                    (
                        rate("ranvier_credentials_refused_total", "ranvier_provider", MINE),
                        "{{ranvier_provider}} refused",
                    ),
                    (
                        rate("ranvier_credentials_lookups_failed_total", "ranvier_provider", MINE),
                        "{{ranvier_provider}} not looked up",
                    ),
                ],
            ),
        ],
    ),
    (
        "Resilience",
        [
            (
                "Circuits not closed",
                "Tenants whose calls to a provider are rejected now.",
                "short",
                [
                    (
                        "sum by (ranvier_provider, ranvier_circuit_state) "
                        f'(ranvier_circuits{{{MINE}, ranvier_circuit_state!="closed"}})',
                        "{{ranvier_provider}} {{ranvier_circuit_state}}",
                    ),
                    (
                        "sum by (ranvier_provider) (increase(ranvier_circuit_changes_total"
                        f'{{{MINE}, ranvier_circuit_state="open"}}[$__rate_interval]))',
                        "{{ranvier_provider}} opened",
                    ),
                ],
            ),
            (
                "Shared circuits",
                "Changes of the circuits that all tenants share, by the new state. Open: an outage.",
                "short",
                [
                    (
                        "sum by (ranvier_provider, ranvier_circuit_state) "
                        f"(increase(ranvier_shared_circuit_changes_total{{{MINE}}}[$__rate_interval]))",
                        "{{ranvier_provider}} {{ranvier_circuit_state}}",
                    ),
                ],
            ),
            (
                "Retries and fallbacks",
                "Both rise before users notice an outage.",
                "cps",
                [
                    (rate("ranvier_retries_total", "ranvier_provider", MINE), "{{ranvier_provider}} again"),
                    (rate("ranvier_fallbacks_total", "ranvier_provider", MINE), "{{ranvier_provider}} left"),
                    (
                        rate("ranvier_retries_withheld_total", "ranvier_provider", MINE),
                        "{{ranvier_provider}} not again",
                    ),
                    (
                        rate("ranvier_faults_injected_total", "ranvier_provider", MINE),
                        "{{ranvier_provider}} failed on purpose",
                    ),
                ],
            ),
            (
                "Hedges",
                "Calls sent to another target as well, by the provider that was silent.",
                "cps",
                [
                    (
                        rate("ranvier_hedges_total", "ranvier_provider, ranvier_hedge_to", MINE),
                        "{{ranvier_provider}} to {{ranvier_hedge_to}}",
                    ),
                    (
                        rate("ranvier_hedges_withheld_total", "ranvier_provider, ranvier_hedge_to", MINE),
                        "{{ranvier_provider}} not to {{ranvier_hedge_to}}",
                    ),
                ],
            ),
            (
                "Rejected calls",
                "By an open circuit or closed gate; the next target is asked.",
                "cps",
                [
                    (
                        rate("ranvier_rejections_total", "ranvier_provider, ranvier_kind", MINE),
                        "{{ranvier_provider}} {{ranvier_kind}}",
                    )
                ],
            ),
            (
                "Broken streams, calls without a circuit",
                "Users notice the first. The second mean that max_circuits is too small.",
                "cps",
                [
                    (
                        rate("ranvier_streams_interrupted_total", "ranvier_provider", MINE),
                        "{{ranvier_provider}} broke",
                    ),
                    (
                        rate("ranvier_streams_restarted_total", "ranvier_provider", MINE),
                        "{{ranvier_provider}} broke, and was answered again",
                    ),
                    (
                        rate("ranvier_calls_untracked_total", "ranvier_provider", MINE),
                        "{{ranvier_provider}} untracked",
                    ),
                ],
            ),
        ],
    ),
    (
        "Tokens",
        [
            (
                "Input tokens",
                "Of every attempt, by model; cached tokens are included and also shown separately.",
                "short",
                [
                    (rate(f"{USED}_input_tokens_total", MODEL), "{{gen_ai_request_model}}"),
                    (rate(f"{USED}_cache_read_input_tokens_total", MODEL), "{{gen_ai_request_model}} cached"),
                ],
            ),
            (
                "Output tokens",
                "Of every attempt, by model; reasoning is included and also shown separately.",
                "short",
                [
                    (rate(f"{USED}_output_tokens_total", MODEL), "{{gen_ai_request_model}}"),
                    (
                        rate(f"{USED}_reasoning_output_tokens_total", MODEL),
                        "{{gen_ai_request_model}} reasoning",
                    ),
                ],
            ),
        ],
    ),
]


def draw() -> str:
    """The dashboard as Grafana imports it."""
    panels: list[dict[str, Any]] = []
    top = 0
    for title, row in ROWS:
        place = {"h": 1, "w": 24, "x": 0, "y": top}
        panels.append(
            {"id": len(panels) + 1, "type": "row", "title": title, "collapsed": False, "gridPos": place}
        )
        columns = len(row) if len(row) <= MAX_COLUMNS else len(row) // 2
        width = 24 // columns
        for number, panel in enumerate(row):
            line, column = divmod(number, columns)
            place = {"h": 8, "w": width, "x": width * column, "y": top + 1 + 8 * line}
            panels.append({"id": len(panels) + 1, **_panel(*panel), "gridPos": place})
        top += 1 + 8 * (len(row) // columns)
    return json.dumps(_dashboard(panels), indent=2) + "\n"


def _panel(title: str, description: str, unit: str, queries: list[Query]) -> dict[str, Any]:
    targets = [
        {"datasource": SOURCE, "expr": expression, "legendFormat": legend, "refId": chr(ord("A") + number)}
        for number, (expression, legend) in enumerate(queries)
    ]
    return {
        "type": "timeseries",
        "title": title,
        "description": description,
        "datasource": SOURCE,
        "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
        "options": {"legend": {"showLegend": True, "placement": "bottom"}, "tooltip": {"mode": "multi"}},
        "targets": targets,
    }


def _dashboard(panels: list[dict[str, Any]]) -> dict[str, Any]:
    source = {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"}
    provider = {
        "name": "provider",
        "label": "Provider",
        "type": "query",
        "datasource": SOURCE,
        "query": "label_values(ranvier_attempts_total, ranvier_provider)",
        "refresh": 2,
        "multi": True,
        "includeAll": True,
        "current": {"text": "All", "value": "$__all"},
    }
    return {
        "title": "ranvier",
        "uid": "ranvier",
        "tags": ["llm", "ranvier"],
        "schemaVersion": 39,
        "time": {"from": "now-3h", "to": "now"},
        "refresh": "30s",
        "templating": {"list": [source, provider]},
        "panels": panels,
    }


if __name__ == "__main__":
    (HERE / "ranvier.json").write_text(draw(), encoding="utf-8")
