"""`ranvier doctor`: what it tells of a pipeline, and what of one that it cannot have."""

from __future__ import annotations

import json
import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ranvier.cli import main
from ranvier.cli.doctor.checking import CHECKS
from support.cli.patients import HEAD, SECRET
from support.cli.processes import RANVIER

README = Path(__file__).parents[2] / "README.md"


@pytest.fixture
def port() -> Iterator[int]:
    """A port of ours that takes connections."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


# --- a pipeline that is well ---------------------------------------------------------------------


def test_a_good_pipeline_is_told_and_nothing_is_warned_of(write, port, monkeypatch, capsys):
    """Stack, targets, source of each key, how each address is reached, and what a call costs at most."""
    monkeypatch.delenv("OLLAMA_API_KEY")
    spec = write(
        "pipeline = Pipeline(Deadline(240), Fallback("
        f"Deployment(OpenAI(base_url='http://127.0.0.1:{port}/v1', name='ours'), 'gpt-5.2'),"
        f"Deployment(Ollama(base_url='http://localhost:{port}'), 'qwen3')),"
        "Retry(max_retries=2), Breaker(), Timeout(seconds=120, connect=10, first_token=120, idle=15))"
    )
    assert main(["doctor", spec]) == 0
    said = capsys.readouterr().out
    for part in (
        "  ROUTE    Fallback(ours/gpt-5.2 -> ollama/qwen3)\n",
        "  ours/gpt-5.2\n    key      OPENAI_API_KEY\n"
        "    limits   seconds 120 s, connect 10 s, first_token 120 s, idle 15 s\n",
        "  ollama/qwen3\n    key      none needed\n",
        "  6 attempts; 12 with a schema repair (repair=1)\n",
        "  240 s, the deadline\n",
    ):
        assert part in said
    assert re.search(rf"http://127.0.0.1:{port}/v1: DNS \d+ ms, TCP \d+ ms\n", said)
    assert said.endswith("no warnings\n")


@pytest.mark.parametrize(
    ("variable", "host"), [("GLM_API_KEY", "open.bigmodel.cn"), ("ZAI_API_KEY", "api.z.ai")]
)
def test_the_address_is_the_one_that_the_key_belongs_to(write, monkeypatch, capsys, variable, host):
    """As a request would go: to the platform at which the key is valid."""
    monkeypatch.delenv("GLM_API_KEY", raising=False)
    monkeypatch.setenv(variable, SECRET)
    main(["doctor", write("pipeline = resilient('glm/glm-5.2')"), "--offline"])
    assert f"    address  https://{host}/" in capsys.readouterr().out


def test_the_pipeline_of_the_readme_is_well(write, capsys):
    """What we show to everybody first has no fault that we would find in it."""
    [code] = re.findall(r"```python\n((?:(?!```).)*?)\n\nasync with", README.read_text(), re.DOTALL)
    assert main(["doctor", write(code), "--offline"]) == 0, capsys.readouterr().out


def test_the_stack_that_we_recommend_is_well(write, capsys):
    """`resilient`, made by a function that is called."""
    spec = write(
        "def make():\n    return resilient('anthropic/claude-sonnet-5', 'openai/gpt-5.2', 'ollama/qwen3')",
        "make",
    )
    assert main(["doctor", spec, "--offline"]) == 0, capsys.readouterr().out


def test_json_tells_the_same(write, port, capsys):
    """For a check in CI: nothing else is on standard output, whatever the module prints."""
    spec = write(
        "print('hello from the module')\n"
        f"pipeline = Pipeline(Fallback(Deployment(OpenAI(base_url='http://127.0.0.1:{port}'), 'gpt-5.2')))"
    )
    assert main(["doctor", spec, "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    [target] = told["targets"]
    assert target["key"] == "OPENAI_API_KEY"
    assert target["reach"]["failed"] is None
    assert target["reach"]["tcp"] >= 0
    assert told["longest_call"]["attempts"] == 1
    assert told["longest_call"]["seconds"] is None
    assert "no-deadline" in [each["check"] for each in told["warnings"]]


def test_a_module_in_a_package_is_found_by_its_name(environment, tmp_path, monkeypatch, capsys):
    """As `python -m` finds it, from the folder where the command is given."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "calls.py").write_text(HEAD + "class Calls:\n    made = resilient('ollama/qwen3')\n")
    monkeypatch.chdir(tmp_path)
    assert main(["doctor", "shop.calls:Calls.made", "--offline"]) == 0, capsys.readouterr().out


