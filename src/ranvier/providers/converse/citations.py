"""Reads the citations of an answer of Converse: the sources of a passage, in the block that holds it."""

from __future__ import annotations

from ranvier.messages.beside.details import Citation
from ranvier.providers._reading.details import objects, words
from ranvier.providers._reading.reading import Json


class Passage:
    """A block of text that is arriving, and the sources that it cites.

    Attributes:
        index: The index of the block.
        pieces: Its text so far.
        sources: Its citations, as they were sent.
    """

    __slots__ = ("index", "pieces", "sources")

    def __init__(self, index: object) -> None:
        self.index = index
        self.pieces: list[str] = []
        self.sources: list[object] = []

    @property
    def citations(self) -> list[Citation]:
        """Its citations, with the text that they support."""
        return citations_of(self.sources, "".join(self.pieces)) if self.sources else []


def citations_of(sources: object, passage: str) -> list[Citation]:
    """The citations of a block, with the text that they support; what is malformed is left out."""
    return [
        Citation(
            url=words(_object(_object(each, "location"), "web").get("url")) or words(each.get("source")),
            title=words(each.get("title")),
            quote=words("".join(filter(None, map(_text, objects(each.get("sourceContent")))))),
            passage=words(passage),
            source=each,
        )
        for each in objects(sources)
    ]


def _object(value: Json, name: str) -> Json:
    inner = value.get(name)
    return inner if isinstance(inner, dict) else {}


def _text(value: Json) -> str | None:
    return words(value.get("text"))
