"""Which requests a rule hits: the engine alone, with the time as an argument."""

import pytest

from ranvier.errors import ConfigurationError
from ranvier.simulator import Cut, Fine, Gzip, Rule, Silence, Simulator, Status
from ranvier.simulator import script as engine
from ranvier.simulator.dialogue import Ask
from ranvier.simulator.script import Script


def ask(provider="openai", key="k", model="m", streaming=False):
    return Ask(provider, key, model, streaming)


def hits(script, times, one=None):
    """At which of `times` a request is hit."""
    return [now for now in times if script.fault_for(one or ask(), now) is not None]


def test_without_a_rule_nothing_goes_wrong():
    """An empty script hits nobody."""
    assert hits(Script(), range(10)) == []


@pytest.mark.parametrize(
    ("rule", "others"),
    [
        (Rule(Silence(), provider="openai"), [ask("anthropic"), ask("openai-eu")]),
        (Rule(Silence(), key="k"), [ask(key="other"), ask(key=None)]),
        (Rule(Silence(), model="m"), [ask(model="n")]),
        (Rule(Silence(), streaming=False), [ask(streaming=True)]),
    ],
)
def test_a_rule_is_about_some_requests(rule, others):
    """What a rule names has to fit; the rest is none of its business."""
    script = Script([rule])
    assert script.fault_for(ask(), 0) == Silence()
    assert [script.fault_for(other, 0) for other in others] == [None] * len(others)


def test_a_rule_has_its_time():
    """From `start` on, until `end` is reached, reckoned from when it was added."""
    script = Script([Rule(Silence(), start=2, end=5)], now=100)
    assert hits(script, range(100, 110)) == [102, 103, 104]


def test_flapping():
    """A cycle is on and off over and over, from `start`."""
    script = Script([Rule(Silence(), start=1, cycle=(2, 3))])
    assert hits(script, range(12)) == [1, 2, 6, 7, 11]


def test_only_the_first_requests():
    """After `first` requests a rule never hits again."""
    assert hits(Script([Rule(Silence(), first=2)]), range(5)) == [0, 1]


def test_every_nth_request():
    """`every=3` hits the third, the sixth, and so on."""
    assert hits(Script([Rule(Silence(), every=3)]), range(1, 10)) == [3, 6, 9]
    assert hits(Script([Rule(Silence(), every=3, first=1)]), range(1, 10)) == [3]


def test_chance_is_made_of_the_seed():
    """The same seed hits the same requests, about as many as the probability says."""
    rule = Rule(Silence(), probability=0.3)
    drawn = [hits(Script([rule], seed=seed), range(1000)) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert 250 < len(drawn[0]) < 350
    assert hits(Script([Rule(Silence(), probability=0)]), range(50)) == []


def test_the_first_rule_that_hits_decides():
    """Rules are asked in their order, and one that is used up leaves the request to the next."""
    script = Script([Rule(Silence(), first=1), Rule(Cut(), first=1), Rule(Gzip())])
    assert [script.fault_for(ask(), 0) for _ in range(3)] == [Silence(), Cut(), Gzip()]


def test_a_rate_is_kept_for_each_key():
    """A second's worth may come at once, then one per 1/rate seconds; keys do not share."""
    script = Script([Rule(Status(429), above=4)])
    assert hits(script, [0] * 6) == [0, 0]
    assert hits(script, [0] * 4, ask(key="other")) == []
    assert hits(script, [0.25, 0.25, 0.5]) == [0.25]


def test_the_wait_is_honest():
    """The refused one is told when the next is taken, and is taken then."""
    script = Script([Rule(Status(429), above=0.5)])
    assert script.fault_for(ask(), 0) is None
    assert script.fault_for(ask(), 0.5) == Status(429, retry_after=1.5)
    assert script.fault_for(ask(), 2) is None


def test_a_wait_can_be_dishonest():
    """A `retry_after` that was given is said as it is; other faults know none."""
    rule = Rule(Status(429, retry_after=9) & Gzip(), above=1)
    script = Script([rule])
    assert hits(script, [0]) == []
    assert script.fault_for(ask(), 0) == rule.fault


def test_a_rate_remembers_so_many_keys_and_no_more(monkeypatch):
    """Of more keys than it can hold, it forgets the one that has been away the longest."""
    monkeypatch.setattr(engine, "_MAX_KEYS", 2)
    script = Script([Rule(Status(429), above=1)])
    asked = [script.fault_for(ask(key=key), 0) is None for key in ("a", "b", "a", "c", "a", "b")]
    assert asked == [True, True, False, True, False, True]


def test_a_script_can_be_cleared():
    """Of one provider's rules, or of all."""
    script = Script([Rule(Silence(), provider="openai"), Rule(Cut())])
    script.clear("openai")
    assert [rule.fault for rule in script.rules] == [Cut()]
    script.clear()
    assert script.rules == ()


@pytest.mark.parametrize(
    "wrong",
    [
        {"provider": "nobody"},
        {"start": -1},
        {"end": -1},
        {"first": 0},
        {"every": 0},
        {"cycle": (0, 0)},
        {"cycle": (-1, 2)},
        {"above": 0},
        {"probability": 1.5},
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(wrong):
    """It is refused where it is written, by the name of what is wrong."""
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        Rule(Silence(), **wrong)


def test_a_rule_reads_as_a_line():
    """What it leaves open is not in the way."""
    assert str(Rule(Silence())) == "Silence() for every request"
    assert str(Rule(Cut(after=1), provider="openai", end=8)) == "Cut(after=1) provider='openai'; end=8"


async def test_the_words_of_the_simulator(sim, talk):
    """`down`, `rate_limit`, `refuse_key`, `always`, `play` and `clear` are rules in other words."""
    sim.down("ollama", seconds=60)
    sim.rate_limit("anthropic", per_second=1, retry_after=7)
    sim.refuse_key("sk-bad")
    assert (await talk("ollama")).status == 503
    assert [(await talk("anthropic")).status for _ in range(2)] == [200, 429]
    assert sim.requests[-1].fault == Status(429, retry_after=7)
    assert (await talk("anthropic", key="sk-other")).status == 200
    assert (await talk("openai", key="sk-bad")).status == 401
    sim.clear("ollama")
    sim.play("ollama", Status(500), Fine(), Status(529))
    assert [(await talk("ollama")).status for _ in range(4)] == [500, 200, 529, 200]
    sim.always("ollama", Status(404))
    assert [(await talk("ollama")).status for _ in range(2)] == [404, 404]
    sim.clear()
    assert (await talk("openai", key="sk-bad")).status == 200


async def test_an_outage_ends_in_time(sim, talk):
    """Down for so many seconds, and then up."""
    sim.down("openai", seconds=0.03, fault=Status(500))
    statuses = []
    while not statuses or statuses[-1] == 500:
        statuses.append((await talk("openai")).status)
    assert statuses[-1] == 200
    assert sim.requests[-2].started < 0.1


async def test_a_script_may_be_rules_or_data(talk):
    """The same script as rules and as data does the same."""
    rules = [Rule(Status(429, retry_after=2), first=1)]
    data = {
        "rules": [{"fault": {"kind": "Status", "status": 429, "retry_after": 2}, "first": 1}],
        "latency": 0.005,
    }
    for script in (rules, data):
        async with Simulator(script) as talk.sim:
            assert [(await talk("openai")).status for _ in range(2)] == [429, 200]
    last = talk.sim.requests[-1]
    assert last.ended - last.started > 0.003