def test_layers_of_the_user_that_say_nothing_of_their_cost_are_named(write, capsys):
    """What the bound leaves out is told with the bound."""
    spec = write(
        "class Guard(Layer):\n"
        "    async def handle(self, call, next):\n        return await next(call)\n"
        "pipeline = Pipeline(Guard(), Deadline(60), Fallback('ollama/qwen3'), Breaker(), Timeout(50, idle=9))"
    )
    main(["doctor", spec, "--offline"])
    assert "without what Guard may add: give it a method `bound`" in capsys.readouterr().out


ROUTES = [
    (60, "first_token=20", "", [(0, 20, None), (20, 20, None), (40, 20, None)]),
    (60, "first_token=50", "", [(0, 50, None), (50, 10, None), (60, 0, None)]),
    (60, "first_token=50", ", reserve=20", [(0, 20, None), (20, 20, None), (40, 20, None)]),
    (180, "first_token=120", ", reserve=20", [(0, 120, None), (120, 40, None), (160, 20, None)]),
    (180, "first_token=120", ", hedge_after='p99'", [(0, 120, 12), (12, 120, 12), (24, 120, None)]),
    (180, "first_token=120", ", hedge_after=5, reserve=20", [(0, 120, 5), (5, 120, 5), (10, 120, None)]),
    (180, "first_token=3", ", hedge_after=5", [(0, 3, None), (3, 3, None), (6, 3, None)]),
    (
        180,
        "seconds=100, stream_complete=False",
        ", hedge_after='p99'",
        [(0, 100, None), (100, 80, None), (180, 0, None)],
    ),
]
"""A deadline, a limit, settings of the route; when each target is asked, how long it has, and its hedge."""


@pytest.mark.parametrize(("deadline", "limits", "settings", "turns"), ROUTES)
def test_how_long_each_target_gets_is_told(write, capsys, deadline, limits, settings, turns):
    """If all are silent: its own limits, the turns of later targets, and hedges."""
    names = ["ollama/a", "ollama/b", "ollama/c"]
    route = f"Fallback({', '.join(map(repr, names))}{settings})"
    spec = write(f"pipeline = Pipeline(Deadline({deadline}), {route}, Breaker(), Timeout({limits}, idle=9))")
    main(["doctor", spec, "--offline", "--json"])
    [told] = json.loads(capsys.readouterr().out)["turns"]
    assert [each["target"] for each in told] == names
    assert [(each["starts"], each["seconds"], each["hedged"]) for each in told] == turns
    main(["doctor", spec, "--offline"])
    said = capsys.readouterr().out
    for name, (starts, seconds, hedged) in zip(names, turns, strict=True):
        then = "" if hedged is None else f"; the next is asked as well after {hedged} s"
        assert f"  {name}: asked at {starts} s, has {seconds} s until its first content{then}\n" in said
    short = sum(seconds < told[0]["wanted"] for _, seconds, _ in turns)
    assert short == 0 or "turn-too-short" in said


def test_the_turns_of_every_chain_are_told(write, capsys):
    """But not of those that are the rest of another one; and no limit is no number."""
    route = "Fallback('ollama/a', 'ollama/b', chains={'ollama/b': ['ollama/c', 'ollama/a']})"
    spec = write(f"pipeline = Pipeline({route})")
    main(["doctor", spec, "--offline"])
    assert capsys.readouterr().out.count(": never asked\n") == 3
    main(["doctor", spec, "--offline", "--json"])
    said = capsys.readouterr().out
    assert "Infinity" not in said  # which is no JSON
    told = json.loads(said)["turns"]
    assert {each["starts"] for turns in told for each in turns} == {0, None}
    assert sorted([each["target"][-1] for each in turns] for turns in told) == [["a", "b"], ["b", "c", "a"]]
    assert {each["seconds"] for turns in told for each in turns} == {None}


def test_the_turns_in_a_balance_are_told_once(write, capsys):
    """In the order in which its targets are named; time is kept for two of them."""
    route = "Fallback(Balance('ollama/a', 'ollama/b', 'ollama/c', 'ollama/d'), 'ollama/z', reserve=20)"
    stack = f"from ranvier.layers import Balance\npipeline = Pipeline(Deadline(40), {route}, Timeout(100))"
    main(["doctor", write(stack), "--offline", "--json"])
    [told] = json.loads(capsys.readouterr().out)["turns"]
    assert [each["target"][-1] for each in told] == ["a", "b", "c", "d", "z"]
    assert [each["seconds"] for each in told[:3]] == [10, 7.5, 7.5]


def test_keys_of_a_resolver_are_not_asked_for(write, capsys):
    """It may cost money or a round trip; where the keys come from is told."""
    spec = write(
        "def keys(tenant, provider): raise SystemExit('asked')\n"
        "pipeline = Pipeline(Deadline(60), Fallback('openai/gpt-5.2'), credentials=keys)"
    )
    assert main(["doctor", spec, "--offline"]) == 1
    said = capsys.readouterr().out
    assert "key      by tenant, from credentials=" in said
    assert "no-key" not in said


