"""The rules of the house: which way imports point, how long things are, what is public."""

import ast
import inspect
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import ranvier
import ranvier.errors
import ranvier.layers
import ranvier.pipeline
import ranvier.providers
import ranvier.store
import ranvier.telemetry
import ranvier.testing

ROOT = Path(ranvier.__file__).parent
MODULES = {
    ".".join(("ranvier", *path.relative_to(ROOT).with_suffix("").parts)): path for path in ROOT.rglob("*.py")
}

VOCABULARY = {
    "address",
    "caller",
    "clock",
    "closing",
    "errors",
    "events",
    "facts",
    "headers",
    "layer_remedies",
    "messages",
    "provider_remedies",
    "remedies",
    "scoped",
    "tenancy",
    "validation",
    "wording",
}
"""Anyone may import these; they import nothing of ours but each other."""

MAY_IMPORT = {
    "pipeline": {"pipeline", "store"},
    "fleet": {"fleet", "pipeline", "store"},
    "layers": {"pipeline", "layers"},
    "providers": {"pipeline", "providers"},
    "telemetry": {"pipeline", "telemetry"},
    "testing": {"pipeline", "providers", "testing"},
    "simulator": {"pipeline", "providers", "simulator"},
    "asgi": {"pipeline", "asgi", "store"},
    "store": {"store"},
    "integrations": {"pipeline", "providers", "integrations"},
    "presets": {"pipeline", "layers", "providers", "store"},
    "config": {"config", "pipeline", "layers", "presets", "providers", "store", "telemetry", ""},
}
"""What each part of the house may import beside the vocabulary; cli and the package itself: everything."""

OF_PIPELINE = {"call", "deployment", "registry", "runtime", "streaming", "timing"}
"""The modules of pipeline/ that providers know: what they translate, and how they are named."""

ASKS_ITSELF = {"ranvier.cli.watch.polling"}
"""What asks over HTTP, and no provider."""

PARSES_URLS = {"ranvier.address"}
"""What reads a URL as the clients will, and sends nothing."""

SHOWS_PROGRESS = {"ranvier.pipeline.mapping.bars"}
"""What draws a bar where a user asks for one."""

HTTP = {"httpx", "httpcore", "aiohttp", "requests", "urllib3", "h11"}
SERVERS = {"uvicorn", "starlette"}
NO_NAMES = {"utils", "common", "helpers", "base", "manager", "core"}


def part_of(module: str) -> str:
    """`layers` for `ranvier.layers.retry.layer`; empty for the package itself."""
    return [*module.split("."), ""][1].removesuffix("__init__")


def imports(module: str) -> Iterator[str]:
    """Full names of everything that a module imports at run time, also within functions."""
    tree = ast.parse(MODULES[module].read_text())
    ignored: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            ignored.update(child for statement in node.body for child in ast.walk(statement))
    for node in ast.walk(tree):
        if node in ignored:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def ours(module: str) -> Iterator[tuple[str, str]]:
    """The parts of the house that a module imports, with the full names."""
    for name in imports(module):
        if name.split(".")[0] == "ranvier":
            yield part_of(name), name


# --- which way imports point ---------------------------------------------------------------------


@pytest.mark.parametrize("module", sorted(MODULES))
def test_imports_point_one_way(module: str) -> None:
    """From the outside in; what a part may know stands above."""
    part = part_of(module)
    if part in ("", "cli"):
        return
    allowed = VOCABULARY | MAY_IMPORT.get(part, set())
    for imported, name in ours(module):
        assert imported in allowed, f"{module} imports {name}"


@pytest.mark.parametrize("module", sorted(name for name in MODULES if part_of(name) == "layers"))
def test_layers_never_import_each_other(module: str) -> None:
    """But for the package that names them, a layer imports its own engines only."""
    if module == "ranvier.layers.__init__":
        return
    own = ".".join(module.split(".")[:3])
    for imported, name in ours(module):
        assert imported != "layers" or name.startswith(own + "."), f"{module} imports {name}"


@pytest.mark.parametrize("module", sorted(name for name in MODULES if part_of(name) == "providers"))
def test_providers_know_little_of_the_pipeline(module: str) -> None:
    """A call, a stream, a deployment: what they translate, and never what they are carried by."""
    for imported, name in ours(module):
        if imported == "pipeline":
            assert name.split(".")[2] in OF_PIPELINE, f"{module} imports {name}"


