"""One item of a streamed response, while its pieces arrive."""

from __future__ import annotations

from ranvier.messages.characters import whole_characters
from ranvier.messages.schema.lenient import arguments_in
from ranvier.providers._reading.reading import NoAnswerError


class Item:
    """An item of the answer whose pieces are arriving.

    Attributes:
        kind: The type of the item.
        id: The id of the item, which tells it from another at the same place.
        number: The index of the tool call, if it is one.
        given: The arguments that came with its beginning.
        pieces: What has arrived of its text or arguments.
        begun, ended: Its beginning and its end have been read.
        refused: A refusal has come in pieces.
    """

    __slots__ = ("begun", "ended", "given", "id", "kind", "number", "pieces", "refused")

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.id: str | None = None
        self.number: int | None = None
        self.given = ""
        self.pieces: list[str] = []
        self.begun = self.ended = self.refused = False

    def rest_of_arguments(self, whole: str) -> str:
        """The end of arguments; gateways write the whole anew, with other spaces or escapes.

        Raises:
            NoAnswerError: the pieces are another object than the whole.
        """
        came = "".join(self.pieces)
        if came and (arguments := arguments_in(came)) is not None and arguments == arguments_in(whole):
            return ""
        return self.rest(whole)

    def rest(self, whole: str) -> str:
        """The end of the whole text that has not come in pieces.

        Raises:
            NoAnswerError: the pieces do not add up to the whole, so one of them was lost.
        """
        whole, came = whole_characters(whole), whole_characters("".join(self.pieces))
        if whole.startswith(came):
            return whole[len(came) :]
        if came.strip().startswith(whole.strip()):  # some servers trim the whole, or leave it empty
            return ""
        raise NoAnswerError("a piece of the answer was lost: the pieces do not add up to the whole")
