"""Bodies that are almost right: real ones with a few things wrong in them."""

import copy
import json
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

from ranvier.simulator.wires import WIRES
from support.fuzz.corpus import Body, bodies

DEEP: Any = json.loads("[" * 90 + "]" * 90)

WRONG: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2, 0.5, 1e308, -1e308, float("nan"), float("inf")),
    *(2**63, -(2**70), 9 * 10**4299),
    *("", " ", "x", "0", "\ud800", "x\ud83d", "\ude00x", "\x00", "\u202e"),
    *("a\nb\r\n\x1b[31m", "sk-fuzz", "é😀", "x" * 5000),
    *("[DONE]", "error", "null", [], {}, [[]], [None], [{}], [1, "x"], DEEP, {"a": DEEP}),
    *({"x": 1}, {"": {}}, {"text": 1}, {"type": []}, {"type": "text", "text": "x"}),
    *({"error": {}}, {"error": "x"}, {"error": {"message": "x\ny", "code": 500}}),
)
"""What stands where something else belongs."""

WORDS = (
    *("type", "index", "error", "text", "content", "message", "delta", "id", "name", "arguments", "usage"),
    *(
        "choices",
        "candidates",
        "finish_reason",
        "finishReason",
        "stop_reason",
        "done",
        "tool_calls",
        "thought",
    ),
    *(
        "function_call",
        "functionCall",
        "thoughtSignature",
        "refusal",
        "reasoning",
        "thinking",
        "role",
        "parts",
    ),
)
"""Names that mean something on some wire."""

BYTES = (
    *(b"\x00", b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\x1f\x8b", b"\\ud83d", b"\\ude00"),
    *(b"\n", b"\r", b"\r\n\r\n", b"\n\n", b":", b"<", b"{", b"}", b"[", b"]", b'"', b"\\", b","),
    *(b"data:", b"data: ", b"event: error\n", b"data: [DONE]\n\n"),
    *(b"NaN", b"-Infinity", b"0x", b"1e999999", b"1" * 5000, b"[" * 5000, b'{"a":' * 5000),
)
"""What stands between other bytes."""


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The ways to all values within one, and to itself."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield from paths(each, (*path, key))


def stopping(provider: str) -> Any:
    """An event that gives a finish reason, and nothing else."""
    if provider == "responses":  # it has no other event than the last one
        return {"type": "response.completed", "response": {"status": "completed", "output": []}}
    wire = WIRES["bedrock" if provider == "converse" else provider]
    return Body(provider, wire.stopping(), streamed=True).objects[0]


@st.composite
def objects(draw: st.DrawFn, body: Body) -> list[Any]:
    """The JSON of `body` with one to three things wrong in it."""
    found = copy.deepcopy(body.objects)
    if body.streamed and draw(st.booleans()):
        for _ in range(draw(st.integers(1, 2))):
            found.insert(draw(st.integers(0, len(found))), stopping(body.provider))
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.sampled_from(list(paths(found))[1:] or [()]))
        if not place:
            return found
        parent = found
        for key in place[:-1]:
            parent = parent[key]
        _change(draw, found, parent, place[-1])
    return found


def _change(draw: st.DrawFn, found: list[Any], parent: Any, key: Any) -> None:
    kind = draw(st.sampled_from(["replace", "delete", "double", "rename", "swap", "wrap", "join"]))
    value = parent[key]
    if kind == "replace":
        parent[key] = copy.deepcopy(draw(st.sampled_from(WRONG)))
    elif kind == "delete":
        del parent[key]
    elif kind == "wrap":
        parent[key] = [value] if draw(st.booleans()) else {"x": value}
    elif kind == "swap":
        other = draw(st.sampled_from(list(paths(found))))
        for step in other:
            found = found[step]
        parent[key] = copy.deepcopy(found)
    elif isinstance(parent, list):
        parent.insert(draw(st.integers(0, len(parent))), copy.deepcopy(value))
    elif kind == "rename":
        parent[draw(st.sampled_from(WORDS))] = parent.pop(key)
    else:
        parent[draw(st.sampled_from(WORDS))] = copy.deepcopy(draw(st.sampled_from(WRONG)))


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """`content` with a few of its bytes wrong."""
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(["insert", "cut", "delete", "double", "flip"]))
        begin = draw(st.integers(0, len(content)))
        end = min(len(content), begin + draw(st.sampled_from([1, 2, 7, 50, 400])))
        before, within, after = content[:begin], content[begin:end], content[end:]
        if kind == "insert":
            content = before + draw(st.sampled_from(BYTES)) + within + after
        elif kind == "cut":
            content = before
        elif kind == "delete":
            content = before + after
        elif kind == "double":
            content = before + within + within + after
        else:
            content = (
                before + bytes(byte ^ draw(st.integers(1, 255)) for byte in within[:2]) + within[2:] + after
            )
    return content


@st.composite
def wrong(draw: st.DrawFn, *, streamed: bool) -> Body:
    """A body with a few things wrong in its JSON, in its bytes, or in both."""
    body = draw(st.sampled_from([each for each in bodies() if each.streamed is streamed]))
    what = draw(st.sampled_from(["json", "bytes", "both", "json", "json"]))
    content = body.content if what == "bytes" else body.with_objects(draw(objects(body)))
    return Body(body.provider, content if what == "json" else draw(damaged(content)), streamed)


places = st.lists(st.floats(0, 1), max_size=12)
"""Where a body is cut, as shares of its length; none is everywhere."""


def cut(content: bytes, at: list[float]) -> Iterator[bytes]:
    """`content` in pieces."""
    ends = sorted(int(share * len(content)) for share in at) if at else range(1, len(content))
    begin = 0
    for end in [*ends, len(content)]:
        yield content[begin:end]
        begin = end


@st.composite
def mutated(draw: st.DrawFn, value: Any) -> Any:
    """A JSON value with one to three things wrong in it, not at its root."""
    found = [copy.deepcopy(value)]
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.sampled_from(list(paths(found))))
        if len(place) > 1:
            parent: Any = found
            for key in place[:-1]:
                parent = parent[key]
            _change(draw, found, parent, place[-1])
    return found[0]