@pytest.mark.parametrize("module", sorted(MODULES))
def test_each_foreign_library_has_its_place(module: str) -> None:
    """HTTP clients in providers/, servers in simulator/, opentelemetry in telemetry/, time in clock.py."""
    part = part_of(module)
    for name in imports(module):
        library = name.split(".")[0]
        clients = part == "providers" or module in ASKS_ITSELF | PARSES_URLS
        assert library not in HTTP or clients, f"{module} imports {name}"
        assert library not in SERVERS or part in ("simulator", "cli", "asgi"), f"{module} imports {name}"
        assert library != "opentelemetry" or part == "telemetry", f"{module} imports {name}"
        assert not name.startswith("opentelemetry.sdk"), f"{module} imports {name}: it is the application's"
        assert library != "rich" or part == "cli" or module in SHOWS_PROGRESS, f"{module} imports {name}"
        if library == "time" or name.startswith("datetime.datetime"):
            assert part in ("clock", "simulator"), (
                f"{module} imports {name}: ask clock.py"
            )  # it plays a machine


def test_no_name_says_nothing() -> None:
    """There is no attic in this house."""
    for module in MODULES:
        assert NO_NAMES.isdisjoint(module.lower().replace("_", ".").split(".")), module


def test_importing_ranvier_loads_neither_client_nor_server() -> None:
    """What is not needed yet is not imported: HTTP clients, pydantic, opentelemetry, the command line."""
    heavy = HTTP | SERVERS | {"pydantic", "opentelemetry", "rich", "anyio"}
    code = f"import sys, ranvier; print(sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


OPTIONAL_MEMBERS = {
    *("aclose", "base_url", "credential", "environment", "family"),
    *("knows_model", "lacks", "needs_credential", "open", "slots", "stream"),
}
READS_THEM = "ranvier.pipeline.asking.optional_members"
CLOSES_ITERATORS = {
    "ranvier.pipeline.asking.provider_answers",
    "ranvier.pipeline.streaming.provider_events",
    "ranvier.providers.function",
}
"""What closes any async iterator, and no provider."""


@pytest.mark.parametrize("module", sorted(MODULES.keys() - {READS_THEM}))
def test_one_file_looks_for_optional_members(module: str) -> None:
    """Elsewhere they are typed: no `getattr(provider, "slots", None)`."""
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("getattr", "hasattr")):
            names = {each.value for each in node.args if isinstance(each, ast.Constant)} & OPTIONAL_MEMBERS
            assert not names or (names == {"aclose"} and module in CLOSES_ITERATORS), (
                f"{module}, line {node.lineno}: call {READS_THEM}, or read `deployment.traits`"
            )


# --- how long things are -------------------------------------------------------------------------

MAX_FILE = 260
TABLES = {"ranvier.events"}  # one table, of all events: split, it would be harder to read
MAX_FUNCTION = 20


@pytest.mark.parametrize("module", sorted(MODULES))
def test_no_file_is_long(module: str) -> None:
    """At most 260 lines."""
    lines = len(MODULES[module].read_text().splitlines())
    assert lines <= MAX_FILE or module in TABLES, f"{module} has {lines} lines"


def functions() -> Iterator[tuple[str, int]]:
    """Every function, with the lines of its body, docstring and signature not counted."""
    for module, path in MODULES.items():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                body = node.body[1:] if ast.get_docstring(node) is not None else node.body
                length = node.end_lineno - body[0].lineno + 1 if body else 0
                yield f"{module}.{node.name}", length


def test_nine_functions_of_ten_are_short() -> None:
    """At most 20 lines."""
    lengths = dict(functions())
    long = {name: lines for name, lines in lengths.items() if lines > MAX_FUNCTION}
    assert len(long) <= 0.1 * len(lengths), long


# --- what is public ------------------------------------------------------------------------------

