"""The pages of the site: their code runs as it stands there, and their tables tell what the source does.

The blocks of a page run one after the other, in one module. A block of `text` right after them is what they
have printed. Most pages run in virtual time; those in `ON_THE_WIRE` ask simulated providers over HTTP.
"""

import ast
import importlib
import inspect
import json
import logging
import re
import shlex
import shutil
import sys
import tomllib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

import ranvier
from ranvier import Pipeline, cli, errors, providers, testing
from ranvier.layers import Breaker, Deadline, Fallback, Retry, Timeout
from ranvier.providers import Stub
from ranvier.simulator import Simulator, Status

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md"))
FENCED = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)

ELSEWHERE = {
    "design.md": "tests/test_documents.py",
    "integrations.md": "tests/sdks/test_integrations_page.py",
    "langchain.md": "tests/langchain/test_langchain_page.py",
    "pydantic-ai.md": "tests/pydantic_ai_models/test_pydantic_ai_page.py",
    "recipes.md": "tests/simulator/test_recipes_page.py",
    "structured-answers.md": "tests/messages/test_structured_answers_page.py",
    "sync.md": "tests/sync/test_sync_page.py",
    "testing.md": "tests/testing/test_testing_page.py",
    "tutorial.md": "tests/tutorial.py",
    "web.md": "tests/asgi/test_web_page.py",
}
"""Pages whose code is run by a test of their own."""

ON_THE_WIRE = {
    "bedrock.md",
    "azure.md",
    "beside-the-answer.md",
    "history.md",
    "index.md",
    "media.md",
    "reasoning.md",
    "streaming.md",
    "vertex.md",
    "coming-from/litellm.md",
    "coming-from/sdks.md",
}
"""Pages whose code asks over HTTP, which takes real time."""

IN_AN_OUTAGE = {"index.md"}
"""Those whose code runs while Anthropic is overloaded."""

LANGUAGES = {"", "python", "text", "sh", "toml", "json", "yaml", "promql"}


def blocks(page: str) -> list[tuple[str, str]]:
    """The language and the content of each block of a page."""
    return FENCED.findall((DOCS / page).read_text(encoding="utf-8"))


def pages_with(language: str) -> list[str]:
    return [page for page in PAGES if any(named == language for named, _ in blocks(page))]


# --- code ----------------------------------------------------------------------------------------


@pytest.fixture
async def simulator(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Simulator]:
    """Simulated providers where the vendors' own would be, and keys in the environment."""
    async with Simulator() as running:
        for vendor, name in providers.ADAPTERS.items():
            monkeypatch.setattr(getattr(providers, name), "default_base_url", running.url(vendor))
            monkeypatch.setenv(f"{vendor.upper()}_API_KEY", "sk-ours")
        monkeypatch.setattr("ranvier.providers.vertex.adapter.url_of", lambda location: running.url("vertex"))
        monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", running.url("azure"))
        monkeypatch.setenv("OLLAMA_HOST", running.url("ollama"))
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOURS")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-of-AKIAOURS")
        yield running


@pytest.fixture
def in_a_company(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The folder that code runs in, with what pages read there: a certificate of an authority.

    What a page does to the log of the library is undone.
    """
    shutil.copy(ROOT / "tests" / "security" / "self_signed.pem", tmp_path / "company.pem")
    monkeypatch.chdir(tmp_path)
    log = logging.getLogger("ranvier")
    handlers, level = list(log.handlers), log.level
    yield
    log.handlers[:] = handlers
    log.setLevel(level)


async def run(page: str, capsys: pytest.CaptureFixture[str], **names: Any) -> None:
    """Run the blocks of a page, and hold what they print against what the page says they do."""
    module = sys.modules["page"] = ModuleType("page")
    vars(module).update(names)
    printed = ""
    pipelines: dict[int, Pipeline] = {}  # also those whose name is given to another one later
    for language, code in blocks(page):
        if language == "python":
            compiled = compile(code, page, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            result = eval(compiled, vars(module))
            if inspect.iscoroutine(result):
                await result
            printed += capsys.readouterr().out
            pipelines |= {id(each): each for each in vars(module).values() if isinstance(each, Pipeline)}
        elif language == "text":
            assert printed.splitlines() == code.splitlines(), page
            printed = ""
    for pipeline in pipelines.values():
        await pipeline.aclose()


HERE = [page for page in pages_with("python") if page not in ELSEWHERE]


@pytest.mark.virtual_time
@pytest.mark.usefixtures("in_a_company")
@pytest.mark.parametrize("page", [page for page in HERE if page not in ON_THE_WIRE])
async def test_the_code_of_a_page_runs(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    """From its first block to its last, with the output that it shows."""
    await run(page, capsys)


@pytest.mark.once
@pytest.mark.usefixtures("in_a_company")
@pytest.mark.parametrize("page", [page for page in HERE if page in ON_THE_WIRE])
async def test_the_code_of_a_page_runs_over_http(
    page: str, simulator: Simulator, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same where providers answer over HTTP."""
    if page in IN_AN_OUTAGE:
        simulator.always("anthropic", Status(529))
    await run(page, capsys, simulator=simulator)
    if page == "bedrock.md":  # every request was signed, and the signature was right
        assert {(each.key, each.refused) for each in simulator.requests} == {("AKIAOURS", None)}


def test_pages_that_run_elsewhere_do() -> None:
    """Whoever else runs a page names it."""
    for page, test in ELSEWHERE.items():
        assert page in (ROOT / test).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES)
