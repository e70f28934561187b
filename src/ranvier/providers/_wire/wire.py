"""What the adapter of a provider supplies: URL, headers and fields of a request, and how to read answers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from ranvier.errors.provider import UnsupportedRequestError
from ranvier.messages.native import account_of
from ranvier.providers._history.call_ids import ANY_ID, IdRule
from ranvier.providers._history.tool_names import COMMON, NameRule
from ranvier.providers._models.models import Facts, wants_signatures
from ranvier.providers._reading.reading import Json
from ranvier.providers._reading.sse import Decoder, SseDecoder
from ranvier.providers._repairs.complaints import Complaint
from ranvier.providers._repairs.fixes import Fix
from ranvier.providers._repairs.history_fixes import history_fix
from ranvier.providers._repairs.known_fixes import fix_for
from ranvier.providers._wire.endings import AnswerReader

if TYPE_CHECKING:
    from ranvier.messages.native import Native
    from ranvier.messages.response import Response
    from ranvier.pipeline.call import Call
    from ranvier.pipeline.deployment import Deployment
    from ranvier.providers._repairs.repairs import Repairs
    from ranvier.providers._wire.issuer import Issuer


class Wire(ABC):
    """Translates between ranvier's requests and responses and those of one API."""

    family: ClassVar[str]
    """The vendor whose dialect it speaks, whatever the provider is named."""

    tool_names: NameRule = COMMON
    """The tool names that its wire accepts."""

    call_ids: IdRule = ANY_ID
    """The tool call ids that its wire accepts."""

    media: frozenset[str] = frozenset()
    """The kinds of documents and sound that its wire takes, in the words of `_wire.media`."""

    default_base_url: ClassVar[str]
    name: str = ""
    base_url: str = ""

    repairs: Repairs
    """The fixes that models have needed on this wire."""

    def unsupported(self, call: Call, reason: str) -> UnsupportedRequestError:
        """The error for a request that this target cannot serve; the next target is tried."""
        return UnsupportedRequestError(
            f"{call.deployment} {reason}; nothing was sent: choose another target",
            provider=self.name,
            model=call.deployment.model,
        )

    @property
    def addresses(self) -> tuple[str, ...]:
        """The names by which an `extra` may address it, in rising order of precedence."""
        return self.family, self.name

    # --- the request and the answer --------------------------------------------------------------

    def resolved_base_url(self, base_url: str | None) -> str:
        """The base URL of the API, from the user's `base_url` argument."""
        return self.default_base_url if base_url is None else base_url

    def base_url_for(self, key: str | None) -> str:
        """The base URL of a request with that key. Must not raise: a traceback would show the key."""
        return self.base_url

    def account_for(self, key: str | None) -> str:
        """A digest of the account of that key, to which the provider binds reasoning; the same everywhere."""
        return account_of(key)

    @abstractmethod
    def path(self, model: str, streaming: bool) -> str:
        """The path of the request, below `base_url`."""

    @abstractmethod
    def headers(self, key: str | None) -> dict[str, str]:
        """The headers of a request with that key. Must not raise: a traceback would show the key."""

    @abstractmethod
    def body(self, call: Call, settings: Json, streaming: bool) -> Json:
        """The JSON fields of the request; `settings` are those that the model accepts."""

    @abstractmethod
    def response(self, body: Json) -> Response:
        """Read a complete answer.

        Raises:
            NoAnswerError: the body breaks the API's contract.
        """

    @abstractmethod
    def reader(self, call: Call) -> AnswerReader:
        """The reader of one streamed answer."""

    def decoder(self) -> Decoder:
        """The decoder that splits a streamed body into events."""
        return SseDecoder()

    def own_fields(self, more: Mapping[str, Any], fields: Json) -> Mapping[str, Any]:
        """The fields `more` that a caller sets directly, as this wire names them; `fields` is the request."""
        return more

    def finish(self, call: Call, fields: Json) -> None:  # noqa: B027  # because: most wires need nothing
        """Change the fields of the finished request, in which the caller's own are too."""

    # --- specifics of the server -----------------------------------------------------------------

    def facts(self, call: Call) -> Facts:
        """The target's entry in the table of models."""
        return self.facts_at(call.deployment)

    def facts_at(self, target: Deployment) -> Facts:
        """The entry of `target` in the table of models: the vendor, and the public id of the model."""
        return Facts(self.family, target.facts_of or target.model)

    def rules(self, call: Call) -> Facts:
        """The target's entry in the tables of settings and fields, where they depend on the wire too."""
        return self.facts(call)

    @property
    def wires(self) -> tuple[str, ...]:
        """The wires whose `Native` parts this one can send."""
        return (self.family,)

    def speaks(self, wire: str, model: str) -> bool:
        """True if `model` takes requests that are written for `wire` as they are."""
        return wire in self.wires

    def shared(self, native: Native, target: Issuer) -> Json | None:
        """The data of `native` that may be sent to `target`, which speaks its wire but did not issue it."""
        return None

    def fix(self, call: Call, complaint: Complaint, fields: Json) -> Fix | None:
        """The fix that makes this server accept a request with these fields, which it has rejected."""
        signs = wants_signatures(self.facts(call).model)
        return history_fix(complaint, fields, signs=signs) or fix_for(complaint, fields)
