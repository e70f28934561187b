"""Reads an error reply: which setting of the request it is about, and what is wrong with it.

Some servers name the field in a separate attribute, most in the message, and each in its own phrases.
Sources: the vendors' SDKs and documentation, recorded bodies, and reports that quote the body.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from ranvier.providers._failures.error_body import parse, read
from ranvier.providers._reading.reading import Json
from ranvier.providers._repairs.places import given

MAX_TEXT: Final = 2_000


class Complaint(NamedTuple):
    """The content of an error reply.

    Attributes:
        text: Its codes and message, in lower case.
        names: The fields that it names outside the message, in lower case; often none.
    """

    text: str
    names: frozenset[str]

    @classmethod
    def of(cls, content: object) -> Complaint:
        """Read the body of an error reply: its bytes, or its parsed JSON."""
        body = read(parse(content))
        steps = re.split(r"[.,\s\[\]]+", " ".join(body.params).lower())
        return cls(" ".join((*body.codes, body.message))[:MAX_TEXT].lower(), frozenset(filter(None, steps)))


# --- the setting that a complaint is about -------------------------------------------------------


def _word(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![a-z0-9_])(?:{pattern})(?![a-z0-9_])")


WORDS: Final[Mapping[str, re.Pattern[str]]] = {
    "max_tokens": _word(
        r"max_?(?:completion_?|output_?|new_?)?tokens|num_predict|maximum tokens|max(?:imum)? output tokens"
        r"|(?:output|completion) tokens|max_tokens_to_sample"
    ),
    "temperature": _word("temperature"),
    "top_p": _word("top_?p"),
    "top_k": _word("top_?k"),
    "min_p": _word("min_?p"),
    "stop": _word(r"""stop[_ ]?sequences?|['"`]stop['"`]|stop(?= is | parameter)|parameters?:? stop"""),
    "seed": _word("seed"),
    "n": _word(r"""['"`]n['"`]|candidate_?count|multiple candidates"""),
    "presence_penalty": _word("presence_?penalty|presence penalty|penalty is not enabled"),
    "frequency_penalty": _word("frequency_?penalty|frequency penalty|penalty is not enabled"),
    "repetition_penalty": _word("repetition_?penalty|repeat_penalty"),
    "logit_bias": _word("logit_?bias"),
    "logprobs": _word("(?:response_?)?logprobs"),
    "top_logprobs": _word("top_?logprobs"),
    "reasoning_effort": _word(
        r"(?:reasoning[_. ]?)?effort|thinking[_ ]?level|think|think value|thinking\.level"
    ),
    "thinking": _word(r"thinking(?![_ ]?(?:level|budget))|thinking_?config|thinking[_ ]?budget"),
    "reasoning": _word(r"reasoning"),
    "cache": _word("cache_?control|prompt_?cache_?options"),
    "cache_key": _word("prompt_?cache_?key"),
    "verbosity": _word("verbosity"),
    "parallel_tool_calls": _word("parallel_?tool_?calls|parallel tool calls"),
    "stream_options": _word("stream_?options|include_usage"),
    "tool_choice": _word("tool_?choice"),
}
"""The names that servers use for each setting, in fields and in messages."""

REJECTED: Final = re.compile(
    r"unsupported|(?:not|n't|never) (?:currently |yet )?(?:be )?(?:support|permit|allow|accept|enabled"
    r"|available|used|specified|set\b|take|configurable|recogni[sz]ed)|unrecognized|unknown|unexpected"
    r"|extra[_ ](?:input|field|forbidden)|additional propert|deprecated|no longer|only the default"
    r"|only [\d.]+ is allowed|cannot find field|may only be|cannot (?:both )?be"
    r"|must be (?:unset|omitted|removed)"
)
"""The field is not accepted at all, or only with its default value."""

CONDITIONAL: Final = re.compile(
    r"\b(?:when|if|unless|together|both|requires?|while|alongside|combin\w+|without)\b"
)
"""The field may be accepted in another request: such a fix is made but not remembered."""

LISTING: Final = re.compile(
    r"(?<!not )\b(?:supported|allowed|valid|permitted|known|expected|accepted) "
    r"(?:parameters|fields|arguments|keys|names|options|values)\b"
)
"""The start of a list of what is accepted."""

RANGE: Final = re.compile(
    r"maximum|minimum|at most|at least|up to|less than|greater than|between|range|exceed|above|below|limit"
    r"|too (?:large|high|big|small|low)|higher|larger|lower|<=|>=|≤|≥|> ?\d"
)
"""The value is out of bounds."""

NUMBER: Final = re.compile(
    r"(?<![\w.\-/])-?(?:\d{1,3}(?:,\d{3}){1,4}|\d{1,15}(?:\.\d{1,15})?)(?![\w\-]|[.,]\d)"
)
"""A number that is not part of a model's name."""

ALLOWANCE: Final = re.compile(r"per (?:min|day|hour|second)|\btpm\b|credits|afford")
"""The complaint is about a rate limit or credits, and not about one answer."""


def concerned(complaint: Complaint, fields: Json) -> tuple[str, ...]:
    """The request's settings that it is about: those in `names`, otherwise those in its text."""
    present = [(name, words) for name, words in WORDS.items() if given(fields, name)]
    named = tuple(name for name, words in present if _is_among(complaint.names, name, words))
    if named or not MEANING.isdisjoint(complaint.names) or CONVERSATION.search(complaint.text):
        return named
    text = LISTING.split(complaint.text)[0]
    return tuple(name for name, words in present if words.search(text))


def _is_among(names: frozenset[str], name: str, words: re.Pattern[str]) -> bool:
    return name in names or any(map(words.fullmatch, names))


MEANING: Final = frozenset(
    (
        *("messages", "input", "contents", "prompt", "system", "systeminstruction", "model"),
        *("tools", "functions", "response_format", "output_format", "responsejsonschema"),
    )
)
"""Fields that carry the meaning of a request: no error in them has a fix."""

CONVERSATION: Final = re.compile(r"(?:messages|contents|input)[.\[]\d")
"""A position in the conversation."""


def numbers(text: str) -> list[float]:
    """The numbers in a text, without those in the names of models."""
    return [float(each.replace(",", "")) for each in NUMBER.findall(text)]
