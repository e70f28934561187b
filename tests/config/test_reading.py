"""A file means what the same words mean in code, and a mistake is named with its file, line and key."""

import os
import sys
import traceback
from pathlib import Path
from typing import Any

import pytest

from ranvier import ConfigurationError, Credentials, LayerOrderError, Pipeline, resilient
from ranvier.config.plan import plan_of
from ranvier.facts.price import Price
from ranvier.layers import Fallback, Retry
from ranvier.providers.chat_completions.openai import OpenAI
from support.reloads import layer, route

WHOLE = """
[providers.openai-eu]
type = "openai"
base_url = "https://eu.example.com/v1"
api_key = { env = "EU_KEY" }
max_connections = 7

[providers.sorry]
type = "stub"
reply = "Sorry."

[pipeline]
require_tenant = true
prices."openai-eu/gpt-5.2" = { input = 1.5, output = 6 }

[[layers]]
type = "Deadline"
seconds = "off"

[[layers]]
type = "Fallback"
targets = [
    { provider = "openai-eu", model = "gpt-5.2", context_window = 1000 }, # the largest
    { targets = ["openai-eu/a", "anthropic/b"], by = "latency", weights = [1, 2.5] },
    "sorry",
]
hedge_after = "p95"
chains.anthropic = ["sorry"]

[[layers]]
type = "Retry"
max_retries = 2
budget = { ratio = 0.1 }

[layers.overrides."openai-eu/gpt-5.2"]
max_retries = 0

[[layers]]
type = "Breaker"
shared = { votes = 3 }

[[layers]]
type = "Timeout"
seconds = "off"
first_token = 20
"""


OVERRIDE = "layers[2].overrides.openai-eu/gpt-5.2"


def file(folder: Path, text: str) -> Path:
    """A file with this text."""
    path = folder / "ranvier.toml"
    path.write_text(text)
    return path


def error(given: Any, **options: Any) -> str:
    """The message of the error for a file or dict."""
    with pytest.raises(ConfigurationError) as caught:
        Pipeline.from_config(given, **options)
    return str(caught.value)


# --- what a file means ---------------------------------------------------------------------------


def test_a_file_means_what_the_same_words_mean_in_code(tmp_path: Path, monkeypatch: Any) -> None:
    """Each table is a constructor, and each key one of its parameters."""
    monkeypatch.setenv("EU_KEY", "sk-eu")
    pipeline = Pipeline.from_config(file(tmp_path, WHOLE))
    shown = "\n".join(map(repr, pipeline.layers))
    assert shown.splitlines() == [
        "Deadline(seconds=None)",
        "Fallback(openai-eu/gpt-5.2 -> Balance(openai-eu/a, anthropic/b, by='latency', "
        "weights=[1.0, 2.5]) -> sorry/stub, hedge_after='p95')",
        "Retry(max_retries=2, base_delay=0.5, max_delay=30.0, jitter='full', "
        "budget=RetryBudget(ratio=0.1, per_second=1.0, window=10.0), overrides=['openai-eu/gpt-5.2'])",
        repr(pipeline.layers[3]),
        "Timeout(seconds=None, connect=10.0, first_token=20.0, idle=None)",
    ]
    assert "votes=3" in repr(pipeline.layers[3])
    assert pipeline.requires_tenant  # type: ignore[attr-defined]  # because: it is that of its stack
    assert pipeline.prices == {"openai-eu/gpt-5.2": Price(1.5, 6)}
    route_in_use: Any = pipeline.layers[1]
    first = route_in_use.targets[0]
    assert isinstance(first.provider, OpenAI)
    assert (first.provider.name, first.provider.credential()) == ("openai-eu", "sk-eu")
    assert first.context_window == 1000
    assert route_in_use.targets[1].provider is first.provider
    assert [str(each) for each in route_in_use._chains.of("anthropic")] == ["anthropic/b", "sorry/stub"]


def test_a_dict_is_read_like_a_file() -> None:
    """With `None` as in code."""
    pipeline = Pipeline.from_config({"layers": [layer("Deadline", seconds=None), route("stub")]})
    assert list(map(repr, pipeline.layers)) == ["Deadline(seconds=None)", "Fallback(stub/stub)"]