@pytest.mark.parametrize("option", ["--json", "--offline"])
def test_a_reader_that_leaves_early_sees_no_traceback(write, option):
    """`ranvier doctor ... | head -1`: the pipe is closed while the report is written."""
    command = [*RANVIER, "doctor", write("pipeline = resilient('ollama/qwen3')"), "--offline", option]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, text=True, stdout=pipe, stderr=pipe) as process:
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(timeout=20) == 141


# --- secrets -------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [[], ["--json"], ["--traceback"]])
@pytest.mark.parametrize(
    "source",
    [
        "pipeline = Pipeline(Fallback(Deployment(OpenAI(os.environ['OPENAI_API_KEY']), 'gpt-5.2')))",
        "pipeline = Pipeline(Fallback(Deployment("
        "OpenAI(f\"{os.environ['OPENAI_API_KEY'][::-1]}\"), 'gpt-5.2')))",
        "raise ValueError(os.environ['OPENAI_API_KEY'])",
        "raise SystemExit('no: ' + os.environ['OPENAI_API_KEY'])",
        "pipeline = Pipeline(OpenAI(base_url='http://me:' + os.environ['OPENAI_API_KEY'] + '@127.0.0.1'))",
    ],
)
def test_no_key_is_ever_shown(write, capfd, source, options):
    """Neither of the environment, nor of the code, nor in what the user's code raises."""
    assert main(["doctor", write(source), "--offline", *options]) > 0
    shown = "".join(capfd.readouterr())
    assert shown
    assert SECRET not in shown
    assert SECRET[::-1] not in shown


def test_the_password_of_a_proxy_is_not_shown(write, port, monkeypatch, capsys):
    """The proxy is what is reached, and told."""
    monkeypatch.setenv("HTTPS_PROXY", f"http://me:{SECRET}@127.0.0.1:{port}")
    main(["doctor", write("pipeline = resilient('openai/gpt-5.2')")])
    said = capsys.readouterr().out
    assert f"https://api.openai.com/v1: by the proxy http://127.0.0.1:{port}: DNS" in said
    assert SECRET not in said


# --- what cannot be had --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "name", "why"),
    [
        ("pipeline = resilient('ollama/qwen3')", "nothing", "has no 'nothing': it has pipeline"),
        ("", "nothing", "it has no pipeline"),
        ("pipeline = 7", "pipeline", "is a int: name a Pipeline, or a function that returns one"),
        ("async def make(): ...", "make", "is async: name a plain function"),
        ("def make(): return 1 / 0", "make", "ZeroDivisionError: division by zero (app.py, line 5)"),
        ("def f():\n    raise KeyError('DB')\nf()", "pipeline", "KeyError: 'DB' (app.py, line 6)"),
        ("import nowhere_to_be_found", "pipeline", "ModuleNotFoundError: No module named 'nowhere_to_be"),
        ("pipeline = resilient('nobody/x')", "pipeline", "vertex (app.py, line 5)"),
        ("this is no Python", "pipeline", "SyntaxError"),
    ],
)
def test_a_module_that_gives_no_pipeline_is_told_in_one_line(write, capsys, source, name, why):
    """Status 2; with the line of the user's own code, and no traceback."""
    assert main(["doctor", write(source, name)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("ranvier doctor: ")
    assert why in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("spec", ["app.py", "app.py:", ":pipeline", "", "missing.py:pipeline", "no.such:x"])
def test_a_spec_that_names_nothing_is_refused(environment, spec, capsys):
    """Status 2, with what one should write, or with what is missing."""
    assert main(["doctor", spec]) == 2
    assert re.search("name the pipeline|cannot import", capsys.readouterr().err)


def test_the_traceback_is_shown_to_who_wants_it(write, capsys):
    """On standard error, with the user's line."""
    assert main(["doctor", write("1 / 0"), "--traceback"]) == 2
    assert "    1 / 0\n" in capsys.readouterr().err


# --- its page ------------------------------------------------------------------------------------


def test_its_page_shows_what_it_says(tmp_path, environment, capsys):
    """The example of docs/operating.md, and a row of its table for every check."""
    page = (README.parent / "docs" / "operating.md").read_text()
    [code] = re.findall(r"<!-- doctor: app.py -->\n```python\n(.*?)```", page, re.DOTALL)
    [told] = re.findall(r"<!-- doctor: said -->\n```\n(.*?)```", page, re.DOTALL)
    (tmp_path / "app.py").write_text(code)
    assert main(["doctor", f"{tmp_path}/app.py:pipeline", "--offline"]) == 1
    assert capsys.readouterr().out == told
    assert [check.__name__ for check in CHECKS if f"`{check.__name__}`" not in page] == []
