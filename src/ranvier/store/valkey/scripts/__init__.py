"""Assembles the Lua scripts that the server executes.

The first line of a script names the parts that it needs; they are put before it. All scripts begin with the
limits of `ranvier.store.engine.limits`, the time, and a function that publishes changes.
"""

from __future__ import annotations

from hashlib import sha1
from importlib.resources import files
from typing import NamedTuple

from ranvier.store.engine import limits

ALWAYS = ("time", "numbers", "changes")
NEEDS = "-- needs:"

FULL = "#!lua"
"""The first line of each script: with it, a full server rejects the whole script before it starts."""


class Script(NamedTuple):
    """The text of a script, and its SHA-1 digest for EVALSHA."""

    text: bytes
    sha: bytes


def load(name: str) -> Script:
    """The script of this name."""
    body = _read(name)
    needs = body.splitlines()[0].removeprefix(NEEDS).split()
    parts = [FULL, _limits(), *(_read(each) for each in (*ALWAYS, *needs)), body]
    text = "\n".join(parts).encode()
    return Script(text, sha1(text, usedforsecurity=False).hexdigest().encode())


def names() -> list[str]:
    """The names of all scripts that execute a command."""
    every = (each for each in files(__name__).iterdir() if each.name.endswith(".lua"))
    return sorted(each.name.removesuffix(".lua") for each in every if each.read_text().startswith(NEEDS))


def _read(name: str) -> str:
    return files(__name__).joinpath(f"{name}.lua").read_text(encoding="utf-8")


def _limits() -> str:
    values = {name: value for name, value in vars(limits).items() if name.isupper()}
    return "\n".join(f"local {name} = {value}" for name, value in values.items())
