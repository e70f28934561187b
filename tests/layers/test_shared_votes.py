"""The votes on a target, against a model that keeps everything and scans it again for each question."""

import random
import sys
import tracemalloc
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ranvier.layers.breaker.shared.votes import MAX_VOTERS, Votes

QUORUM = 3


@dataclass(eq=False)
class Quiet:
    """A silence, as the model sees it."""

    voter: int
    began: float
    half: int | None = None
    gone: bool = False


@dataclass
class Model:
    """What the votes should be, in the plainest words."""

    half: int = 0
    started_at: float = -1e9
    outcomes: list[tuple[int, int, bool]] = field(default_factory=list)
    quiet: list[Quiet] = field(default_factory=list)
    contents: list[tuple[int, float]] = field(default_factory=list)

    def overtaken(self, voter: int, began: float) -> bool:
        return any(other != voter and later > began for other, later in self.contents)

    def said(self, voter: int, half: int) -> list[bool]:
        """Each outcome of `voter` in a half: true for content."""
        said = [well for there, who, well in self.outcomes if (there, who) == (half, voter)]
        for each in self.quiet:
            where = self.half if each.half is None else each.half
            if each.voter == voter and where == half and self.counts(each):
                said.append(False)
        return said

    def counts(self, each: Quiet) -> bool:
        return not each.gone and not self.overtaken(each.voter, each.began)

    def vote(self, voter: int) -> bool | None:
        for half in (self.half, self.half - 1):
            if said := self.said(voter, half):
                return said.count(False) > said.count(True)
        return None

    @property
    def numbers(self) -> tuple[int, int]:
        votes = [self.vote(voter) for voter in range(10)]
        return votes.count(True), len(votes) - votes.count(None)

    def turn(self, now: float) -> None:
        there = {who for half, who, _ in self.outcomes if half == self.half}
        there |= {each.voter for each in self.quiet if each.half == self.half and self.counts(each)}
        age = now - self.started_at
        if (age >= 5 and len(there) >= QUORUM) or age >= 150:
            self.half += 2 if age >= 300 else 1
            self.started_at = now

    def content(self, voter: int, began: float, now: float) -> None:
        self.contents.append((voter, began))
        self.turn(now)
        self.outcomes.append((self.half, voter, True))

    def failed(self, voter: int, now: float) -> None:
        self.turn(now)
        self.outcomes.append((self.half, voter, False))

    def broke(self, voter: int, now: float) -> None:
        self.turn(now)
        if (content := (self.half, voter, True)) in self.outcomes:
            self.outcomes.remove(content)
        self.outcomes.append((self.half, voter, False))

    def silent(self, voter: int, began: float, now: float) -> Quiet | None:
        if self.overtaken(voter, began):
            return None
        self.turn(now)
        self.quiet.append(Quiet(voter, began))
        return self.quiet[-1]

    def end(self, quiet: Quiet, now: float) -> None:
        self.turn(now)
        quiet.half = self.half

    def clear(self) -> None:
        self.outcomes.clear()
        for each in self.quiet:
            each.gone = True
        self.started_at = -1e9


STEPS = st.tuples(
    st.sampled_from(
        ["content", "content", "failed", "broke", "silent", "silent", "end", "end", "retract", "clear"]
    ),
    st.integers(0, 4),
    st.sampled_from([0.0, 0.0, 0.5, 2.0, 6.0, 40.0, 160.0, 320.0]),
    st.integers(0, 60),
)


@settings(max_examples=400, deadline=None)
@given(st.lists(STEPS, max_size=60))
def test_votes_are_those_of_the_model(steps: list[tuple[str, int, float, int]]) -> None:
    """After every step: how many tenants fail, and of how many."""
    votes, model, now = Votes(QUORUM), Model(), 1000.0
    waiting: list[tuple[Any, Quiet]] = []
    for what, voter, seconds, number in steps:
        now += seconds
        began = now - number
        if what == "content":
            votes.content(voter, began, now)
            model.content(voter, began, now)
        elif what in ("failed", "broke"):
            getattr(votes, what)(voter, now)
            getattr(model, what)(voter, now)
        elif what == "silent":
            silence, quiet = votes.silent(voter, began, now), model.silent(voter, began, now)
            assert (silence is None) is (quiet is None)
            if silence is not None and quiet is not None:
                waiting.append((silence, quiet))
        elif what == "clear":
            votes.clear()
            model.clear()
        elif waiting:
            silence, quiet = waiting.pop(number % len(waiting))
            if what == "end":
                votes.end(silence, now)
                model.end(quiet, now)
            else:
                votes.retract(silence)
                quiet.gone = True
        assert (votes.failing, votes.active) == model.numbers, what


