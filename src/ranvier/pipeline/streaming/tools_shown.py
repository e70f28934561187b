"""Tracks whether the reader of a stream has received a complete tool call, which it may have run."""

from __future__ import annotations

from ranvier.messages.response import StreamEvent


class ToolsShown:
    """Follows the events that were handed to a reader.

    Attributes:
        whole: True once a tool call is complete: its arguments are complete, or another event followed it.
    """

    def __init__(self) -> None:
        self.whole = False
        self._index: int | None = None  # the index of the tool call whose fragments arrive
        self._depth = 0
        self._quoted = self._escaped = False

    def add(self, event: StreamEvent) -> None:
        """An event was handed out."""
        fragment = event.tool_call
        if self.whole:
            return
        if fragment is None:
            self.whole = self._index is not None and (event.has_content or event.finish_reason is not None)
        elif self._index not in (None, fragment.index):
            self.whole = True
        else:
            self._index = fragment.index
            self.whole = any(self._closes(character) for character in fragment.arguments)

    def _closes(self, character: str) -> bool:
        """True if `character` of the arguments completes their JSON object."""
        if self._quoted:
            self._quoted = self._escaped or character != '"'
            self._escaped = not self._escaped and character == "\\"
            return False
        if character == '"':
            self._quoted = True
        elif character in "{[":
            self._depth += 1
        elif character in "}]":
            self._depth -= 1
            return self._depth == 0
        return False
