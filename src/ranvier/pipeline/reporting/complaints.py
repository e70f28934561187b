"""Logs mistakes in user code: each kind once per provider."""

from __future__ import annotations

import logging

logger = logging.getLogger("ranvier.foreign")


class Complaints:
    """Logs mistakes in user code: each kind once per provider."""

    def __init__(self) -> None:
        self._logged: set[tuple[str, str]] = set()

    def log(self, kind: str, name: str, words: str, *arguments: object, trace: bool = False) -> None:
        """Log `words` as a warning, once per `kind` and `name`; with `trace`, include the traceback."""
        if (kind, name) not in self._logged:
            self._logged.add((kind, name))
            logger.warning(f"{words}; this is logged once", *arguments, exc_info=trace)
