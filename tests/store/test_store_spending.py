"""Slices of spend limits in a store: together never more than the limit, whatever gets lost on the way."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ranvier.store.commands.spending import SliceView, TakeSlice
from ranvier.store.engine import spending
from ranvier.store.engine.engine import Engine
from support.store.clocked import Clocked, tenant

LENGTH = 60_000
CAP = 100


@pytest.fixture
def store() -> Clocked:
    return Clocked()


def window_of(store: Clocked) -> int:
    return store.us // 1000 // LENGTH


def take(store: Clocked, worker: str, number: int, **others: Any) -> SliceView:
    """Ask for what `others` say, of a limit of 100."""
    said = {"spent": 0, "least": 0, "wanted": 0, "cap": CAP, "window": window_of(store), **others}
    command = TakeSlice("tokens", tenant(1), LENGTH, worker=worker, number=number, **said)
    view: SliceView = store.say(command)
    return view


def test_a_slice_is_what_is_wanted_while_there_is_plenty(store: Clocked) -> None:
    """And all workers see what is left."""
    first = take(store, "a", 1, wanted=30)
    assert (first.held, first.left, first.window) == (30, 70, window_of(store))
    assert first.ends_in == LENGTH - store.us // 1000 % LENGTH
    second = take(store, "b", 1, wanted=30)
    assert (second.held, second.left) == (30, 40)


def test_when_little_is_left_each_call_gets_what_it_needs(store: Clocked) -> None:
    """And no more than there is; taking ahead of need gets nothing."""
    take(store, "a", 1, wanted=45)
    assert take(store, "b", 1, wanted=30).held == 0
    assert take(store, "b", 2, least=20, wanted=30).held == 20
    assert take(store, "c", 1, least=50, wanted=50).held == 35
    assert take(store, "d", 1, least=1, wanted=30).held == 0


def test_the_same_number_again_changes_nothing(store: Clocked) -> None:
    """Nor does one that was overtaken."""
    first = take(store, "a", 3, wanted=10)
    assert take(store, "a", 3, wanted=10) == first
    assert take(store, "a", 2, spent=50, wanted=40) == first


def test_what_is_not_spent_is_given_back(store: Clocked) -> None:
    """A worker that spends meanwhile what it holds is not cut."""
    take(store, "a", 1, wanted=40)
    assert take(store, "a", 2, spent=10, least=5, wanted=5).held == 40
    given = take(store, "a", 3, spent=10)
    assert (given.held, given.left) == (10, 90)


def test_a_slice_whose_grant_was_lost_is_granted_again(store: Clocked) -> None:
    """The worker says what it has spent; the rest it still holds."""
    take(store, "a", 1, wanted=30)
    again = take(store, "a", 2, spent=4, wanted=10)
    assert (again.held, again.left) == (30, 70)


def test_what_a_worker_has_forgotten_is_spent(store: Clocked) -> None:
    """Then and later: it does not know how much of it was."""
    take(store, "a", 1, wanted=30)
    again = take(store, "a", 2, wanted=10, anew=True)
    assert (again.held, again.left) == (10, 60)
    assert take(store, "a", 3, spent=4).left == 66


def test_what_was_spent_without_the_store_counts(store: Clocked) -> None:
    """Even if it is too much."""
    take(store, "a", 1, wanted=10)
    assert take(store, "a", 2, spent=130).left == 0
    assert take(store, "b", 1, least=1, wanted=1).held == 0


def test_a_window_ends_by_the_time_of_the_store(store: Clocked) -> None:
    """What a worker says of another window counts for nothing."""
    old = window_of(store)
    take(store, "a", 1, wanted=50)
    store.wait(60)
    view = take(store, "a", 2, window=old, spent=50, wanted=30)
    assert (view.window, view.held, view.left) == (old + 1, 30, 70)


def test_tenants_and_limits_are_apart(store: Clocked) -> None:
    """Each has its own."""
    take(store, "a", 1, wanted=50)
    command = TakeSlice("money", tenant(1), LENGTH, window_of(store), "a", 2, 0, 0, 30, CAP)
    for other in (command, replace(command, limit="tokens", tenant=tenant(2))):
        assert store.say(other).left == 70


def test_no_number_of_tenants_takes_memory_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first ones are forgotten."""
    monkeypatch.setattr(spending, "MAX_SPENDERS", 3)
    engine = Engine("epoch")
    for number in range(10):
        command = TakeSlice("tokens", tenant(number), LENGTH, 0, "a", number + 1, 0, 0, 30, CAP)
        engine.execute(command, 1_000)
    assert len(engine.spending.records) == 3


