"""Which target issued a part of a conversation, and which targets may receive it again.

Signatures, encrypted reasoning and the like are valid for one wire, endpoint, account and model; any other
target rejects them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from ranvier.messages.message import Part, Text, ToolCall
from ranvier.messages.native import Native
from ranvier.messages.response import Response, ToolCallDelta
from ranvier.providers._history.tool_names import sent_names

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call
    from ranvier.providers._wire.wire import Wire

_Called = TypeVar("_Called", ToolCall, ToolCallDelta)


class Issuer:
    """The target of one call, as the issuer of the parts of its answer.

    Attributes:
        adapter: The provider.
        call: The call, with the conversation and tool names as the caller gave them.
    """

    __slots__ = ("_account", "_given", "adapter", "call")

    def __init__(self, adapter: Wire, call: Call) -> None:
        self.adapter = adapter
        self.call = call
        self._account: str | None = None
        self._given: dict[str, str] | None = None  # given tool names, by the names that were sent

    @property
    def endpoint(self) -> str:
        """The base URL of the request."""
        return self.adapter.base_url_for(self.call.credential)

    @property
    def account(self) -> str:
        """The digest of the account."""
        if self._account is None:
            key, access = self.call.credential, self.call.access
            self._account = self.adapter.account_for(key if access is None else access.account(key))
        return self._account

    def owns(self, native: Native) -> bool:
        """True if this target issued `native`, as far as known."""
        return (
            self.speaks(native)
            and native.endpoint in (None, self.endpoint)
            and native.model in (None, self.call.deployment.model)
            and native.account in (None, self.account)
        )

    def speaks(self, native: Native) -> bool:
        """True if `native` is in the format of this wire."""
        return native.provider in self.adapter.wires

    # --- the parts of an answer ------------------------------------------------------------------

    def native(self, data: Mapping[str, Any]) -> Native:
        """A part with `data` of the answer, to be sent back to this target only."""
        model = self.call.deployment.model
        return Native(self.adapter.wires[0], data, self.endpoint, self.account, model)

    def called(self, call: _Called) -> _Called:
        """A tool call of an answer, with the given tool name, and the data for this target only."""
        name = call.name and self._given_name(call.name)
        data: dict[str, Any] = {} if call.native is None else dict(call.native.data)
        if call.id and not self.adapter.call_ids.allowed.fullmatch(call.id):
            data["id"] = call.id
        if name == call.name and not data:
            return call
        return replace(call, name=name, native=self.native(data) if data else None)

    def sign(self, response: Response) -> None:
        """Mark the parts of a complete answer that may be sent back to this target only."""
        if response.tool_calls:
            response.tool_calls = tuple(map(self.called, response.tool_calls))
        if any(type(part) is not Text for part in response.parts):
            response.parts = tuple(map(self._signed, response.parts))

    def _signed(self, part: Part) -> Part:
        if isinstance(part, ToolCall):
            return self.called(part)
        return self.native(part.data) if isinstance(part, Native) else part

    def _given_name(self, name: str) -> str:
        if self._given is None:
            names = sent_names(self.call.request, self.adapter.tool_names)
            self._given = {sent: given for given, sent in names.items()}
        return self._given.get(name, name)