PUBLIC = {
    ranvier: "Pipeline Deployment Layer Place tenant current_tenant deadline SHARED resilient "
    "Request Message Tool ToolCall Response Usage FinishReason StreamEvent RanvierError",
    ranvier.layers: "Deadline Fallback Retry Breaker Timeout CircuitState",
    ranvier.providers: "Anthropic OpenAI Gemini Kimi GLM OpenRouter Ollama Bedrock FunctionProvider Stub",
    ranvier.testing: "ScriptedProvider VirtualTimeLoop run",
    ranvier.telemetry: "LoggingListener OpenTelemetry",
    ranvier.store: "Store MemoryStore ValkeyStore StoreError",
    ranvier.pipeline: "Call Handler Guard Permit Outcome Provider ResponseStream Attempt",
}


def test_the_public_names_are_exported() -> None:
    """Those of the design, and every name of an `__all__` exists."""
    for package, names in PUBLIC.items():
        for name in (*names.split(), *package.__all__):
            assert hasattr(package, name), f"{package.__name__}.{name}"
        assert set(names.split()) <= set(package.__all__), package.__name__


@pytest.mark.parametrize("module", sorted(MODULES))
def test_exports_are_written_out(module: str) -> None:
    """Type checkers follow neither a computed `__all__` nor `import *`."""
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        assert not (isinstance(node, ast.ImportFrom) and node.names[0].name == "*"), module
        if isinstance(node, (ast.Assign, ast.AugAssign)) and "__all__" in ast.unparse(node).split(" ", 1)[0]:
            names = [ast.literal_eval(each) for each in getattr(node.value, "elts", [None])]
            assert all(isinstance(name, str) for name in names), module


def test_every_error_is_exported() -> None:
    """The list in errors.py, and that of the package, have all of them."""
    kinds = {
        name
        for name, value in vars(ranvier.errors).items()
        if isinstance(value, type) and issubclass(value, ranvier.RanvierError) and name[0] != "_"
    }
    assert kinds == set(ranvier.errors.__all__)
    assert kinds <= set(ranvier.__all__)


def public_things() -> Iterator[tuple[str, object]]:
    """Everything that is exported, and every public method and property of the classes."""
    for package in PUBLIC:
        for name in package.__all__:
            thing = getattr(package, name)
            if inspect.isclass(thing) or inspect.isfunction(thing):
                yield f"{package.__name__}.{name}", thing
            if inspect.isclass(thing):
                yield from ((f"{package.__name__}.{name}.{part}", value) for part, value in members(thing))


def members(kind: type) -> Iterator[tuple[str, object]]:
    """The public methods and properties that a class adds to what Python's own classes have."""
    python = {name for base in kind.__mro__ if base.__module__ == "builtins" for name in vars(base)}
    for name, value in vars(kind).items():
        if name[0] != "_" and name not in python and (callable(value) or isinstance(value, DESCRIPTORS)):
            yield name, getattr(kind, name)


DESCRIPTORS = (property, classmethod, staticmethod)


@pytest.mark.parametrize(("name", "thing"), [pytest.param(*each, id=each[0]) for each in public_things()])
def test_everything_public_says_what_it_is(name: str, thing: object) -> None:
    """In its own words, which are a sentence."""
    words = inspect.getdoc(thing)
    assert words, f"{name} has no docstring"
    assert words.split("\n\n")[0].rstrip()[-1] in ".:`", f"{name}: {words.splitlines()[0]}"


# --- tests ---------------------------------------------------------------------------------------

TESTS = {path: ast.parse(path.read_text()) for path in Path(__file__).parent.rglob("*.py")}
SCRIPTS_AND_PACKAGES = {"support", "simulation", "soak"}
"""The packages of tests/ that may be imported."""


def test_tests_import_helpers_from_packages() -> None:
    """`from support.scenes import ...`: no test imports a module beside it, or another test."""
    local = {path.stem for path in TESTS} - SCRIPTS_AND_PACKAGES - set(sys.stdlib_module_names)
    for path, tree in TESTS.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                assert local.isdisjoint(alias.name for alias in node.names), path
            elif isinstance(node, ast.ImportFrom):
                assert node.module not in local, f"{path} imports {node.module}"


def test_no_two_test_modules_have_one_name() -> None:
    """So that a name in a report is one file."""
    names = sorted(path.name for path in TESTS if path.name.startswith("test_"))
    assert len(names) == len(set(names))
