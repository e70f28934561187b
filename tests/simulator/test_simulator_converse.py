"""Bedrock's Converse at the simulator, as a client sees it that knows nothing of ours."""

from typing import Any

import pytest

from ranvier.simulator import Say
from ranvier.simulator.dialogue import Answer
from ranvier.simulator.wires.opaque import signature_of

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
NOVA = "global.amazon.nova-2-lite-v1:0"
HI = {"role": "user", "content": [{"text": "Hi"}]}
CALL = {"toolUse": {"toolUseId": "tooluse_1", "name": "now", "input": {}}}
NOON = {"toolResult": {"toolUseId": "tooluse_1", "content": [{"text": "noon"}]}}
TOOLS = {"tools": [{"toolSpec": {"name": "now", "inputSchema": {"json": {"type": "object"}}}}]}
SIGNED = signature_of(Answer(2, 1, CLAUDE, 0, 0, reasoning=("Hm",)))
"""Claude's signature of its thought `Hm`."""


def told(*blocks: Any) -> dict[str, Any]:
    """A message of the assistant's."""
    return {"role": "assistant", "content": list(blocks)}


def asked(*blocks: Any) -> dict[str, Any]:
    """A message to it."""
    return {"role": "user", "content": list(blocks)}


def thought(text: str, signature: str | None) -> dict[str, Any]:
    """A thought."""
    signed = {} if signature is None else {"signature": signature}
    return {"reasoningContent": {"reasoningText": {"text": text, **signed}}}


def document(name: str) -> dict[str, Any]:
    """A document of that name."""
    return {"document": {"format": "pdf", "name": name, "source": {"bytes": "JVBERi0="}}}


def read(*blocks: Any) -> dict[str, Any]:
    """A result of a tool with these blocks."""
    return {"toolResult": {"toolUseId": "tooluse_1", "content": list(blocks)}}


def history(*messages: Any) -> dict[str, Any]:
    """A request with these messages."""
    return {"messages": list(messages), "toolConfig": TOOLS}


TEXT, PLAN = {"text": "See."}, document("plan")
REFUSED: list[tuple[str, dict[str, Any], str]] = [
    (NOVA, {"max_tokens": 5}, "extraneous key [max_tokens] is not permitted"),
    (NOVA, history(told(TEXT), HI), "must start with a user message"),
    (NOVA, history(HI, HI), "must alternate between user and assistant roles"),
    (NOVA, history(asked({"text": " "})), "is blank"),
    (NOVA, history(HI, told(CALL)), "Expected toolResult blocks at messages.2.content"),
    (NOVA, history(HI, told(TEXT), asked(NOON)), "exceeds the number of toolUse blocks"),
    (NOVA, {"messages": [HI, told(CALL), asked(NOON)]}, "The toolConfig field must be defined"),
    (NOVA, history(HI, told(thought("Hm", None), TEXT), HI), "cannot contain reasoning content"),
    (CLAUDE, history(HI, told(thought("Hm", None), TEXT), HI), "thinking.signature: Field required"),
    (CLAUDE, history(HI, told(thought("Hm", "EoQD"), TEXT), HI), "Invalid `signature` in `thinking` block"),
    (CLAUDE, history(HI, told(thought("Hmm", SIGNED), TEXT), HI), "Invalid `signature`"),
    (NOVA, history(asked(PLAN)), "A text block is required beside the documents at messages.0.content"),
    (NOVA, history(asked(TEXT, PLAN, PLAN)), "can't contain duplicate document names"),
    (NOVA, history(asked(TEXT, PLAN), told(TEXT), asked(TEXT, PLAN)), "duplicate document names"),
    (NOVA, history(asked(TEXT, PLAN), told(CALL), asked(read(PLAN))), "duplicate document names"),
    (NOVA, history(asked(TEXT, document("a.pdf"))), "can only contain alphanumeric characters"),
    (NOVA, history(HI, told(CALL), asked(read(document("a  b")))), "more than one consecutive"),
    (NOVA, history(asked(TEXT, document("x" * 201))), "The document file name"),
]


async def ask(sim: Any, client: Any, model: str, **fields: Any) -> Any:
    """The reply to such a request."""
    url = f"{sim.url('bedrock')}/model/{model}/converse"
    body = {"messages": [HI], **fields}
    return await client.post(url, json=body, headers={"authorization": "Bearer simulated"})


@pytest.mark.parametrize(("model", "fields", "words"), REFUSED, ids=[words for _, _, words in REFUSED])
async def test_what_the_api_refuses_is_refused(
    sim: Any, client: Any, model: str, fields: dict[str, Any], words: str
) -> None:
    """In its own words, and the simulator goes on."""
    reply = await ask(sim, client, model, **fields)
    assert reply.status_code == 400
    assert reply.headers["x-amzn-errortype"].startswith("ValidationException:")
    assert words in reply.json()["message"]
    assert (await ask(sim, client, model)).status_code == 200


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        (CLAUDE, history(told(TEXT), HI)),
        (NOVA, history(HI, told(thought("Hm", "of another model"), TEXT), HI)),
        (NOVA, history(asked(TEXT, PLAN, document("plan 2")), told(CALL), asked(read(document("plan 3"))))),
        (NOVA, history(HI, told(CALL), asked(read(PLAN)))),
    ],
)
async def test_what_the_api_takes_is_taken(sim: Any, client: Any, model: str, fields: dict[str, Any]) -> None:
    """Documents with names of their own, and what only some models take."""
    assert (await ask(sim, client, model, **fields)).status_code == 200


async def test_claude_takes_its_thoughts_back_as_it_signed_them(sim: Any, client: Any) -> None:
    """Not with other words."""
    sim.play("bedrock", Say("So.", reasoning="Hm, well."))
    thinking = {"thinking": {"type": "enabled", "budget_tokens": 1_024}}
    answer = (await ask(sim, client, CLAUDE, additionalModelRequestFields=thinking)).json()
    blocks = answer["output"]["message"]["content"]
    assert (await ask(sim, client, CLAUDE, messages=[HI, told(*blocks), HI])).status_code == 200
    blocks[0]["reasoningContent"]["reasoningText"]["text"] += "?"
    assert (await ask(sim, client, CLAUDE, messages=[HI, told(*blocks), HI])).status_code == 400