def test_the_recommended_stack_is_one_table() -> None:
    """The layers go to their places in it."""
    given = {"resilient": {"targets": ["stub"], "open": True}, "layers": [layer("Bulkhead", limit=5)]}
    expected = resilient("stub", open=True)
    kinds = [type(each).__name__ for each in Pipeline.from_config(given).layers]
    assert kinds == ["Deadline", "Fallback", "Retry", "Bulkhead", "Throttle", "Breaker", "Timeout"]
    assert kinds[:3] == [type(each).__name__ for each in expected.layers[:3]]


def test_a_subclass_makes_its_own(tmp_path: Path) -> None:
    """`from_config` is a constructor."""

    class Mine(Pipeline):
        """A pipeline with a method more."""

    assert type(Mine.from_config({"layers": [route("stub")]})) is Mine


# --- objects of code -----------------------------------------------------------------------------


def test_objects_of_code_are_imported_only_if_that_is_allowed(tmp_path: Path, monkeypatch: Any) -> None:
    """Functions, layers, classes of layers, and what is inside a list."""
    code = (
        "import ranvier\n"
        "from ranvier.layers import Retry\n"
        "heard = []\n"
        "class Mine(ranvier.Layer):\n    pass\n"
        "def key(call):\n    return call.tenant\n"
        "def find(tenant, provider):\n    return 'sk'\n"
    )
    (tmp_path / "my_objects_of_a_file.py").write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))
    given = {
        "layers": [
            {"import": "my_objects_of_a_file:Mine"},
            route("stub"),
            layer("Breaker", key={"import": "my_objects_of_a_file:key"}),
        ],
        "pipeline": {
            "credentials": {"resolver": {"import": "my_objects_of_a_file:find"}, "ttl": 5},
            "listeners": [{"import": "my_objects_of_a_file:heard.append"}],
        },
    }
    said = error(given)
    assert "import is off: allow it with from_config(..., imports=True)" in said
    assert "my_objects_of_a_file" not in sys.modules
    pipeline = Pipeline.from_config(given, imports=True)
    mine: Any = sys.modules["my_objects_of_a_file"]
    assert type(pipeline.layers[0]) is mine.Mine
    assert isinstance(pipeline.credentials, Credentials)
    assert (pipeline.credentials.ttl, pipeline.credentials.resolver) == (5.0, mine.find)
    assert pipeline.events.listeners == (mine.heard.append,)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("os", "layers[0].import: write package.module:name"),
        ("no_such_module_at_all:x", "cannot be imported: ModuleNotFoundError"),
        ("os:no_such_name", "cannot be imported: AttributeError"),
        ("os:getcwd", "give layers"),
        ("concurrent.futures:ProcessPoolExecutor.__init__", "layers[0]: TypeError in __init__(...)"),
    ],
)
def test_what_cannot_be_imported_is_named(name: str, words: str) -> None:
    """And what is imported has to fit."""
    assert words in error({"layers": [{"import": name}, route("stub")]}, imports=True)


# --- secrets -------------------------------------------------------------------------------------


def with_key(secret: Any) -> dict[str, Any]:
    """A configuration whose provider has this key."""
    return {"providers": {"mine": {"type": "openai", "api_key": secret}}, "layers": [route("mine/x")]}


def key_of(pipeline: Pipeline) -> str | None:
    """The key of the only provider."""
    provider: Any = pipeline.stack.providers[0]
    key: str | None = provider.credential()
    return key


def test_a_secret_comes_from_the_environment_or_a_command(monkeypatch: Any) -> None:
    """A command is run without a shell, and what it prints is stripped."""
    monkeypatch.setenv("MY_KEY", "sk-1")
    assert key_of(Pipeline.from_config(with_key({"env": "MY_KEY"}))) == "sk-1"
    command = [sys.executable, "-c", "print('sk-2 ')"]
    assert key_of(Pipeline.from_config(with_key({"command": command}))) == "sk-2"


