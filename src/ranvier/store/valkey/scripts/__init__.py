"""The scripts that the server carries out: what each needs, in one text.

A script names the parts that it needs in its first line. All of them begin with the limits of
`ranvier.store.engine.limits`, the time, and how to publish changes.
"""

from __future__ import annotations

from hashlib import sha1
from importlib.resources import files
from typing import NamedTuple

from ranvier.store.engine import limits

ALWAYS = ("time", "numbers", "changes")
NEEDS = "-- needs:"

FULL = "#!lua"
"""The first line of each: a server that is full carries out nothing of it, instead of a part."""


class Script(NamedTuple):
    """A script, and the digest under which the server knows it."""

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
    """Those of all scripts that carry out a command."""
    every = (each for each in files(__name__).iterdir() if each.name.endswith(".lua"))
    return sorted(each.name.removesuffix(".lua") for each in every if each.read_text().startswith(NEEDS))


def _read(name: str) -> str:
    return files(__name__).joinpath(f"{name}.lua").read_text(encoding="utf-8")


def _limits() -> str:
    values = {name: value for name, value in vars(limits).items() if name.isupper()}
    return "\n".join(f"local {name} = {value}" for name, value in values.items())
