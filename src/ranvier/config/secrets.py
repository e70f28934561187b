"""Reads secrets from environment variables, and from the output of commands."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from threading import Thread
from typing import IO, Any

COMMAND_SECONDS = 10.0
"""The timeout of a command that prints a secret; it applies again after the command closes its output."""

MAX_PRINTED = 100_000
"""The maximum number of bytes that a command may print."""

MIN_SECRET = 6
"""The minimum length of a secret that is masked everywhere in an error message, in characters."""


class Hidden:
    """A text whose repr is hidden, so that tracebacks with local variables do not show it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    @property
    def is_one_line(self) -> bool:
        """True if it can be sent in a header, as keys are."""
        return self._text.isprintable()

    def hidden_in(self, text: str) -> str:
        """`text` with the secret masked; a short one only in quotes, since it may be part of other words."""
        text = text.replace(repr(self._text), repr(self))
        return text if len(self._text) < MIN_SECRET else text.replace(self._text, repr(self))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Hidden) and other._text == self._text

    __hash__ = None  # type: ignore[assignment]  # because: nothing needs it as a key

    def __repr__(self) -> str:
        return "<a text from elsewhere>"


def revealed(value: Any) -> Any:
    """`value`, with its `Hidden` texts replaced by the plain ones."""
    if isinstance(value, Hidden):
        return value._text
    if isinstance(value, Mapping) and any(isinstance(each, Hidden) for each in value.values()):
        return {key: revealed(each) for key, each in value.items()}
    return value


def of_environment(name: str) -> tuple[Hidden | None, str]:
    """The value of a variable, or an error message."""
    text = os.environ.get(name, "").strip()
    return (Hidden(text), "") if text else (None, f"the environment variable {name} is not set")


# --- commands ------------------------------------------------------------------------------------


def of_command(command: list[str]) -> tuple[Hidden | None, str]:
    """The output of `command`, or an error message, which never contains output."""
    printed = bytearray()
    try:
        what = _run(command, printed)
        text = printed.decode().strip()
    except (OSError, ValueError) as error:
        text, what = "", f"failed with {type(error).__name__}"
    if text and not what:
        return Hidden(text), ""
    return None, f"the command {command[0]!r:.60} {what or 'printed nothing'}"


def _run(command: list[str], printed: bytearray) -> str:
    """Run `command`, and collect its output in `printed`; returns an error message, empty if none.

    A thread reads the output, because a process that the command leaves behind may hold it open.
    """
    none, pipe = subprocess.DEVNULL, subprocess.PIPE
    process = subprocess.Popen(command, stdin=none, stdout=pipe, stderr=none, bufsize=0)
    try:
        reader = Thread(target=_read, args=(process.stdout, printed), daemon=True)
        reader.start()
        reader.join(COMMAND_SECONDS)
        if len(printed) > MAX_PRINTED:
            return f"printed more than {MAX_PRINTED:,} bytes"
        status = None if reader.is_alive() else process.wait(COMMAND_SECONDS)
    except subprocess.TimeoutExpired:
        status = None
    finally:
        process.kill()
        process.wait()
    if status is None:
        return f"did not end within {COMMAND_SECONDS:g} seconds"
    return f"ended with status {status}" if status else ""


def _read(output: IO[bytes], printed: bytearray) -> None:
    with output:
        while len(printed) <= MAX_PRINTED and (more := output.read(4096)):
            printed += more