@pytest.mark.parametrize(
    ("secret", "words"),
    [
        ("sk-inline", "a file holds no secrets: write { env = "),
        ({"env": "NOT_SET_AT_ALL"}, "the environment variable NOT_SET_AT_ALL is not set"),
        ({"command": [sys.executable, "-c", "print('sk-inline'); exit(3)"]}, "ended with status 3"),
        ({"command": [sys.executable, "-c", ""]}, "printed nothing"),
        ({"command": ["no-such-program-at-all"]}, "failed with FileNotFoundError"),
        ({"command": []}, "at least"),
        ({"env": "A", "command": ["b"]}, "give env or command, one of them"),
        ({}, "give env or command, one of them"),
    ],
)
def test_a_secret_that_is_not_there_is_named_and_never_shown(secret: Any, words: str) -> None:
    """Neither what is written in the file nor what a command has printed."""
    said = error(with_key(secret))
    assert words in said
    assert "providers.mine.api_key" in said
    assert "sk-inline" not in said


def test_no_traceback_shows_a_secret_among_its_local_variables(monkeypatch: Any) -> None:
    """If the provider with the key cannot be built, and if the command that prints it fails."""
    monkeypatch.setenv("MY_KEY", "sk-secret")
    wrong = with_key({"env": "MY_KEY"})
    wrong["providers"]["mine"]["base_url"] = "no url"
    fails = with_key({"command": [sys.executable, "-c", "print('sk-' + 'secret'); exit(3)"]})
    for given in (wrong, fails):
        with pytest.raises(ConfigurationError) as caught:
            Pipeline.from_config(given)
        error: BaseException | None = caught.value
        while error is not None:
            frames = [frame.f_locals for frame, _ in traceback.walk_tb(error.__traceback__)]
            assert "sk-secret" not in repr(frames[1:])
            error = error.__cause__ or error.__context__


def test_any_text_may_come_from_the_environment(monkeypatch: Any) -> None:
    """An address, for example, which differs from machine to machine."""
    monkeypatch.setenv("WHERE", "https://eu.invalid/v1")
    given = with_key({"env": "WHERE"})
    given["providers"]["mine"]["base_url"] = {"env": "WHERE"}
    provider: Any = Pipeline.from_config(given).stack.providers[0]
    assert provider.base_url == "https://eu.invalid/v1"
    monkeypatch.delenv("WHERE")
    assert isinstance(plan_of(given, secrets=False).layers[0], Fallback)


def test_a_file_is_checked_without_its_secrets() -> None:
    """A machine that checks files need not have them."""
    plan = plan_of(with_key({"env": "NOT_SET_AT_ALL"}), secrets=False)
    assert isinstance(plan.layers[0], Fallback)


