"""What a refusal complains of: which setting of the request, and what is wrong with it.

Some servers name the field beside their words, most within them, and each has words of its own.
Sources: the vendors' SDKs and documentation, recorded bodies, and reports with the body in them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from ranvier.providers._fixes import given
from ranvier.providers._reading import Json
from ranvier.providers._said import parse, read

MAX_TEXT: Final = 2_000


class Complaint(NamedTuple):
    """What a refusal says.

    Attributes:
        text: Its words, in lower case.
        names: The fields that it names apart from its words, in lower case; often none.
    """

    text: str
    names: frozenset[str]

    @classmethod
    def of(cls, content: object) -> Complaint:
        """What the body of a refusal says: its bytes, or its parsed JSON."""
        said = read(parse(content))
        steps = re.split(r"[.,\s\[\]]+", " ".join(said.params).lower())
        return cls(" ".join((*said.codes, said.message))[:MAX_TEXT].lower(), frozenset(filter(None, steps)))


# --- what a complaint is about -------------------------------------------------------------------


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
    "verbosity": _word("verbosity"),
    "parallel_tool_calls": _word("parallel_?tool_?calls|parallel tool calls"),
    "stream_options": _word("stream_?options|include_usage"),
    "tool_choice": _word("tool_?choice"),
}
"""How servers call each setting, in their fields and in their sentences."""

REFUSED: Final = re.compile(
    r"unsupported|(?:not|n't|never) (?:currently |yet )?(?:be )?(?:support|permit|allow|accept|enabled"
    r"|available|used|specified|set\b|take|configurable|recogni[sz]ed)|unrecognized|unknown|unexpected"
    r"|extra[_ ](?:input|field|forbidden)|additional propert|deprecated|no longer|only the default"
    r"|only [\d.]+ is allowed|cannot find field|may only be|cannot (?:both )?be"
    r"|must be (?:unset|omitted|removed)"
)
"""The field is not taken at all, or not with any value but its default."""

CONDITIONAL: Final = re.compile(
    r"\b(?:when|if|unless|together|both|requires?|while|alongside|combin\w+|without)\b"
)
"""It may be taken in another request: such a fix is made and not remembered."""

LISTING: Final = re.compile(
    r"(?<!not )\b(?:supported|allowed|valid|permitted|known|expected|accepted) "
    r"(?:parameters|fields|arguments|keys|names|options|values)\b"
)
"""From here on a refusal says what is taken."""

RANGE: Final = re.compile(
    r"maximum|minimum|at most|at least|up to|less than|greater than|between|range|exceed|above|below|limit"
    r"|too (?:large|high|big|small|low)|higher|larger|lower|<=|>=|≤|≥|> ?\d"
)
"""The value is out of bounds."""

NUMBER: Final = re.compile(
    r"(?<![\w.\-/])-?(?:\d{1,3}(?:,\d{3}){1,4}|\d{1,15}(?:\.\d{1,15})?)(?![\w\-]|[.,]\d)"
)
"""A number that is no part of a model's name."""

ALLOWANCE: Final = re.compile(r"per (?:min|day|hour|second)|\btpm\b|credits|afford")
"""It is about what may be used in a time, or be paid, and not about one answer."""


def concerned(complaint: Complaint, fields: Json) -> tuple[str, ...]:
    """The settings of the request that it is about: those that it names apart, else those in its words."""
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
"""Fields that say what is asked, of whom: whatever is wrong with one of them has no fix."""

CONVERSATION: Final = re.compile(r"(?:messages|contents|input)[.\[]\d")
"""A place in the conversation."""


def numbers(text: str) -> list[float]:
    """The numbers in a sentence, without those in the names of models."""
    return [float(each.replace(",", "")) for each in NUMBER.findall(text)]
