"""Builds a call from the arguments of `complete` and `stream`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ranvier import validation
from ranvier.clock import current_deadline
from ranvier.errors.configuration import ConfigurationError
from ranvier.facts.record import Record
from ranvier.messages.build import Prompt, build_request
from ranvier.messages.request import Options
from ranvier.pipeline.call import Call
from ranvier.tenancy import DEFAULT_TENANT, current_tenant

if TYPE_CHECKING:
    from ranvier.pipeline.running.stack import Stack


def new_call(
    pipeline: Stack,
    prompt: Prompt,
    to: str | None,
    tenant: str | None,
    options: Options[Any],
    *,
    hedge: bool | None,
    streaming: bool = False,
) -> Call:
    """The call of `pipeline` with these arguments, without a target.

    Raises:
        ConfigurationError: an argument is invalid, or the pipeline is closed.
    """
    if pipeline.lifecycle.state != "open":
        pipeline.lifecycle.check_not_closed()
    tenant = current_tenant() if tenant is None else validation.identifier("tenant", tenant)
    if tenant is None:
        if pipeline.requires_tenant:
            raise ConfigurationError(
                "tenant=None: this pipeline requires one, by `with tenant(...)` or tenant=..."
            )
        tenant = DEFAULT_TENANT
    if to is not None or hedge is not None:
        _check_ways(pipeline, to, hedge)
    request = build_request(prompt, options)
    limit, circuit = current_deadline(), pipeline.circuit_at_first
    record = Record(request.metadata)
    return Call(request, tenant, pipeline, record, to, streaming, limit, circuit, pipeline.limits, hedge)


def _check_ways(pipeline: Stack, to: object, hedge: bool | None) -> None:
    """Check where a call starts, and whether it may be hedged."""
    if hedge is not None:
        validation.flag("hedge", hedge)
    if to is None:
        return
    if not isinstance(to, str):
        raise ConfigurationError(
            f"to is a {type(to).__name__}: give the name of one target, such as to='openai/gpt-5.2'"
        )
    for layer in pipeline.layers:
        layer.check_start(to)


def begin_again(call: Call, pipeline: Stack) -> None:
    """Move `call`, which was created before a reload and has not started, to the new stack."""
    call.pipeline = pipeline
    call.limits, call.circuit = pipeline.limits, pipeline.circuit_at_first
