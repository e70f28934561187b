"""`nox -s tests` runs the tests; `nox` alone everything that a change must pass."""

import shutil
from pathlib import Path

import nox

nox.options.sessions = ["tests", "lint", "types", "mutations"]
nox.options.error_on_missing_interpreters = False
nox.options.reuse_existing_virtualenvs = True

PYTHONS = ["3.11", "3.12", "3.13"]

PEERS = [
    "aiobreaker==1.2.0",
    "hyx==0.0.2",
    "interlock-cb==2.8.2",
    "purgatory==3.0.1",
    "redress==1.4.2",
    "stamina==26.1.0",
    "tenacity==9.2.1",
]
LITELLM = ["litellm==1.106.2", "uvloop==0.23.0"]
SDKS = ["anthropic==2.13.0", "openai==3.57.0", "pydantic-ai-slim[openai]==2.68.0"]
"""What `bench` measures beside us, as released in November 2026; the SDKs only in its long form."""

PYODIDE = "314.0.7"
ITS_WHEELS = ["--platform", "pyemscripten_2026_0_wasm32", "--implementation", "cp", "--abi", "cp314"]
"""CPython 3.14.2 for WebAssembly, and how pip is told which wheels fit it."""

OWN_SESSIONS = ("browser", "instructor", "langchain", "pydantic_ai_models", "sdks")
"""Folders of tests with a session of their own, which installs what they need."""

ITS_LIBRARIES = ["hypothesis", "jsonschema", "opentelemetry-sdk", "pytest", "pytest-asyncio"]
ITS_TESTS = [
    *(
        f"tests/{folder}"
        for folder in ("layers", "messages", "pipeline", "providers", "telemetry", "testing")
    ),
    *("tests/traps", "tests/test_cancellation.py", "tests/test_errors.py", "tests/test_messages.py"),
    *("tests/test_presets.py", "tests/test_storm.py"),
]
"""What the tests import there, and which they are; tests/wasm/without_sockets.py says what is left out."""


def _print_versions(session: nox.Session, *names: str) -> None:
    """Print which versions were resolved."""
    code = "import sys; from importlib.metadata import version as of; print({n: of(n) for n in sys.argv[1:]})"
    session.run("python", "-c", code, *names)


def _install(session: nox.Session, *more: str) -> None:
    session.install("-e", ".[test,cli,fast]", *more)


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """The test suite on every core, but for what has a session of its own; `-- PATH` runs some tests.

    The newest Python runs all of it, on asyncio's loop and on uvloop's. The others run the unit tests: the
    oldest on both loops, and those between under the eager task factory.
    """
    _install(session, "pytest-xdist")
    chosen = ["--ignore", "tests/browser", "--ignore", "tests/hostile"]
    environment = {"PYTHONHASHSEED": "0"}
    if session.python != PYTHONS[-1]:
        chosen += ["-m", "not integration"]
    if session.python in PYTHONS[1:-1]:
        environment["RANVIER_EAGER_TASKS"] = "1"
    session.run("pytest", *(session.posargs or ["-n", "auto", *chosen]), env=environment)


@nox.session
def coverage(session: nox.Session) -> None:
    """The whole suite once more, with its branch coverage; less than 95 % is too little."""
    _install(session, "pytest-cov", "pytest-xdist")
    session.run(
        "pytest", "-n", "auto", "--cov", "--cov-report=term:skip-covered", env={"PYTHONHASHSEED": "0"}
    )


@nox.session
def plain(session: nox.Session) -> None:
    """The providers with the default dependencies alone: requests go over httpx, JSON through the library."""
    session.install("-e", ".[test]", "pytest-xdist")
    session.run("pytest", *(session.posargs or ["-n", "auto", "tests/providers"]))


