"""The answer to one of many prompts, or the error in its place."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Generic

from ranvier.messages.response import ParsedT_co, Response


@dataclass(frozen=True, slots=True)
class Result(Generic[ParsedT_co]):
    """The result of one prompt of `pipeline.map`.

    Attributes:
        index: The position of the prompt, from 0.
        key: The key of the prompt in the file of answers; without a file, its position.
        item: The prompt, or the item that was passed to `prompt=`.
        error: The error, if the call failed; `None` if there is an answer.
    """

    index: int
    key: str
    item: Any = field(repr=False)
    error: Exception | None = None
    answer: Response[ParsedT_co] | None = field(default=None, repr=False)

    @property
    def response(self) -> Response[ParsedT_co]:
        """The answer.

        Raises:
            Exception: `error`, if there is none.
        """
        if self.error is not None:
            raise self.error
        assert self.answer is not None
        return self.answer

    @property
    def text(self) -> str:
        """The text of the answer; raises `error` if there is none."""
        return self.response.text
