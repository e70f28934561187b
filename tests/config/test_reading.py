"""A file means what the same words mean in code, and a mistake is named with its file, line and key."""

import os
import sys
import time
import traceback
from pathlib import Path
from typing import Any

import pytest

from ranvier import ConfigurationError, Credentials, LayerOrderError, Pipeline, resilient
from ranvier.config import secrets
from ranvier.config.origin import described
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


def sent(**additions: Any) -> tuple[dict[str, str], dict[str, str]]:
    """The fixed headers and query parameters of a provider with these arguments."""
    given = {"providers": {"mine": {"type": "openai", **additions}}, "layers": [route("mine/x")]}
    provider: Any = Pipeline.from_config(given).stack.providers[0]
    return provider.additions._headers.fixed, provider.additions._params.fixed


def test_headers_and_query_parameters_are_tables(monkeypatch: Any) -> None:
    """Of texts, of which some come from elsewhere; a function is an object."""
    monkeypatch.setenv("MY_KEY", "sk-1")
    assert sent(headers={"X-Team": "a", "env": "b"}, params={"v": "1", "key": {"env": "MY_KEY"}}) == (
        {"x-team": "a", "env": "b"},
        {"v": "1", "key": "sk-1"},
    )
    assert sent(headers={}) == ({}, {})
    with pytest.raises(ConfigurationError, match="import is off"):
        sent(headers={"import": "os:getcwd"})


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


