"""Standard input and output of the command: they may be closed, full, or in another encoding."""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys

CLOSED_PIPE = 141
"""Exit status when the reader of our output closed it: 128 plus the number of SIGPIPE, as in shells."""

INTERRUPTED = 130
"""Exit status after Ctrl-C: 128 plus the number of SIGINT, as in shells."""

CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
"""Control characters that a terminal would execute; not tabs and line ends."""


class _Nowhere(io.TextIOBase):
    """Output that is discarded."""

    def write(self, text: str) -> int:
        return len(text)


def prepare() -> None:
    """Replace streams that are closed, and escape characters that the encoding of the output lacks."""
    for name in ("stdin", "stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, io.StringIO() if name == "stdin" else _Nowhere())
        elif isinstance(stream, io.TextIOWrapper) and name != "stdin":
            stream.reconfigure(errors="backslashreplace")


def drop_output() -> None:
    """Drop what could not be written: the interpreter would try again at its exit, and print a traceback."""
    with contextlib.suppress(OSError, ValueError):  # because: a program may have replaced the output
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def for_terminal(text: str) -> str:
    """`text` from a model for standard output; on a terminal, control characters are replaced."""
    return CONTROL.sub("\ufffd", text) if sys.stdout.isatty() else text