# --- mistakes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "where", "words"),
    [
        ("max_retries = 2", "max_retris = 2", "line 32: layers[2].max_retris", "did you mean 'max_retries'?"),
        ("max_retries = 2", "retries = 2", "line 32: layers[2].retries", "unknown: write max_retries=..."),
        ("max_retries = 2", "max_retries = -2", "line 32: layers[2].max_retries", "whole number, 0 or more"),
        ("max_retries = 2", "max_retries = 2.5", "line 32: layers[2].max_retries", "give a whole number"),
        ("max_retries = 2", 'max_retries = "2"', "line 32: layers[2].max_retries", "give a whole number"),
        (
            "max_retries = 2",
            'jitter = "ful"',
            "line 32: layers[2].jitter",
            "choose one of 'full', 'equal' or",
        ),
        ("ratio = 0.1", "ration = 0.1", "line 33: layers[2].budget.ration", "did you mean 'ratio'?"),
        ("ratio = 0.1", "ratio = -1", "line 33: layers[2].budget.ratio", "0 or more"),
        ('"Retry"', '"Rety"', "line 31: layers[2].type", "'Rety' is unknown, did you mean 'Retry'?"),
        ('"Retry"', '"retry"', "line 31: layers[2].type", "did you mean 'Retry'?"),
        ('type = "Retry"\n', "", "line 30: layers[2]", "give a table with a type"),
        ('"openai"', '"opnai"', "line 3: providers.openai-eu.type", "did you mean 'openai'?"),
        (
            "max_retries = 0",
            "max_retries = -1",
            "line 36: layers[2].overrides.openai-eu/gpt-5.2.max_retries",
            "0 or",
        ),
        (
            "require_tenant",
            "require_tenants",
            "line 13: pipeline.require_tenants",
            "did you mean 'require_tenant'",
        ),
        ("input = 1.5, ", "", "line 14: pipeline.prices.openai-eu/gpt-5.2.input", "is missing"),
        ('    "sorry",', '    "sory",', "line 22: layers[1].targets[2]", "did you mean 'sorry'?"),
        ('    "sorry",', "    3,", "line 22: layers[1].targets[2]", "give a value of another type"),
        ("[providers.sorry]", "[provider.sorry]", "line 8: provider", "did you mean 'providers'?"),
        ('by = "latency"', 'by = "speed"', "line 22: layers[1].targets[1].by", "choose one of"),
        ("max_connections = 7", 'name = "x"', "line 6: providers.openai-eu.name", "unknown"),
        ("weights = [1, 2.5]", "weights = [1]", "line 22: layers[1].targets[1].weights", "for each of the 2"),
    ],
)
def test_a_mistake_is_named_with_its_line_and_its_key(
    tmp_path: Path, monkeypatch: Any, before: str, after: str, where: str, words: str
) -> None:
    """And the nearest word, if there is one."""
    monkeypatch.setenv("EU_KEY", "sk-eu")
    assert before in WHOLE
    path = file(tmp_path, WHOLE.replace(before, after, 1))
    said = error(path)
    assert f"{path}, {where}: " in said
    assert words in said


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    """One line each; of very many, the first."""
    two = WHOLE.replace("max_retries = 2", "max_retris = 2").replace("first_token", "first_tokn")
    assert len(error(file(tmp_path, two)).splitlines()) == 2
    many = {"layers": [{"type": f"No{n}"} for n in range(50)]}
    lines = error(many).splitlines()
    assert len(lines) == 21
    assert lines[-1] == "and 30 more"


def test_an_order_that_cannot_work_is_the_error_of_code() -> None:
    """Of its class, with the name of the file."""
    with pytest.raises(LayerOrderError, match=r"^the configuration: Fallback \(ROUTE\) is inside Retry"):
        Pipeline.from_config({"layers": [layer("Retry"), route("stub")]})


def test_what_is_no_toml_is_named_with_its_line(tmp_path: Path) -> None:
    """As the parser tells it."""
    assert "is no valid TOML" in error(file(tmp_path, "a = [1,\nb = 2"))
    assert "line 2" in error(file(tmp_path, "a = 1\nb = = 2"))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """With the reason of the system."""
    assert "cannot be read: No such file" in error(tmp_path / "none.toml")
    assert "no UTF-8" in error(_bytes(tmp_path))


def _bytes(folder: Path) -> Path:
    path = folder / "bytes.toml"
    path.write_bytes(b"a = '\xff'")
    return path


def test_no_error_shows_a_value_that_might_be_secret() -> None:
    """A key that somebody wrote in a wrong place is not repeated."""
    given = {"providers": {"mine": {"type": "openai", "max_connections": "sk-secret", "keys": "sk-secret"}}}
    assert "sk-secret" not in error(given)


def test_a_path_is_anything_that_names_a_file(tmp_path: Path) -> None:
    """A str, or a path."""
    path = file(tmp_path, '[[layers]]\ntype = "Fallback"\ntargets = ["stub"]')
    for each in (path, str(path), os.fspath(path)):
        assert isinstance(Pipeline.from_config(each).layers[0], Fallback)


def test_off_is_none_where_that_is_not_the_default() -> None:
    """And a word elsewhere."""
    made: Any = Pipeline.from_config({"layers": [route("stub"), layer("Retry", budget="off")]}).layers[1]
    assert isinstance(made, Retry)
    assert made.budget is None
    assert "did you mean" not in error({"layers": [route("stub"), layer("Retry", max_retries="off")]})
