"""Reads what a file takes from elsewhere: environment variables, and what commands print."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from typing import Any

COMMAND_SECONDS = 10.0
"""How long a command that prints a secret may take."""


class Hidden:
    """A text that no repr shows, so that no traceback shows it either, whose tools print local variables."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Hidden) and other._text == self._text

    __hash__ = None  # type: ignore[assignment]  # because: nothing needs it as a key

    def __repr__(self) -> str:
        return "<a text from elsewhere>"


def revealed(value: Any) -> Any:
    """`value`, with the texts that are hidden in it."""
    if isinstance(value, Hidden):
        return value._text
    if isinstance(value, Mapping) and any(isinstance(each, Hidden) for each in value.values()):
        return {key: revealed(each) for key, each in value.items()}
    return value


def of_environment(name: str) -> tuple[Hidden | None, str]:
    """The value of a variable, or what is wrong."""
    text = os.environ.get(name)
    return (Hidden(text), "") if text else (None, f"the environment variable {name} is not set")


def of_command(command: list[str]) -> tuple[Hidden | None, str]:
    """What `command` prints, or what is wrong. Nothing that it prints is in an error."""
    try:
        done = subprocess.run(command, capture_output=True, timeout=COMMAND_SECONDS, check=False)
        text = done.stdout.decode().strip()
        what = f"ended with status {done.returncode}" if done.returncode else "printed nothing"
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        text, what = "", f"failed with {type(error).__name__}"
    if text and what == "printed nothing":
        return Hidden(text), ""
    return None, f"the command {command[0]!r:.60} {what}"