@pytest.mark.parametrize("name", ["Authorization", "x-api-key", "X-Auth-Token", "Cookie", "apikey"])
def test_a_secret_is_not_written_into_a_header(name: str) -> None:
    """Nor into a query parameter."""
    for where in ("headers", "params"):
        with pytest.raises(ConfigurationError) as caught:
            sent(**{where: {name: "sk-inline"}})
        assert f"providers.mine.{where}: {name}: a file holds no secrets" in str(caught.value)
        assert "sk-inline" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "valkey://user:sk-inline@localhost:6379/0",
        "rediss://:sk-inline@localhost",
        "unix:///tmp/valkey.sock?db=1&password=sk-inline",
    ],
)
def test_a_password_is_not_written_into_a_url(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes from the environment, with the rest of the URL."""
    pytest.importorskip("valkey")
    described: dict[str, Any] = {
        "layers": [{"type": "Fallback", "targets": ["stub"]}],
        "store": {"url": url},
    }
    told = error(described)
    assert told.startswith("the configuration: store.url: a file holds no secrets")
    assert "sk-inline" not in told
    monkeypatch.setenv("STORE", url)
    Pipeline.from_config({**described, "store": {"url": {"env": "STORE"}}})
    Pipeline.from_config({**described, "store": {"url": "valkey://localhost:6379/0?client_name=a:b"}})


def test_an_override_names_a_target_of_the_stack() -> None:
    """A misspelled one would change nothing; with `open`, any model of a provider is a target."""
    route = {"type": "Fallback", "targets": ["stub/a"]}

    def overridden(name: str, **more: Any) -> Any:
        return {"layers": [{**route, **more}, {"type": "Retry", "overrides": {name: {"max_retries": 1}}}]}

    for good in (overridden("stub"), overridden("stub/a"), overridden("stub/b", open=True)):
        Pipeline.from_config(good)
    assert error(overridden("stub/b")) == (
        "the configuration: layers[1].overrides.stub/b: no target has this name, did you mean 'stub/a'?; "
        "known are stub, stub/a"
    )
    assert "overrides.stab/b: no target" in error(overridden("stab/b", open=True))


def test_a_provider_without_a_target_is_named() -> None:
    """Rather than the part of its name before the slash."""
    told = error(
        {"providers": {"a/b": {"type": "stub"}}, "layers": [{"type": "Fallback", "targets": ["a/b"]}]}
    )
    assert told.startswith("the configuration: providers.a/b: a name with a slash cannot be")


def test_a_text_from_elsewhere_is_not_in_an_error(monkeypatch: Any) -> None:
    """It may be secret, wherever it is used."""
    monkeypatch.setenv("WHERE", "no url with sk-secret")
    monkeypatch.setenv("FAULT", "sk-2")
    given = with_key({"env": "WHERE"})
    given["providers"]["mine"]["base_url"] = {"env": "WHERE"}
    assert "base_url=<a text from elsewhere>: give a URL" in error(given)
    said = error({"layers": [route("stub"), layer("Chaos", faults=[{"env": "FAULT"}])]})
    assert "<a text from elsewhere>: choose one of" in said
    assert "sk-2" not in said


COMMANDS = {
    "print(" + "'x' * 200_000)": "printed more than 100,000 bytes",
    "while True: print('x' * 9999)": "printed more than 100,000 bytes",
    "import time; time.sleep(60)": "did not end within 0.5 seconds",
    "import os, time; os.close(1); time.sleep(60)": "did not end within 0.5 seconds",
    "import os, time; os.fork() or time.sleep(3)": "did not end within 0.5 seconds",
    "print('sk-1'); print('sk-2')": "it has several lines",
    "print(input())": "ended with status 1",
    "import sys; sys.stdout.buffer.write(bytes([255]))": "failed with UnicodeDecodeError",
    "import os; os.kill(os.getpid(), 9)": "ended with status -9",
}


@pytest.mark.parametrize("code", COMMANDS)
def test_a_command_that_misbehaves_is_named(code: str, monkeypatch: Any) -> None:
    """It neither blocks nor fills the memory, and is given no input that is the program's."""
    monkeypatch.setattr(secrets, "COMMAND_SECONDS", 0.5 if "sleep" in code else 30.0)
    began = time.monotonic()
    said = error(with_key({"command": [sys.executable, "-c", code]}))
    assert COMMANDS[code] in said
    assert "sk-" not in said
    assert time.monotonic() - began < 20


def test_spaces_around_a_text_from_the_environment_are_left_out(monkeypatch: Any) -> None:
    """As those around what a command prints: a key from a file often ends with a newline."""
    monkeypatch.setenv("MY_KEY", " sk-1\n")
    assert key_of(Pipeline.from_config(with_key({"env": "MY_KEY"}))) == "sk-1"
    monkeypatch.setenv("MY_KEY", " ")
    assert "MY_KEY is not set" in error(with_key({"env": "MY_KEY"}))
    monkeypatch.setenv("MY_KEY", "sk-1\nsk-2")
    assert "providers.mine.api_key: it has several lines" in error(with_key({"env": "MY_KEY"}))


@pytest.mark.parametrize(
    ("vendor", "texts"),
    [("azure", ["endpoint"]), ("vertex", ["project", "location"]), ("bedrock", ["region"])],
)
def test_a_file_is_checked_without_texts_that_its_providers_need(
    vendor: str, texts: list[str], monkeypatch: Any
) -> None:
    """A machine that checks files has no environment of theirs."""
    for name in ("AZURE_OPENAI_ENDPOINT", "GOOGLE_CLOUD_PROJECT", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    table = {"type": vendor, **{text: {"env": "NOT_SET_AT_ALL"} for text in texts}}
    given: dict[str, Any] = {"providers": {"mine": table}, "layers": [route("mine/x")]}
    pipeline, _ = described(given, imports=False)
    assert [each.name for each in pipeline.stack.providers] == ["mine"]
    for text in texts:
        del table[text]
    with pytest.raises(ConfigurationError, match=r"providers\.mine"):
        described(given, imports=False)


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
        ('type = "Retry"\n', "", "line 30: layers[2]", "a type; known are AdaptiveLimit, Breaker"),
        ('type = "openai"', "", "line 2: providers.openai-eu", "a type; known are anthropic, openai"),
        ("input = 1.5", "input = -1.5", "line 14: pipeline.prices", "].input=-1.5: give a finite number"),
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
        ('    "sorry",', "    3,", "line 22: layers[1].targets[2]", "give a table or a string"),
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


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"providers": {"=x": {"type": "stub", "replay": "a"}}}, "did you mean 'reply'?"),
        ({"=x": 1}, "the configuration: =x: unknown"),
        ({3: {}}, "Keys should be strings"),
        ({"providers": {3: {"type": "stub"}}}, "providers[3]"),
        ({"layers": [{"type": "Retry", "a\x1b[2J\n": 1}]}, "layers[0].'a\\x1b[2J\\n': unknown"),
        (None, "None: name a TOML file"),
        (3, "3: name a TOML file"),
        (b"ranvier.toml", "name a TOML file"),
        ("", "name a TOML file"),
        ("a\0b", "name a TOML file"),
        ([], "name a TOML file"),
    ],
)
def test_what_is_no_configuration_is_an_error_of_it(given: Any, words: str) -> None:
    """Never one of Python's own."""
    assert words in error(given)