def test_every_block_is_of_a_kind_that_is_checked(page: str) -> None:
    """A block in another language would be one that nobody has tried."""
    assert {language for language, _ in blocks(page)} <= LANGUAGES


READERS = {"json": json.loads, "toml": tomllib.loads, "yaml": yaml.safe_load}


@pytest.mark.parametrize(
    ("page", "language"), [(page, each) for each in READERS for page in pages_with(each)]
)
def test_data_can_be_read(page: str, language: str) -> None:
    """JSON, TOML and YAML are what they say."""
    for named, data in blocks(page):
        if named == language:
            assert READERS[language](data) is not None


@pytest.mark.parametrize("page", pages_with("sh"))
def test_commands_of_ours_are_understood(page: str) -> None:
    """Each `ranvier ...` on a page has a subcommand and options that there are."""
    for language, code in blocks(page):
        if language != "sh":
            continue
        for line in code.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if "ranvier" in words and "install" not in words:
                cli._parser().parse_args(words[words.index("ranvier") + 1 :])


# --- navigation ----------------------------------------------------------------------------------

NAVIGATION = yaml.safe_load((ROOT / "properdocs.yml").read_text(encoding="utf-8"))["nav"]
MAX_GROUP = 8


def groups(entries: list[Any]) -> Iterator[list[Any]]:
    """Every group of the navigation, the whole of it first."""
    yield entries
    for entry in entries:
        for inside in entry.values() if isinstance(entry, dict) else ():
            if isinstance(inside, list):
                yield from groups(inside)


def test_the_navigation_can_be_taken_in_at_a_glance() -> None:
    """No group has more than eight entries."""
    assert all(len(group) <= MAX_GROUP for group in groups(NAVIGATION))


def test_every_decision_is_in_the_list_of_decisions() -> None:
    """They are not in the navigation, and so have to be found from their index."""
    index = (DOCS / "decisions" / "index.md").read_text(encoding="utf-8")
    for path in (DOCS / "decisions").glob("*.md"):
        assert path.stem == "index" or f"]({path.name})" in index, path.name


# --- tables --------------------------------------------------------------------------------------


def tables(marker: str) -> list[tuple[str, str, list[list[str]]]]:
    """Every table below `<!-- marker: name -->`: its page, the name, and its rows without the head."""
    found = re.compile(rf"<!-- {marker}: (\S+) -->\n((?:\|.*\n)+)")
    return [
        (
            page,
            name,
            [[cell.strip() for cell in row.strip("|").split(" | ")] for row in lines.splitlines()[2:]],
        )
        for page in PAGES
        for name, lines in found.findall((DOCS / page).read_text(encoding="utf-8"))
    ]


def named(path: str) -> Any:
    """The thing of that name below `ranvier`."""
    thing: Any = ranvier
    for name in path.split(".")[1:]:
        thing = getattr(thing, name)
    return thing


def default_of(cell: str) -> Any:
    """The default that a table says; where there is none, it says so. Of an object it is the text of it."""
    if cell == "none":
        return inspect.Parameter.empty
    return cell.strip("`") if cell.endswith(")`") else ast.literal_eval(cell.strip("`"))


OPTIONS = tables("options")


@pytest.mark.parametrize(("page", "path", "rows"), OPTIONS, ids=[path for _, path, _ in OPTIONS])
def test_a_table_of_options_has_every_option_and_its_default(
    page: str, path: str, rows: list[list[str]]
) -> None:
    """In the order of the signature, with the value that it says, and with a reason."""
    signature = inspect.signature(named(path)).parameters.values()
    starred = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    expected = [
        (
            starred.get(each.kind, "") + each.name,  # type: ignore[call-overload]
            repr(each.default) if type(each.default) in vars(ranvier.layers).values() else each.default,
        )
        for each in signature
    ]
    told = [(row[0].strip("`"), default_of(row[1])) for row in rows]
    assert told == expected
    assert all(len(row[2]) > 5 for row in rows)


LAYERS = [name for name in ranvier.layers.__all__ if issubclass(getattr(ranvier.layers, name), ranvier.Layer)]


@pytest.mark.parametrize("layer", LAYERS)
def test_every_layer_has_its_page_with_its_options(layer: str) -> None:
    """The page of each layer has the table of its options, a picture, and the headings of the others."""
    page = f"layers/{layer.lower()}.md"
    assert (page, f"ranvier.layers.{layer}") in [(page, path) for page, path, _ in OPTIONS]
    text = (DOCS / page).read_text(encoding="utf-8")
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert headings == ["Usage", "Options", "Errors", "Events", "Position", "Pitfalls"]
    beginning = text.partition("## Usage")[0]
    assert "\nAlso known as: " in beginning
    assert re.search(r"^!\[.+\]\(\.\./pictures/\w+\.svg\)$", beginning, re.MULTILINE)


