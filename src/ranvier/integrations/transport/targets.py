"""Chooses the target at which the call of an SDK starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ranvier.errors.provider import ModelNotFoundError
from ranvier.integrations.transport.owners import Owners
from ranvier.integrations.transport.server_state import refers_to_a_server

if TYPE_CHECKING:
    from ranvier.pipeline.deployment import Deployment
    from ranvier.pipeline.pipeline import Pipeline
    from ranvier.providers._wire.written_request import WrittenRequest


class Targets:
    """The current targets of a pipeline, which a reload replaces.

    Attributes:
        owners: Remembers which provider has stored which response.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self.owners = Owners()
        self._pipeline = pipeline

    def start(self, written: WrittenRequest) -> str | None:
        """The target to ask first: one with the model of the request, or that model at the first provider.

        `None` leaves it to the layers, which may balance: the first that speaks the wire has the model.

        Raises:
            ModelNotFoundError: no target speaks the wire, or none has the model.
        """
        layers = self._pipeline.layers
        targets = [each for layer in layers for each in layer.deployments()]
        speaking = [each for each in targets if _speaks(each, written.wire)]
        if not speaking:
            own = ": at a server of your own, write OpenAI(api='responses', base_url=...)"
            hint = own if written.wire == "responses" else ""
            raise ModelNotFoundError(
                f"no target of the pipeline speaks {written.wire}{hint}", provider="ranvier"
            )
        owner = self.owners.of(written.fields)
        at_owner = [each for each in speaking if each.provider.name == owner]
        known = [each for each in at_owner or speaking if written.model in (each.model, each.facts_of)]
        start = next(iter(known or at_owner), None)
        if refers_to_a_server(written.fields):
            written.stays_at = (start or speaking[0]).provider.name
        if start is not None:
            return None if start is speaking[0] and written.stays_at is None else start.target
        if any(layer.takes_any_model for layer in layers):
            return f"{speaking[0].provider.name}/{written.model}"
        raise ModelNotFoundError(
            f"model {written.model!r:.80} is none of {', '.join(each.target for each in speaking)}: list it, "
            "or let calls name any model with Fallback(..., open=True)",
            provider="ranvier",
        )


def _speaks(target: Deployment, wire: str) -> bool:
    speaks = getattr(target.provider, "speaks", None)
    return speaks is not None and speaks(wire, target.facts_of or target.model)