@nox.session
def lint(session: nox.Session) -> None:
    """Ruff: rules and format."""
    session.install("ruff==0.17.6")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Mypy, strict; code of users under mypy and pyright; tests and pages under a less strict mypy."""
    _install(session, "mypy==2.4.1", "nox", "pyright==1.1.414", "types-jsonschema")
    session.run("mypy")
    session.run("mypy", "tests/typing")
    session.run("pyright", "tests/typing")
    session.run("mypy", "--config-file", "tests/mypy.ini", "tests")
    session.run("python", "tests/typed_documents.py")


@nox.session
def mutations(session: nox.Session) -> None:
    """Breaks the source, one line at a time: the test of each trap, or the simulation, has to notice."""
    _install(session)
    session.run("python", "tests/mutations.py", *session.posargs)


@nox.session
def replay(session: nox.Session) -> None:
    """Recorded traffic through the adapters, held against what the providers' own SDKs make of it."""
    _install(session)
    session.run("python", "tests/replay.py", *session.posargs)


@nox.session
def oracles(session: nox.Session) -> None:
    """Our adapters beside the official SDKs: the same bodies, the same requests."""
    _install(session, "anthropic==2.13.0", "google-genai==3.6.1", "openai==3.57.0")
    session.run("pytest", "tests/oracles", *session.posargs)


@nox.session
def sdks(session: nox.Session) -> None:
    """The official SDKs, at their newest: over our transport, and their clients as providers."""
    _install(session, "anthropic", "google-genai", "openai")
    _print_versions(session, "anthropic", "google-genai", "openai")
    session.run("pytest", "tests/sdks", *session.posargs)


@nox.session
def pydantic_ai(session: nox.Session) -> None:
    """pydantic-ai, at its newest: its agents over a pipeline, and its models behind one."""
    _install(session, "pydantic-ai-slim[openai]")
    _print_versions(session, "pydantic-ai-slim", "openai")
    session.run("pytest", "tests/pydantic_ai_models", *session.posargs)


@nox.session
def langchain(session: nox.Session) -> None:
    """LangChain's own suites for chat models over a pipeline, and its chat models behind our layers."""
    names = ("langchain-core", "langchain-tests", "langchain-openai")
    _install(session, *names)
    _print_versions(session, *names, "openai", "pytest")
    session.run("pytest", "--benchmark-disable", "tests/langchain", *session.posargs)
    session.run("python", "tests/mutations.py", "LC1", "LC2", "LC3", "LC4", "LC5", "LC6")


@nox.session
def instructor(session: nox.Session) -> None:
    """instructor, at its newest, with the SDK of OpenAI that it takes, over our transport."""
    _install(session, "instructor")
    _print_versions(session, "instructor", "openai", "httpx2")
    session.run("pytest", "tests/instructor", *session.posargs)


@nox.session
def real_server(session: nox.Session) -> None:
    """Our adapters against llama.cpp's server, with a tiny model made by the tests."""
    _install(session, "gguf==0.19.0", "xllamacpp==2026.10.11549")
    session.run("pytest", "tests/real_server", *session.posargs)


@nox.session
def sync(session: nox.Session) -> None:
    """`pipeline.sync` in Flask, Django, a notebook, Celery's prefork pool and gunicorn's workers."""
    _install(session, "celery", "django", "flask", "gunicorn", "ipykernel", "nbclient", "tqdm")
    session.run("pytest", *(session.posargs or ["tests/sync", "tests/mapping"]))


@nox.session
def many(session: nox.Session) -> None:
    """100,000 prompts, killed and begun again; a thousand seeds of a thousand threads. Short in `tests`."""
    _install(session)
    sizes = {"RANVIER_MAP_PROMPTS": "100000", "RANVIER_MAP_KILLS": "20"}
    crowds = {"RANVIER_SYNC_SEEDS": "1000", "RANVIER_SYNC_THREADS": "1000"}
    chosen = session.posargs or ["tests/mapping/test_map_kills.py", "tests/sync/test_sync_crowd.py"]
    session.run("pytest", "-s", *chosen, env={**sizes, **crowds})


@nox.session
def browser(session: nox.Session) -> None:
    """Our pages in a real Chromium without a window; pictures of them are kept in .artifacts/."""
    _install(session)
    session.run("pytest", *(session.posargs or ["tests/browser"]))


@nox.session
def fuzz(session: nox.Session) -> None:
    """Two thousand broken bodies for each reader, at random; the short form is part of the tests."""
    _install(session)
    session.run("pytest", *(session.posargs or ["tests/fuzz"]), env={"RANVIER_FUZZ_EXAMPLES": "2000"})