def test_a_tenant_has_one_vote_however_many_calls_fail() -> None:
    """A loud tenant with 90 % of the traffic is one of many."""
    votes = Votes(5)
    for second in range(100):
        for _ in range(90):
            votes.failed(1, float(second))
        for voter in range(2, 12):
            votes.content(voter, float(second), float(second))
    assert (votes.failing, votes.active) == (1, 11)


def test_a_silence_counts_while_it_waits_and_for_the_window_after() -> None:
    """Not longer."""
    votes = Votes(2)
    silence = votes.silent(1, 0.0, 10.0)
    assert silence is not None
    for now in (20.0, 26.0, 32.0, 38.0):
        for voter in (2, 3):
            votes.failed(voter, now)
    assert votes.failing == 3
    votes.end(silence, 38.5)
    assert votes.failing == 3
    for now, failing in ((44.0, 3), (50.0, 2)):
        for voter in (2, 3):
            votes.failed(voter, now)
        assert votes.failing == failing


def test_only_another_tenant_overtakes_a_silence() -> None:
    """A tenant's own later attempt may have luck; one content of another tenant, begun later, is enough."""
    votes = Votes(5)
    for began in (5.0, 7.0, 9.0):
        assert votes.silent(1, began, 20.0) is not None
    votes.content(1, 10.0, 21.0)
    assert (votes.failing, votes.active) == (1, 1)
    votes.content(2, 8.0, 22.0)
    assert (votes.failing, votes.active) == (0, 2)  # one silence and one content
    assert votes.silent(1, 7.5, 23.0) is None
    assert votes.silent(1, 8.5, 23.0) is not None
    assert votes.failing == 1
    votes.content(2, 9.5, 24.0)
    assert votes.failing == 0


def test_above_its_limit_only_a_sample_votes() -> None:
    """Its share of failing tenants is that of all, and its size is bounded."""
    votes, chance = Votes(5), random.Random(7)
    voters = [chance.getrandbits(62) for _ in range(20_000)]
    for position, voter in enumerate(voters):
        if position % 4:
            votes.content(voter, 0.0, 1.0)
        else:
            votes.failed(voter, 1.0)
    assert MAX_VOTERS // 4 < votes.active <= MAX_VOTERS
    assert 0.2 < votes.failing / votes.active < 0.3


def test_a_tenant_that_failed_costs_little_memory_and_an_idle_one_none() -> None:
    """At most 250 bytes each, silences included; nothing once its votes are out of the window."""
    chance = random.Random(8)
    voters = [chance.getrandbits(62) for _ in range(1000)]
    tracemalloc.start()
    votes = Votes(5)
    before = tracemalloc.get_traced_memory()[0]
    for position, voter in enumerate(voters):
        silence = votes.silent(voter ^ 0, float(position) / 100, 20.0 + position / 1000)
        assert silence is not None
        votes.end(silence, 21.0 + position / 1000)
        del silence
    used = tracemalloc.get_traced_memory()[0] - before
    assert votes.failing == 1000
    assert used <= 250 * 1000
    for now in (30.0, 36.0, 42.0, 48.0):
        for voter in range(6):
            votes.content(voter, 0.0, now)
    left = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert votes.active == 6
    assert left < 5000 + sys.getsizeof({})


def test_silences_of_one_tenant_are_bounded() -> None:
    """A tenant with a hundred thousand silent attempts keeps some thousands of them, and has one vote."""
    votes = Votes(5)
    for number in range(100_000):
        silence = votes.silent(1, float(number), float(number) / 1e6)
        if silence is not None:
            votes.end(silence, float(number) / 1e6)
    assert len(votes._silences) <= 4096
    assert (votes.failing, votes.active) == (1, 1)
