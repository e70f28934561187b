"""What the log says about the code of others: each kind of mistake once for each provider."""

from __future__ import annotations

import logging

logger = logging.getLogger("ranvier.foreign")


class Complaints:
    """Logs what the code of others does wrong: each kind once for each provider."""

    def __init__(self) -> None:
        self._made: set[tuple[str, str]] = set()

    def log(self, kind: str, who: str, words: str, *arguments: object, trace: bool = False) -> None:
        """Log `words` as a warning, unless the same kind was logged for `who` before; with the traceback."""
        if (kind, who) not in self._made:
            self._made.add((kind, who))
            logger.warning(f"{words}; this is logged once", *arguments, exc_info=trace)