@nox.session
def hostile(session: nox.Session) -> None:
    """Broken networks (as root, with iproute2 and iptables) and a server that fails in every way it knows."""
    _install(session, "llmock==0.2.2")
    session.run("pytest", "-p", "no:llmock", "tests/hostile", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """What calls cost, beside a floor and other libraries; `-- --short` takes a minute and judges ratios."""
    _install(session, *PEERS)
    environment = {}
    if "--short" not in session.posargs:
        session.install(*SDKS)
        aside = Path(session.create_tmp(), "litellm")  # it pins what others need newer
        session.run("python", "-m", "venv", str(aside))
        python = str(aside.resolve() / "bin" / "python")
        session.run(python, "-m", "pip", "install", "--quiet", *LITELLM, external=True)
        environment = {"BENCH_LITELLM_PYTHON": python, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    session.run("python", "-m", "benchmarks.run", *session.posargs, env=environment)


@nox.session
def docs(session: nox.Session) -> None:
    """The site, built without a warning into site/, and the code of all its pages, run."""
    session.install("-e", ".[test,cli,docs]")
    told = [
        path for path in sorted(Path("tests").rglob("test_*_page.py")) if path.parent.name not in OWN_SESSIONS
    ]
    pages = ["tests/test_documents.py", "tests/test_pages.py", "tests/test_prose.py", *map(str, told)]
    session.run("pytest", "-q", *pages)
    session.run("properdocs", "build", "--strict")


@nox.session
def tutorial(session: nox.Session) -> None:
    """The tutorial as a new user walks through it: a fresh environment, and every step as it is written."""
    session.run("python", "tests/tutorial.py")


@nox.session
def soak(session: nox.Session) -> None:
    """Ten minutes of everything at once: what grows, and what is left? `-- --minutes 1` is the short form."""
    _install(session)
    session.run("python", "tests/soak/run.py", *(session.posargs or ["--minutes", "10"]))


@nox.session
def fleet(session: nox.Session) -> None:
    """Eight workers that share a Valkey server, and every fault of it; `-- --short` takes two minutes."""
    _install(session)
    session.run("python", "tests/fleet_faults/run.py", *session.posargs)


@nox.session
def scale(session: nox.Session) -> None:
    """What a thousand workers say to one Valkey server, and what that costs it: see docs/scale.md."""
    _install(session)
    session.run("python", "tests/scale/run.py", *session.posargs)


@nox.session
def simulation(session: nox.Session) -> None:
    """A million calls in virtual time where everything goes wrong; `-- --calls 100000` is the short form."""
    _install(session)
    session.run("python", "tests/simulation/run.py", *(session.posargs or ["--calls", "1000000"]))


@nox.session
def scenarios(session: nox.Session) -> None:
    """Outages in virtual time, each with a bound; writes docs/scenarios.md. `-- --short` takes a minute."""
    session.install("-e", ".")
    session.run("python", "-m", "benchmarks.scenarios", *session.posargs)


@nox.session
def wasm(session: nox.Session) -> None:
    """The unit tests on Python 3.14 in Node, without sockets, threads and processes; `-- PATH` runs some."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        session.skip("there is no Node with npm, in which Python 3.14 would run")
    folder = Path(session.create_tmp()).resolve()
    session.run(
        *("npm", "install", "--silent", "--no-save", "--prefix", str(folder), f"pyodide@{PYODIDE}"),
        external=True,
    )
    site = folder / "site"
    shutil.rmtree(site, ignore_errors=True)
    session.install(
        *("--target", str(site), "--only-binary", ":all:", "--python-version", "3.14", *ITS_WHEELS),
        *nox.project.load_toml("pyproject.toml")["project"]["dependencies"],
        *ITS_LIBRARIES,
    )
    places = [str(folder / "node_modules"), str(site), str(Path.cwd())]
    chosen = session.posargs or ["-q", "-m", "not integration", *ITS_TESTS]
    session.run("node", "tests/wasm/run.mjs", *places, *chosen, external=True)
