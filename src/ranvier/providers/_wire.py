"""What an adapter for one provider supplies: where to send, which headers and fields, what answers mean."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from ranvier.errors import UnsupportedRequestError
from ranvier.providers._call_ids import ANY_ID, IdRule
from ranvier.providers._complaints import Complaint
from ranvier.providers._endings import AnswerReader
from ranvier.providers._fixes import Fix
from ranvier.providers._history_fixes import history_fix
from ranvier.providers._known_fixes import fix_for
from ranvier.providers._models import Facts, wants_signatures
from ranvier.providers._reading import Json
from ranvier.providers._sse import Decoder, SseDecoder
from ranvier.providers._tool_names import COMMON, NameRule

if TYPE_CHECKING:
    from ranvier.messages import Native, Response
    from ranvier.pipeline.call import Call
    from ranvier.providers._issuer import Issuer


class Wire(ABC):
    """The translation between our words and those of an API."""

    family: ClassVar[str]
    """Whose dialect it speaks: the name of the vendor, whatever this one is called."""

    tool_names: NameRule = COMMON
    """The names of tools that its wire takes."""

    call_ids: IdRule = ANY_ID
    """The ids of tool calls that its wire takes."""

    default_base_url: ClassVar[str]
    name: str = ""
    base_url: str = ""

    def unsupported(self, call: Call, reason: str) -> UnsupportedRequestError:
        """The error for a request that this target cannot be asked; the next one is."""
        return UnsupportedRequestError(
            f"{call.deployment} {reason}; nothing was sent: choose another target for it",
            provider=self.name,
            model=call.deployment.model,
        )

    # --- the request and the answer --------------------------------------------------------------

    def address(self, base_url: str | None) -> str:
        """Where the API is, given what the user said of it."""
        return self.default_base_url if base_url is None else base_url

    def place(self, key: str | None) -> str:
        """Where a request with that key goes. It must not raise: the key is in its frame."""
        return self.base_url

    @abstractmethod
    def path(self, model: str, streaming: bool) -> str:
        """The path below `base_url`."""

    @abstractmethod
    def headers(self, key: str | None) -> dict[str, str]:
        """The headers of a request with that key. It must not raise: the key is in its frame."""

    @abstractmethod
    def body(self, call: Call, settings: Json, streaming: bool) -> Json:
        """The fields of the request, with the settings that the model takes."""

    @abstractmethod
    def response(self, body: Json) -> Response:
        """What a whole answer says.

        Raises:
            NoAnswerError: not what the API promises.
        """

    @abstractmethod
    def reader(self, call: Call) -> AnswerReader:
        """Understands one streamed answer."""

    def decoder(self) -> Decoder:
        """Cuts a streamed body into events."""
        return SseDecoder()

    # --- what is special about the server --------------------------------------------------------

    def facts(self, call: Call) -> Facts:
        """Where the table of models tells what this target takes."""
        return Facts(self.family, call.deployment.facts_of or call.deployment.model)

    @property
    def wires(self) -> tuple[str, ...]:
        """Whose words it understands, in which a `Native` may be written."""
        return (self.family,)

    def shared(self, native: Native, target: Issuer) -> Json | None:
        """What of `native` may be sent to `target`, which speaks its wire but did not issue it."""
        return None

    def fix(self, call: Call, complaint: Complaint, fields: Json) -> Fix | None:
        """What makes this server take a request with these fields that it has refused."""
        signs = wants_signatures(self.facts(call).model)
        return history_fix(complaint, fields, signs=signs) or fix_for(complaint, fields)
