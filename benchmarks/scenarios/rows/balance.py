"""How evenly calls are spread over the targets of a balance, and whether conversations stay."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from itertools import pairwise

from benchmarks.scenarios.figures import Check, Figures, Heard
from benchmarks.scenarios.row import row
from benchmarks.scenarios.upstream import Behaviour, Reply, Upstream, overloaded, silent, within
from benchmarks.scenarios.world import Ask, Log, World, names, rhythm
from ranvier.layers import Balance
from ranvier.pipeline import Call

CONVERSATIONS = 300
FIRST = 0.6
"""The median time to the first content, in seconds."""


def _conversation(call: Call) -> str:
    return str(call.request.messages[0].content)


def _answers(world: World, first: float = FIRST) -> Behaviour:
    """First content after about `first` seconds, the rest within 4 s."""
    return lambda call: Reply(first * world.rng.lognormvariate(0, 0.3), pieces=2, gap=2.0)


def _calls(
    world: World, seconds: float, *, every: float = 20.0, tenants: int = 60, number: int = CONVERSATIONS
) -> list[Ask]:
    """Each conversation asks every so many seconds; each tenant has as many of them."""
    known, asks = names(tenants), rhythm(names(number), every, seconds, world.rng)
    return [Ask(each.at, known[int(each.tenant.rpartition("-")[2]) % tenants], each.tenant) for each in asks]


def _play(
    world: World,
    upstreams: list[Upstream],
    calls: list[Ask],
    weights: list[float] | None = None,
    sticky: Callable[[Call], str] | None = None,
) -> Log:
    """With features off the targets are asked in their order."""
    if world.features == "off":
        return world.play([*upstreams], calls)
    return world.play([Balance(*upstreams, weights=weights, sticky=sticky)], calls)


def _conversations(log: Log) -> dict[str, list[Heard]]:
    """The calls of each conversation, by when they began."""
    calls = defaultdict(list)
    for each in sorted(log.calls, key=lambda heard: heard.began):
        calls[each.prompt].append(each)
    return calls


STICKY: dict[str, Callable[[Call], str] | None] = {"by load": None, "by conversation": _conversation}
WEIGHTS = {"equal weights": [1.0, 1.0, 1.0], "weights 2, 1, 1": [2.0, 1.0, 1.0]}


@row("Three equally fast targets in a balance", sticky=STICKY, weights=WEIGHTS)
def balance_steady(world: World, sticky: Callable[[Call], str] | None, weights: list[float]) -> Figures:
    """For 5 minutes each conversation has a call every 20 s. With features off there is no `Balance`.

    No target gets more than 1.2 times its share of the calls, or 1.05 times by load. No conversation moves.
    There are 300 conversations, or 1,200 with weights, because the lighter targets get a quarter each.
    """
    number = CONVERSATIONS if len(set(weights)) == 1 else 4 * CONVERSATIONS
    upstreams = [Upstream(name, "model", _answers(world)) for name in "abc"]
    log = _play(world, upstreams, _calls(world, 300.0, number=number), weights, sticky)
    answered = Counter(each.target for each in log.calls)
    shares = [
        answered[f"{name}/model"] / len(log.calls) / (weight / sum(weights))
        for name, weight in zip("abc", weights, strict=True)
    ]
    figures = log.figures()
    figures.checks.append(Check("calls over share", max(shares), 1.05 if sticky is None else 1.2))
    if sticky is not None:
        targets = [{each.target for each in calls} for calls in _conversations(log).values()]
        moved = sum(len(each) > 1 for each in targets) / len(targets)
        figures.checks.append(Check("conversations that moved", moved, 0.01))
    figures.checks.append(Check("success", figures.success, 0.999, least=True))
    return figures


FAULTS: dict[str, Behaviour] = {"503s": overloaded, "silent": silent}
LOST, BACK, WELL, END = 100.0, 400.0, 470.0, 600.0


@row(
    "An outage of one of three targets, 300 conversations",
    fault=FAULTS,
    tenants={"1 tenant": 1, "60 tenants": 60},
)
def balance_loss(world: World, fault: Behaviour, tenants: int) -> Figures:
    """The first target fails for 5 minutes. Each conversation has a call every 20 s.

    At least 99 % of the conversations at the other targets stay. Of those at the first one, 99 % move once,
    and return within 70 s after its recovery. 95 % of all calls hit the prompt cache of the previous one.
    After its recovery, the first target never gets more calls per second than usual.
    """
    first = Upstream("a", "model", within(LOST, BACK, fault, _answers(world)))
    upstreams = [first, *(Upstream(name, "model", _answers(world)) for name in "bc")]
    log = _play(world, upstreams, _calls(world, END, tenants=tenants), None, _conversation)
    conversations = list(_conversations(log).values())
    homes = [calls[0].target for calls in conversations]
    others = [
        len({each.target for each in calls}) == 1
        for calls, home in zip(conversations, homes, strict=True)
        if home != "a/model"
    ]
    orphans = [calls for calls, home in zip(conversations, homes, strict=True) if home == "a/model"]
    once = [len({each.target for each in calls if LOST + 60 <= each.began < BACK}) == 1 for calls in orphans]
    home = [
        all(each.target == where for each in calls if each.began >= WELL)
        for calls, where in zip(conversations, homes, strict=True)
    ]
    pairs = [one.target == other.target for calls in conversations for one, other in pairwise(calls)]
    figures = log.figures()
    figures.checks += [
        Check("others stay", _share(others), 0.99, least=True),
        Check("orphans move once", _share(once), 0.99, least=True),
        Check("back at home", _share(home), 0.99, least=True),
        Check("caches found", _share(pairs), 0.95, least=True),
        Check("requests over usual after the return", _peak(log) / _usual(log), 1.5),
        Check("success", figures.success, 0.999, least=True),
    ]
    return figures


def _share(those: list[bool]) -> float:
    return sum(those) / len(those) if those else 0.0


def _usual(log: Log) -> float:
    return sum(each < LOST for each in log.asked["a/model"]) / LOST


def _peak(log: Log) -> float:
    """The most requests a second to the first target in any 10 s after its return, until it is well."""
    asked = [each for each in log.asked["a/model"] if BACK <= each < WELL]
    return max((sum(since <= each < since + 10 for each in asked) for since in asked), default=0) / 10


@row("One of three targets is three times as slow", every={"1 call a second": 1.0, "30 calls a second": 30.0})
def balance_slower(world: World, every: float) -> Figures:
    """For 5 minutes. It still gets at least 3 % of the calls, so its recovery is noticed."""
    slow = Upstream("c", "model", _answers(world, 3 * FIRST))
    upstreams = [*(Upstream(name, "model", _answers(world)) for name in "ab"), slow]
    log = _play(world, upstreams, _calls(world, 300.0, every=CONVERSATIONS / every))
    answered = Counter(each.target for each in log.calls)
    figures = log.figures()
    figures.checks += [
        Check("share of the slow target", answered["c/model"] / len(log.calls), 0.03, least=True),
        Check("share of the slow target", answered["c/model"] / len(log.calls), 0.25),
        Check("success", figures.success, 0.999, least=True),
    ]
    return figures
