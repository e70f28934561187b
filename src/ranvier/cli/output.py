"""The console of commands that draw on the terminal, with rich."""

from __future__ import annotations

from rich.console import Console

from ranvier.cli.streams import CLOSED_PIPE


class Output(Console):
    """A console that ends the command with `CLOSED_PIPE` when its reader has left."""

    def on_broken_pipe(self) -> None:
        """Exit with `CLOSED_PIPE`; rich would exit with status 1, which has another meaning here."""
        try:
            super().on_broken_pipe()
        except SystemExit:
            raise SystemExit(CLOSED_PIPE) from None
