"""What `ranvier watch` shows of several workers: whose numbers they are, and what each of them opened."""

from __future__ import annotations

from typing import Any

import pytest

from ranvier.cli.watch.screen import line
from ranvier.cli.watch.workers import MAX_TROUBLES
from support.cli.watched import drawn, status_of

LONG = "openrouter/a-model-with-a-long-name" * 2


def trouble(**more: Any) -> dict[str, Any]:
    """An open circuit, a closed gate or an isolated tenant, as the status page reports it."""
    return {
        "kind": "circuit",
        "what": "openai/gpt-5.2",
        "state": "open",
        "retry_after": 12.5,
        "by": "1a2b3c4d",
        "host": "host-7",
        "pid": "4711",
        **more,
    }


def of_service(*troubles: dict[str, Any], **more: Any) -> dict[str, Any]:
    """What the status page of one of four workers answers."""
    service = {"reachable": True, "worker": "5e6f7a8b", "live": 4, "summed": 4, "workers": [], **more}
    return {**status_of(), "service": {**service, "troubles": [*troubles]}}


def test_circuits_gates_and_tenants_are_shown_with_their_worker() -> None:
    """A circuit, a gate and a tenant of all workers; each with its host, as far as that is known."""
    lines = drawn(
        of_service(
            trouble(),
            trouble(kind="gate", what="openai 1a2b3c4d", state="quota_exhausted", retry_after=300.0),
            trouble(kind="tenant", what="acme at openai", state="isolated", retry_after=None, host=""),
        )
    )
    assert "4 workers: open circuits, closed gates, isolated tenants" in [line.strip() for line in lines]
    (head,) = [number for number, line in enumerate(lines) if line.split()[:3] == ["state", "what", "worker"]]
    assert [" ".join(line.split()) for line in lines[head + 1 : head + 4]] == [
        "open circuit openai/gpt-5.2 1a2b3c4d host-7 12.5 s",
        "quota_exhausted gate openai 1a2b3c4d 1a2b3c4d host-7 5 min",
        "isolated tenant acme at openai 1a2b3c4d -",
    ]


def test_the_table_of_workers_is_whole_at_80_columns() -> None:
    """A long name costs only its own column, and nothing in it steers the terminal."""
    many = [
        trouble(what=f"{number} {LONG}\x1b[2J", host="a-host-with-a-long-name" * 3) for number in range(9)
    ]
    lines = drawn(of_service(*many))
    assert max(map(len, lines)) <= 80
    assert "\x1b" not in "".join(lines)
    rows = [line.split() for line in lines if "1a2b3c4d" in line]
    assert [row[2] for row in rows] == [str(number) for number in range(MAX_TROUBLES)]
    assert {(row[0], *row[-2:]) for row in rows} == {("open", "12.5", "s")}


def test_where_all_is_well_there_is_no_such_table() -> None:
    """Nor without a store, nor with a server that does not report workers yet."""
    older = {name: value for name, value in status_of().items() if name != "service"}
    for facts in (of_service(), status_of(), older):
        assert not any("isolated tenants" in line for line in drawn(facts))


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({}, "4 workers"),
        ({"live": 1, "summed": 1}, "1 worker"),
        ({"summed": 3}, "3 of 4 workers"),
        ({"summed": 0}, "this worker, process"),
        ({"summed": 0, "reachable": False}, ": the store cannot be reached"),
    ],
)
def test_whose_numbers_are_shown_is_said(told: dict[str, Any], words: str) -> None:
    """Of all workers, or of the one that answers."""
    facts = of_service(**told)
    assert words in drawn(facts)[0]
    assert words in line(facts).plain


def test_a_server_that_does_not_add_up_shows_its_own_numbers() -> None:
    """It is of an older version."""
    facts = of_service()
    del facts["service"]["summed"]
    assert "this worker, process" in drawn(facts)[0]


def test_what_only_the_answering_worker_knows_is_labelled() -> None:
    """Its circuits, its tenants and its calls; of a pipeline without a store nothing is."""
    story = {
        "sort": "failed", "tenant": "acme", "attempts": [], "outcome": "timeout", "ago": 1.0, "seconds": 20.0,
    }  # fmt: skip
    failing = {"tenant": "acme", "calls": 1, "failed": 1, "fallbacks": 0, "rejections": 0, "missing_keys": 0}
    more = {"stories": [story], "tenants": {"failing": 1, "rows": [failing]}}
    shown = "\n".join(drawn({**of_service(), **more}))
    for words in ("0 circuits, 0 not closed", "1 tenant with failed calls", "calls"):
        assert f"{words}, of this worker" in shown
        assert "of this worker" in line({**of_service(), **more}).plain
    alone = {**status_of(), **more}
    assert "worker" not in "\n".join([*drawn(alone), line(alone).plain])