class Worker:
    """What one worker believes, and what is on its way to and from it."""

    def __init__(self) -> None:
        self.window = self.held = self.spent = self.number = 0
        self.anew = True
        self.sent: list[TakeSlice] = []
        self.heard: list[tuple[TakeSlice, SliceView]] = []
        self.alive = True

    def hear(self, command: TakeSlice, view: SliceView) -> None:
        if view.window != self.window:
            if view.window == command.window:
                return
            self.window, self.spent = view.window, 0
        elif view.window == command.window and self.anew and not command.anew:
            return  # it was asked before that was forgotten
        self.held, self.anew = view.held, False


NAMES = st.sampled_from("abc")


class Losses(RuleBasedStateMachine):
    """Three workers spend one limit; commands and replies come late, twice or never, and workers die."""

    def __init__(self) -> None:
        super().__init__()
        self.store = Clocked()
        self.workers = {name: Worker() for name in "abc"}
        self.spent: Counter[int] = Counter()  # by window
        self.old: list[TakeSlice] = []

    def says(self, name: str, **others: Any) -> None:
        worker = self.workers[name]
        if not worker.alive or worker.sent or worker.heard:
            return  # one question at a time
        worker.number += 1
        said: Any = {"spent": worker.spent, "least": 0, "wanted": 0, "anew": worker.anew, **others}
        command = TakeSlice("tokens", tenant(1), LENGTH, worker.window, name, worker.number, **said, cap=CAP)
        worker.sent.append(command)

    @rule(name=NAMES, least=st.integers(0, 40), more=st.integers(0, 30))
    def ask(self, name: str, least: int, more: int) -> None:
        self.says(name, least=least, wanted=max(least + more, 1))

    @rule(name=NAMES)
    def give_back(self, name: str) -> None:
        self.says(name)
        worker = self.workers[name]
        if worker.sent and not worker.sent[-1].wanted:
            worker.held = worker.spent

    @rule(name=NAMES, twice=st.booleans(), lost=st.booleans())
    def carry_out(self, name: str, twice: bool, lost: bool) -> None:
        worker = self.workers[name]
        if worker.sent:
            command = worker.sent.pop()
            self.old.append(command)
            view = self.store.say(command)
            if twice:
                assert self.store.say(command) == view
            if not lost:
                worker.heard.append((command, view))

    @rule(name=NAMES)
    def lose(self, name: str) -> None:
        self.workers[name].sent.clear()

    @precondition(lambda self: self.old)
    @rule(data=st.data())
    def repeat(self, data: Any) -> None:
        self.store.say(data.draw(st.sampled_from(self.old)))

    @rule(name=NAMES)
    def hear(self, name: str) -> None:
        worker = self.workers[name]
        if worker.heard:
            worker.hear(*worker.heard.pop())

    @rule(name=NAMES, share=st.floats(0, 1))
    def spend(self, name: str, share: float) -> None:
        worker = self.workers[name]
        if worker.alive and worker.held > worker.spent:
            amount = round((worker.held - worker.spent) * share)
            worker.spent += amount
            self.spent[worker.window] += amount

    @rule(name=NAMES, share=st.floats(0, 1))
    def settle(self, name: str, share: float) -> None:
        worker = self.workers[name]
        amount = round(worker.spent * share)
        worker.spent -= amount
        self.spent[worker.window] -= amount

    @rule(name=NAMES, least=st.integers(1, 60))
    def buy(self, name: str, least: int) -> None:
        """Nothing is lost."""
        self.ask(name, least, 0)
        self.carry_out(name, twice=False, lost=False)
        self.hear(name)
        self.spend(name, 1.0)

    @rule(name=NAMES)
    def die(self, name: str) -> None:
        self.workers[name].alive = name == "a"

    @rule(seconds=st.sampled_from([1.0, 20.0, 61.0, -30.0]))
    def pass_time(self, seconds: float) -> None:
        """Or its clock is set back."""
        self.store.wait(seconds)

    @rule(name=NAMES)
    def forget(self, name: str) -> None:
        worker = self.workers[name]
        worker.held, worker.spent, worker.anew = 0, 0, True
        worker.heard.clear()

    @invariant()
    def never_more_than_the_limit(self) -> None:
        assert all(spent <= CAP for spent in self.spent.values())


TestLosses = Losses.TestCase
