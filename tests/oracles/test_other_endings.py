"""Streams of the Responses API that end in another way than `response.completed`, as no recorded one does.

They are made of the SDK's types. Where the SDK reads an answer, ours is the same; where it hands a failure or
half an answer through as if nothing had happened, ours is an error.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from ranvier.errors import (
    ContentFilterError,
    InvalidRequestError,
    InvalidResponseError,
    ProviderError,
    RateLimitError,
    ServerError,
)
from support.oracles.answers import our_reading
from support.oracles.postbox import Postbox
from support.oracles.response_streams import CODES, EVENT_TYPES, REASONS, begun, message, response, stream
from support.oracles.vendors import responses_reading
from support.providers.openai_apis import Responses

pytestmark = pytest.mark.once

HOW: dict[str, Any] = {"model": "gpt-5.6", "streamed": True}


@asynccontextmanager
async def both(postbox: Postbox, content: bytes) -> AsyncIterator[tuple[Any, Any]]:
    """What asks as the SDK does, and what asks as we do, for a stream with this content."""
    postbox.answers(content, streamed=True)
    async with responses_reading(postbox.url) as sdk, our_reading(Responses, postbox.url) as adapter:
        yield sdk, adapter


@pytest.mark.parametrize("reason", REASONS)
async def test_an_incomplete_answer_is_read_as_the_sdk_reads_it(postbox: Postbox, reason: str) -> None:
    """With its words, its thought and its tokens; the reason tells why it ends."""
    last = response("incomplete", message("incomplete"), incomplete_details={"reason": reason})
    content = stream([*begun(), {"type": "response.incomplete", "response": last}])
    async with both(postbox, content) as (sdk, adapter):
        official, own = await sdk(**HOW), await adapter(**HOW, body=content)
    assert own.unlike(official).keys() <= {"reasoning"}  # the SDK's last event repeats the message alone
    assert (own.text, own.reasoning, own.finish) == ("Let me look.", "Hm.", reason)


POLICIES = ("bio_policy", "misalignment_policy_violation", "image_content_policy_violation")
PASSING = {
    "server_error": ServerError,
    "vector_store_timeout": ServerError,
    "rate_limit_exceeded": RateLimitError,
    **dict.fromkeys(POLICIES, ContentFilterError),
}
"""What the failures become; all others are about the request."""


@pytest.mark.parametrize("code", CODES)
async def test_a_failed_response_is_an_error(postbox: Postbox, code: str) -> None:
    """The SDK hands it through as a response; ours says what to do about it, whatever the code."""
    error = {"code": code, "message": "It did not work."}
    last = response("failed", error=error, usage=None)
    content = stream([*begun()[:2], {"type": "response.failed", "response": last}])
    async with both(postbox, content) as (sdk, adapter):
        assert (await sdk(**HOW)).finish == "failed"
        with pytest.raises(ProviderError, match=code) as caught:
            await adapter(**HOW)
    assert isinstance(caught.value, PASSING.get(code, InvalidRequestError))
    assert caught.value.retryable == (code in PASSING and code not in POLICIES)


EVENTS: dict[str | None, type[ProviderError]] = {
    "server_error": ServerError,
    "rate_limit_exceeded": RateLimitError,
    "invalid_prompt": InvalidRequestError,
    None: ServerError,
}


@pytest.mark.parametrize("code", EVENTS)
async def test_an_error_event_is_an_error(postbox: Postbox, code: str | None) -> None:
    """Before any content."""
    event = {"type": "error", "code": code, "message": "It did not work.", "param": None}
    async with both(postbox, stream([*begun()[:2], event])) as (_, adapter):
        with pytest.raises(EVENTS[code], match=r"It did not work\."):
            await adapter(**HOW)


@pytest.mark.parametrize("events", range(1, len(begun()) + 1))
async def test_a_cut_stream_is_an_error(postbox: Postbox, events: int) -> None:
    """After whichever event it ends: the SDK has no answer either, but does not say so."""
    async with both(postbox, stream(begun()[:events])) as (_, adapter):
        with pytest.raises(InvalidResponseError, match="cut off"):
            await adapter(**HOW)


def test_every_type_of_event_is_known() -> None:
    """A newer SDK may have more: then `events.py` has to be looked at again."""
    assert len(EVENT_TYPES) == 59
