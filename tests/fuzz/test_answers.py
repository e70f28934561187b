"""Whatever a server sends: an answer that is sound, or an error of ours that is fit to be shown."""

import json
import pickle
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ranvier.messages import FinishReason, Native, Response, ToolCall
from support.fuzz.corpus import ADAPTERS, Body, bodies
from support.fuzz.fuzzing import tried
from support.fuzz.mutating import cut, places, wrong
from support.fuzz.reading import Outcome, assert_goes_back, outcome, told


def assert_sound(result: Outcome) -> None:
    """What is promised of answers and errors, whatever was sent."""
    if not isinstance(result, Response):
        assert_fit_to_be_shown(result)
        result = getattr(result, "received", None) or Response()
    assert isinstance(result.text, str)
    assert isinstance(result.reasoning, str)
    assert result.finish_reason is None or isinstance(result.finish_reason, FinishReason)
    for call in result.tool_calls:
        assert isinstance(call, ToolCall)
        assert (type(call.id), type(call.name), type(call.arguments)) == (str, str, dict)
        assert call.id
    assert_can_be_encoded(result)
    assert all(isinstance(part, int) for part in vars_of(result.usage).values())
    assert repr(result)
    assert pickle.loads(pickle.dumps(result)).text == result.text


def assert_can_be_encoded(answer: Response) -> None:
    """No text of it holds half of a character."""
    texts: list[Any] = [answer.text, answer.reasoning, answer.id, answer.model, answer.raw_finish_reason]
    for call in answer.tool_calls:
        texts += [call.id, call.name, dict(call.arguments), call.invalid]
    texts += [dict(part.data) for part in answer.parts if isinstance(part, Native)]
    json.dumps(texts, ensure_ascii=False).encode()


def vars_of(value: Any) -> dict[str, Any]:
    """The fields of an object with slots."""
    return {name: getattr(value, name) for name in value.__slots__}


def assert_fit_to_be_shown(error: Any) -> None:
    """One printable line, not long, and without the key; so is the start of the body that it keeps."""
    for text, longest in ((str(error), 500), (error.body_preview or "", 500)):
        assert len(text) <= longest
        assert text.isprintable(), text
        assert "sk-fuzz" not in text
    assert error.__cause__ is None
    assert error.retry_after is None or 0 <= error.retry_after < 1e16
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_the_corpus_is_understood() -> None:
    """What is mutated below is read well before that: else nothing behind the first error would be tried."""
    read = [outcome(each.provider, [each.content], streamed=each.streamed) for each in bodies()]
    for result in read:
        assert_sound(result)
    assert sum(isinstance(result, Response) for result in read) > 0.8 * len(read)


@tried(150)
@given(wrong(streamed=False))
def test_a_whole_body_is_an_answer_or_an_error(body: Body) -> None:
    """With whatever wrong in it; and what is an answer can be sent back."""
    result = outcome(body.provider, [body.content], streamed=False)
    assert_sound(result)
    if isinstance(result, Response):
        assert_goes_back(result)


@tried(150)
@given(wrong(streamed=True), places)
def test_a_stream_is_an_answer_or_an_error_however_it_is_cut(body: Body, at: list[float]) -> None:
    """With whatever wrong in it; and wherever the network cuts it, it is the same one."""
    result = outcome(body.provider, [body.content], streamed=True)
    assert_sound(result)
    if isinstance(result, Response):
        assert_goes_back(result)
    again = outcome(body.provider, cut(body.content, at), streamed=True)
    assert again == result or told(again) == told(result)


@tried(60)
@given(wrong(streamed=True), st.sampled_from(sorted(ADAPTERS)), st.booleans())
def test_everyone_reads_what_is_meant_for_another(body: Body, provider: str, streamed: bool) -> None:
    """A base_url that points to the wrong server gives errors, and at worst an answer that is sound."""
    assert_sound(outcome(provider, [body.content], streamed=streamed))


STATUSES = [100, 204, 302, 400, 401, 404, 413, 429, 500, 503, 529, 599, 999]
HEADERS = ["retry-after", "retry-after-ms", "date", "x-request-id", "location", "x-should-retry"]
VALUES = ["5", "-5", "nan", "1e400", "9" * 400, "Wed, 25 Nov 2026 02:00:00 GMT", "sk-fuzz\x00é\ud800"]


@tried(100)
@given(
    wrong(streamed=False) | wrong(streamed=True),
    st.sampled_from(STATUSES),
    st.dictionaries(st.sampled_from(HEADERS), st.sampled_from(VALUES) | st.text(max_size=20)),
)
def test_a_refusal_is_an_error_whatever_it_says(body: Body, status: int, headers: dict[str, str]) -> None:
    """With any body, status and headers."""
    result = outcome(body.provider, [body.content], streamed=False, status=status, headers=headers)
    assert_sound(result)
    assert not isinstance(result, Response) or 200 <= status < 300


@tried(100)
@given(st.binary(max_size=300), st.sampled_from(sorted(ADAPTERS)), st.booleans())
def test_any_bytes_are_an_error(content: bytes, provider: str, streamed: bool) -> None:
    """Noise is no answer of anybody."""
    result = outcome(provider, [content], streamed=streamed)
    assert_sound(result)
    assert not isinstance(result, Response)
