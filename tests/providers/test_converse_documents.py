"""Documents on Converse: each with a name of its own that the API accepts, and beside a text."""

from typing import Any

import httpx
import pytest

from ranvier.errors import UnsupportedRequestError
from ranvier.messages import Document, Message, Request, ToolCall, WirePart
from support.messages.saving import PDF
from support.oracles import botocore_model
from support.providers.bedrock_apis import Converse

pytestmark = [
    pytest.mark.virtual_time,
    pytest.mark.skipif(bool(botocore_model.ABSENT), reason=botocore_model.ABSENT),
]

MODEL = "global.amazon.nova-2-lite-v1:0"
NOTHING = httpx.Response(200, json={})
WIRE_DOCUMENT = {"format": "txt", "name": "plan", "source": {"text": "Dig."}}


def named(name: str | None) -> Document:
    """A PDF with that name."""
    return Document(data=PDF, name=name)


def asked(*parts: Any) -> Message:
    """A question with these parts."""
    return Message("user", ("What is this?", *parts))


def names_in(blocks: list[Any]) -> list[str]:
    """The names of the documents in these blocks, and in results among them."""
    names = []
    for block in blocks:
        names += [block["document"]["name"]] if "document" in block else []
        names += names_in(block["toolResult"]["content"]) if "toolResult" in block else []
    return names


async def names_sent(ask: Any, *messages: Message) -> list[str]:
    """The names in the request, which botocore finds nothing wrong with."""
    async with ask(Converse, NOTHING) as server:
        fields = await server.sent(Request(messages), model=MODEL)
    assert not botocore_model.faults_of(MODEL, fields)
    return [name for message in fields["messages"] for name in names_in(message["content"])]


@pytest.mark.parametrize(
    ("name", "accepted"),
    [
        ("plan", "plan"),
        ("plan_v2.final.pdf", "plan v2 final pdf"),
        ("[a] (b)-c", "[a] (b)-c"),
        ("  a  _ b ", "a b"),
        ("Übersicht", "bersicht"),
        ("計画.", "document"),
        (None, "document"),
        ("x" * 201, "x" * 200),
        ("x" * 199 + " y", "x" * 199),
    ],
)
async def test_a_name_is_one_that_the_api_accepts(ask: Any, name: str | None, accepted: str) -> None:
    """Letters, digits, hyphens, brackets and single spaces, at most 200 of them."""
    assert await names_sent(ask, asked(named(name))) == [accepted]


async def test_no_name_is_twice_in_a_request(ask: Any) -> None:
    """In one message, in another, and in the result of a tool: the later ones are numbered."""
    called = Message.assistant(tool_calls=[ToolCall("c1", "read")])
    found = await names_sent(
        ask,
        asked(named("plan"), named("plan"), named("plan 2")),
        called,
        Message.tool("c1", ("Read.", named("plan"))),
        Message.assistant("So."),
        asked(named("plan"), named("song")),
    )
    assert found == ["plan", "plan 2", "plan 2 2", "plan 3", "plan 4", "song"]


async def test_a_number_does_not_make_a_name_too_long(ask: Any) -> None:
    """It takes the place of the last characters."""
    long = named("x" * 200)
    assert await names_sent(ask, asked(long, long)) == ["x" * 200, "x" * 198 + " 2"]


async def test_a_later_document_does_not_rename_an_earlier_one(ask: Any) -> None:
    """What has been cached of a conversation stays the same."""
    first = [asked(named("plan")), Message.assistant("So."), asked(named("plan"))]
    before = await names_sent(ask, *first)
    assert (await names_sent(ask, *first, Message.assistant("So."), asked(named("plan"))))[:2] == before


async def test_a_document_in_the_words_of_the_api_is_sent_as_it_is(ask: Any) -> None:
    """Its name is its caller's, and the caller's dict stays what it was."""
    part = WirePart("converse", {"document": WIRE_DOCUMENT})
    assert await names_sent(ask, asked(part, named("song")), Message.assistant("So."), asked(part)) == [
        *("plan", "song", "plan")
    ]
    assert WIRE_DOCUMENT["name"] == "plan"


async def test_a_document_without_a_text_beside_it_is_not_sent(ask: Any) -> None:
    """The next target is tried; a text in another message is none beside it."""
    alone = Message("user", (named("plan"),))
    async with ask(Converse, NOTHING) as server:
        for history in ((alone,), (asked(), Message.assistant("So."), alone)):
            with pytest.raises(
                UnsupportedRequestError, match="takes a document only beside a text"
            ) as caught:
                await server.complete(Request(history), model=MODEL)
            assert caught.value.fails_over
    assert server.requests == []


async def test_two_messages_in_a_row_are_one_for_that(ask: Any) -> None:
    """They are sent as one; a document in the result of a tool needs no text."""
    assert await names_sent(ask, Message("user", (named("plan"),)), Message.user("Why?")) == ["plan"]
    called = Message.assistant(tool_calls=[ToolCall("c1", "read")])
    assert await names_sent(ask, asked(), called, Message.tool("c1", (named("plan"),))) == ["plan"]


async def test_a_document_has_its_citations_and_its_context(ask: Any) -> None:
    """Which the model then names as its sources; also one from a tool."""
    extra = {"citations": {"enabled": True}, "context": "Last year's."}
    document = Document(data=PDF, name="plan", extra=extra)
    called = Message.assistant(tool_calls=[ToolCall("c1", "read")])
    request = Request((asked(document), called, Message.tool("c1", (document,))))
    async with ask(Converse, NOTHING) as server:
        fields = await server.sent(request, model=MODEL)
    assert not botocore_model.faults_of(MODEL, fields)
    blocks = fields["messages"][0]["content"] + fields["messages"][2]["content"][0]["toolResult"]["content"]
    sent = [block["document"] for block in blocks if "document" in block]
    assert [{name: each[name] for name in extra} for each in sent] == [extra, extra]