@pytest.mark.parametrize("name", ["imports", "watch", "sighup"])
def test_a_switch_is_true_or_false(name: str) -> None:
    """Not a word: "false" would switch on what is off for safety."""
    assert f"from_config({name}='false'): give True or False" in error({}, **{name: "false"})


def test_an_error_is_as_short_as_it_can_be_and_as_soon(tmp_path: Path) -> None:
    """A large file of nonsense is no reason to search for the nearest words of all of it."""
    began = time.process_time()
    said = error(file(tmp_path, "[pipeline]\n" + "\n".join(f"prizes{n} = 1" for n in range(30_000))))
    assert said.splitlines()[-1] == "and 29980 more"
    assert time.process_time() - began < 5
    assert len(error({"k" * 10_000: 1})) < 300


def test_a_file_may_begin_with_a_mark(tmp_path: Path) -> None:
    """As some editors write it."""
    path = tmp_path / "ranvier.toml"
    path.write_bytes(b'\xef\xbb\xbf[resilient]\ntargets = ["stub"]')
    assert Pipeline.from_config(path).layers


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    """One line each; of very many, the first."""
    two = WHOLE.replace("max_retries = 2", "max_retris = 2").replace("first_token", "first_tokn")
    assert len(error(file(tmp_path, two)).splitlines()) == 2
    many = {"layers": [{"type": f"No{n}"} for n in range(50)]}
    lines = error(many).splitlines()
    assert len(lines) == 21
    assert lines[-1] == "and 30 more"


def test_an_order_that_cannot_work_is_the_error_of_code() -> None:
    """Of its class, with its place in the file."""
    with pytest.raises(LayerOrderError, match=r"^the configuration: layers: Fallback \(ROUTE\) is inside"):
        Pipeline.from_config({"layers": [layer("Retry"), route("stub")]})


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('# a\n[[layers]]\ntype = "Retry"', "line 2: layers: the pipeline has no target"),
        (
            '\n[pipeline]\nallow = { import = "sys:path" }\n[resilient]\ntargets = ["stub"]',
            "line 3: pipeline.allow",
        ),
        (
            '[pipeline]\nlisteners = [{ import = "sys:path" }]\n[resilient]\ntargets = ["stub"]',
            "line 2: pipeline.l",
        ),
        ("", ": layers: the pipeline has no target"),
    ],
)
async def test_what_is_wrong_with_a_whole_stack_has_its_place(tmp_path: Path, text: str, place: str) -> None:
    """At first and at a reload: the setting, or where the layers begin."""
    path = file(tmp_path, text)
    assert place in error(path, imports=True)
    pipeline = Pipeline.from_config({"resilient": {"targets": ["stub"]}}, imports=True)
    with pytest.raises(ConfigurationError) as caught:
        await pipeline.reload(path)
    assert place in str(caught.value)


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


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"layers": {"type": "Fallback"}}, "layers: give a list: begin each layer with [[layers]]"),
        ({"type": "Deadline", "seconds": "60 s"}, "layers[0].seconds: give a number, or 'off'"),
        ({"type": "Breaker", "mode": "on"}, "layers[0].mode: "),
        ({"type": "Fallback", "targets": ["stub/"]}, "targets[0]: target 'stub/' ends after the slash"),
    ],
)
def test_a_value_of_another_kind_is_told_what_may_be_given(settings: Any, words: str) -> None:
    """In the words of a file."""
    content = settings if "layers" in settings else {"layers": [settings]}
    with pytest.raises(ConfigurationError) as raised:
        Pipeline.from_config(content)
    assert words in str(raised.value)