def test_the_page_of_commands_has_every_option_of_each() -> None:
    """In the order of the help."""
    (commands,) = (each.choices for each in cli._parser()._actions if isinstance(each.choices, dict))
    offered = {
        name: [each.option_strings[0] if each.option_strings else each.dest for each in parser._actions[1:]]
        for name, parser in commands.items()
    }
    told = {name: [row[0].strip("`").split()[0] for row in rows] for _, name, rows in tables("command")}
    assert told == offered


def test_the_reference_has_every_public_name() -> None:
    """What can be imported from a public module stands in the reference."""
    text = "".join(path.read_text(encoding="utf-8") for path in (DOCS / "reference").glob("*.md"))
    told = {name.rsplit(".", 1)[-1] for name in re.findall(r"^::: (\S+)$", text, re.MULTILINE)}
    public = {*ranvier.__all__, *ranvier.layers.__all__, *providers.__all__, *ranvier.pipeline.__all__}
    aliases = {"Handler", "Part", "Role", "SIGN_OF_LIFE", "CHAT_COMPLETIONS"}  # told where they are used
    assert public - aliases - set(errors.__all__) <= told


def test_the_reference_has_every_event() -> None:
    """The page of events shows the module that defines them."""
    text = (DOCS / "reference" / "events.md").read_text(encoding="utf-8")
    shown = re.findall(r"^::: (\S+)$", text, re.MULTILINE)
    modules = {kind.__module__ for kind in ranvier.events.Event.__subclasses__()}
    assert {module for module in modules if module.startswith("ranvier.")} <= set(shown)


# --- pictures ------------------------------------------------------------------------------------


@pytest.mark.parametrize("picture", sorted((DOCS / "pictures").glob("*.svg")), ids=lambda path: path.stem)
def test_a_picture_is_what_its_script_draws(picture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawn anew from the code that it shows, it is the same: `python docs/pictures/make.py` makes them."""
    monkeypatch.syspath_prepend(picture.parent)
    assert importlib.import_module(picture.stem).draw().svg() == picture.read_text(encoding="utf-8")


# --- decisions -----------------------------------------------------------------------------------

((_, _, DECISIONS),) = tables("decisions")
FACTS: dict[type[errors.RanvierError], dict[str, Any]] = {
    errors.CircuitOpenError: {"tenant": "acme", "provider": "first"},
    errors.SharedCircuitOpenError: {"tenant": "acme", "provider": "first"},
    errors.SpendLimitExceededError: {"tenant": "acme"},
    errors.ThrottledError: {"tenant": "acme", "provider": "first"},
    errors.BulkheadFullError: {"tenant": "acme", "provider": "first"},
    errors.PacedError: {"tenant": "acme", "provider": "first"},
}


def error_of(told: str) -> errors.RanvierError:
    """The error that a row of the table is about."""
    name, _, phase = told.replace("`", "").partition(", ")
    kind = getattr(errors, name)
    if kind is errors.AttemptTimeoutError:
        return kind("too slow", phase="connect" if phase == "phase connect" else "idle", provider="first")
    of_provider = issubclass(kind, errors.ProviderError)
    return kind("failed", **FACTS.get(kind, {"provider": "first"} if of_provider else {}))


@pytest.mark.virtual_time
@pytest.mark.parametrize("row", DECISIONS, ids=[row[0] for row in DECISIONS])
async def test_the_table_of_decisions_is_what_happens(row: list[str]) -> None:
    """The error is raised once in a whole stack: is it retried, is it counted, who answers?"""
    told, kind, retried, counted, next_asked = row
    error = error_of(told)
    assert kind == f"`{error.kind}`"
    answered = []
    for retries in (1, 0):
        first = testing.ScriptedProvider("first", [error, "the first"])
        route = Fallback(first, Stub("the second"))
        pipeline = Pipeline(Deadline(60), route, Retry(retries), Breaker(), Timeout())
        try:
            answered.append((await pipeline.complete("Hi")).text)
        except errors.RanvierError:
            answered.append("nobody")
    ((_, circuit),) = [each for each in pipeline.circuits if each[0] == ("default", "first")]
    assert (answered[0] == "the first") == retried.startswith("yes")
    assert (answered[1] == "the second") == next_asked.startswith("yes")
    assert (circuit.failures == 1) == counted.startswith("yes")


def test_the_table_of_decisions_has_every_error() -> None:
    """All that can be raised, but for the roots and for those that stand for others."""
    told = {type(error_of(row[0])).__name__ for row in DECISIONS}
    roots = {"RanvierError", "RejectedError", "TimedOutError", "ProviderError", "AllDeploymentsFailedError"}
    assert told == set(errors.__all__) - roots - {
        "InvalidDumpError",
        "LayerOrderError",
        "UnknownProviderError",
    }
