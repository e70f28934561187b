"""What one worker reports of its votes: absolute counts, in the halves of the store."""

from collections.abc import Hashable

from hypothesis import given
from hypothesis import strategies as st

from ranvier.layers.breaker.shared.reported_votes import ReportedVotes
from ranvier.layers.breaker.shared.silences import Silence
from ranvier.pipeline.sharing.single_worker import NoLink

STEPS = st.lists(
    st.tuples(st.sampled_from(("content", "failed", "broke", "silent", "end", "turn")), st.integers(0, 4)),
    max_size=60,
)


class Paper(NoLink):
    """Whose counts have changed since they were read."""

    def __init__(self) -> None:
        self.changed: dict[Hashable, None] = {}

    def counted(self, voter: Hashable, *, urgent: bool) -> None:
        self.changed[voter] = None


def happen(votes: ReportedVotes, silences: list[Silence], what: str, voter: int, now: float) -> None:
    """One step; contents overtake nothing."""
    if what == "content":
        votes.content(voter, -1.0, now)
    elif what in ("failed", "broke"):
        getattr(votes, what)(voter, now)
    elif what == "silent" and (silence := votes.silent(voter, now, now)) is not None:
        silences.append(silence)
    elif what == "end" and silences:
        votes.end(silences.pop(), now)
    elif what == "turn":
        votes.turn(now)


@given(STEPS)
def test_who_reads_all_reports_knows_every_count(steps: list[tuple[str, int]]) -> None:
    """Each half is told apart; a count that changes is reported again."""
    votes, paper = ReportedVotes(5), Paper()
    votes.link = paper
    votes.watch(on=True)
    known: dict[Hashable, tuple[int, int, int]] = {}
    silences: list[Silence] = []
    half = 0
    for second, (what, voter) in enumerate(steps):
        half += what == "turn"
        happen(votes, silences, what, voter, 1000.0 + second)
        for each in paper.changed:
            age, contents, failures = votes.tally(each)
            known[each] = half - age, contents, failures
        paper.changed.clear()
    for each in range(5):
        age, contents, failures = votes.tally(each)
        if contents or failures:
            assert known[each] == (half - age, contents, failures)


def test_while_it_is_watched_no_half_ends_by_itself() -> None:
    """Only the store ends one; afterwards they end as before."""
    votes = ReportedVotes(2)
    votes.failed("a", 0.0)
    votes.failed("b", 0.0)
    votes.watch(on=True)
    for second in range(1000):
        votes.content("c", float(second), float(second))
    assert (votes.failing, votes.active) == (2, 3)
    votes.turn(1000.0)
    votes.turn(1000.0)
    assert votes.failing == 0
    votes.watch(on=False)
    votes.failed("a", 1001.0)
    votes.failed("b", 1001.0)
    votes.content("c", 1400.0, 1400.0)
    votes.content("c", 1800.0, 1800.0)
    assert votes.failing == 0


def test_a_report_names_the_latest_half_of_a_voter() -> None:
    """Silences that wait belong to the current one."""
    votes = ReportedVotes(5)
    votes.content("a", 0.0, 0.0)
    silence = votes.silent("b", 1.0, 1.0)
    assert silence is not None
    votes.turn(5.0)
    assert votes.tally("a") == (1, 1, 0)
    assert votes.tally("b") == (0, 0, 1)
    assert set(votes.recent()) == {"a", "b"}
    votes.failed("a", 6.0)
    assert votes.tally("a") == (0, 0, 1)
    assert votes.tally("nobody") == (0, 0, 0)
