"""Decides whether a rejection concerns the conversation, which every target rejects, or only this target.

The rule: a rejection that names anything but the conversation itself (a setting, a tool, a schema, an
image, a part that another provider wrote, an id's format, a size) concerns only this target, so another
may answer. The code looks first for a named field, outside the message or in it, and then for phrases.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ranvier.providers._failures.error_body import MAX_TEXT, ErrorBody
from ranvier.providers._failures.shown import MAX_CODE


def _names(words: str) -> frozenset[str]:
    return frozenset(map(_plain, words.split()))


def _plain(name: str) -> str:
    """A field name in a normalized spelling: `maxOutputTokens` equals `max_output_tokens`."""
    return name.replace("_", "").replace("-", "").lower()


# --- the fields of a request ---------------------------------------------------------------------

CONVERSATION = _names("messages message input inputs contents content prompt system system_instruction")
"""The fields of the conversation, in any API."""

_FOREIGN = _names(
    """signature thought_signature encrypted_content reasoning reasoning_content reasoning_details thinking
    thought redacted_thinking extra_content cache_control citations annotations phase id call_id tool_call_id
    tool_use_id name source image image_url input_image inline_data file_data file file_id input_file
    input_audio audio video document media_type mime_type detail video_metadata"""
)
"""Fields in a conversation that depend on the provider: opaque state, ids, names of tools, media."""

_UNIQUE = """messages contents max_tokens max_completion_tokens max_output_tokens max_new_tokens num_predict
    num_ctx temperature top_p top_k min_p stop_sequences seed candidate_count presence_penalty
    frequency_penalty repetition_penalty logit_bias logprobs top_logprobs response_logprobs response_format
    response_schema response_json_schema response_mime_type json_schema tools tool_choice tool_config
    function_declarations parallel_tool_calls reasoning_effort output_config thinking_budget thinking_level
    thinking_config enable_thinking budget_tokens generation_config stream_options service_tier
    prompt_cache_key prompt_cache_retention cache_control safety_settings safety_identifier
    web_search_options context_management mcp_servers previous_response_id cached_content guided_json
    chat_template_kwargs input_schema reasoning_content web_search extra_body verbosity modalities"""
"""Field names that are recognized anywhere in a message: they are not ordinary words."""

_MARKED = f"""{_UNIQUE} input inputs content prompt system system_instruction n stop metadata format
    options functions function_call reasoning effort thinking think stream store audio prediction container
    betas speed include truncation conversation background strict parameters labels provider models route
    role parts text tool_calls tool_call_id tool_use tool_result function_response"""
"""Field names that are recognized where the message marks them as a field."""

_KNOWN = _names(_MARKED)
_ROLES = _names("role parts text tool_calls tool_call_id tool_use tool_result function_response")
_STEP = r"(?:\.?\[[^\]\s]{0,40}\]|\.[A-Za-z0-9_$*-]{1,60})"
_PATH = rf"([A-Za-z_$][A-Za-z0-9_-]{{0,60}}{_STEP}{{0,12}})"
_QUOTE = "[`'\"\u2018\u2019\u201c\u201d]"
_NOUN = r"(?:parameter|field|argument|property|option|keyword|header|unknown name)s?"

_CALLED_A_FIELD = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\b{_NOUN}(?: supplied| provided| name)?:? {{0,2}}{_QUOTE}{_PATH}{_QUOTE}",
        rf"{_QUOTE}{_PATH}{_QUOTE} {_NOUN}\b",
        rf"\b{_NOUN}(?: supplied| provided| found)?: {{1,2}}{_PATH}$",
        rf"(?:^|[\s:])`?{_PATH}`? ?参数",
    )
)
"""Text that calls a name a field: it is one, known or not."""

_READS_LIKE_A_FIELD = (
    re.compile(rf"^[*\s]*(?:GenerateContentRequest\.)?{_PATH}: "),
    re.compile(rf"{_QUOTE}{_PATH}{_QUOTE}"),
    re.compile(rf"\b(?:invalid|unknown|missing|unsupported) {_PATH}(?=[:\s,.]|$)"),
)
"""Text in which a name looks like a field: it is one if it is known."""

_SPELLED = "|".join(
    name.replace("_", "_?") for name in sorted(_UNIQUE.split(), key=len, reverse=True)
)  # this matches `maxOutputTokens` too, because case is ignored
_ANYWHERE = re.compile(rf"(?<![a-z0-9_])((?:{_SPELLED}){_STEP}{{0,12}})(?![a-z0-9_])", re.IGNORECASE)
_LOC = re.compile(r"'loc': [(\[]([^)\]]{1,200})")  # pydantic's error as text, as vLLM passes it on


def field_named(body: ErrorBody) -> str:
    """The field of the request that an error names, as it is spelled there; empty if it names none."""
    return next((field for field in _fields(body) if _steps(field)), "")[:MAX_CODE]


def _fields(body: ErrorBody) -> Iterator[str]:
    yield from body.params
    message = body.message[:MAX_TEXT]
    if located := _LOC.search(message):
        steps = (step.strip(" '\"") for step in located[1].split(","))
        yield ".".join(step for step in steps if step and step != "body")
    for pattern in _CALLED_A_FIELD:
        yield from (found[1] for found in pattern.finditer(message))
    for pattern in _READS_LIKE_A_FIELD:
        yield from (found[1] for found in pattern.finditer(message) if _is_known(found[1]))
    yield from (found[1] for found in _ANYWHERE.finditer(message))


def _steps(field: str) -> list[str]:
    """The names in a path, without numbers and without names for the request itself."""
    steps = [_plain(step) for step in re.split(r"[^A-Za-z0-9_-]+", field) if not step.isdigit()]
    return [step for step in steps if step and step not in _REQUEST]


_REQUEST = _names("body request generatecontentrequest query header")


def _is_known(path: str) -> bool:
    steps = _steps(path)
    return bool(steps) and steps[0] in _KNOWN


# --- phrases -------------------------------------------------------------------------------------

_ONLY_HERE = re.compile(
    # opaque state: a signature, encrypted reasoning, a stored item, a cache
    r"signature|encrypted|could not be verified|redacted_thinking|reasoning_content|thinking.{0,20} blocks?\b"
    r"|reasoning (?:item|content|block|part)|of type .?reasoning|previous[_ ]response|cached[_ ]?content"
    r"|\b(?:item|response|cache|container|file)s? (?:with id )?'?[a-z]{2,10}[_-].{0,60}not (?:be )?found"
    # a modality, or the size of a picture
    r"|\bimages?\b|image_url|\bpictures?\b|\bphotos?\b|\baudio\b|\bvideos?\b|\bpdfs?\b|\bvision\b|multi-?modal"
    r"|\bmodal(?:ity|ities)?\b|\bmedia\b|mime.?type|file_(?:id|data|uri)|\bfile (?:size|type|format|input)"
    r"|\bdocument (?:block|source|content|part|page)s?|\bpixels?\b|unexpected item type|content type"
    # the API of this server
    r"|unknown variant|extra (?:inputs|fields)|not permitted|unrecogni[sz]ed|cannot find field|no such field"
    r"|(?:unknown|unexpected) (?:name|field|parameter|key|argument|property|option|keyword|type)\b"
    r"|n[o']t (?:currently |yet |be )?support|unsupported|not implemented|additional propert|deprecated"
    r"|only supports?\b|only .{0,40} (?:is|are) supported"
    r"|does not work with|not enabled|not (?:currently )?available|\bunavailable|requires? --|incompatible"
    r"|cannot be used (?:with|together)|mutually exclusive|cannot both|must be verified"
    # the format of an id, the name of a tool
    r"|\bids?\b[^.]{0,80}\b(?:must (?:be a-z|match|start|begin)|pattern|format|too long|characters"
    r"|begins? with)"
    r"|(?:function|tool)[_ ]names?\b"
    # a limit on the input or on the output
    r"|too (?:long|large|many|big)\b|\bat most\b|exceed|above (?:the )?max|(?:larger|longer) than\b"
    r"|more than \d\d|\bmaxlength\b"
    # something on the web that this server cannot load
    r"|(?:cannot|can't|could not|unable to|failed to|error while) (?:fetch|download)"
    r"|up to \d|less than or equal|maximum (?:\w+ ){0,3}(?:is|of|length|number|size|value|tokens?|allowed)"
    r"|上限|超过"
)
"""Phrases for something that only this target rejects, even in a part of the conversation."""

_OF_A_SETTING = re.compile(
    r"\bschemas?\b|response format|structured output|grammar|\$ref|json mode|\btools\b|tool choice"
    r"|\bthinking\b|(?:function|tool) calling|sampling|reasoning effort|stop sequences?"
)
"""Phrases about a setting, for errors that name no field."""

_IN_ORDER = re.compile(r"not found|did not|without|preceding|previous|corresponding|respond")
"""Phrases for a result without its call: the conversation is broken, although the error names an id."""


def rejected_only_here(body: ErrorBody, field: str) -> bool:
    """True if only this target would reject the request."""
    text = body.text
    if _ONLY_HERE.search(text):
        return True
    steps = _steps(field)
    if not steps:
        return bool(_OF_A_SETTING.search(text))
    if steps[0] in CONVERSATION:
        return not _FOREIGN.isdisjoint(steps[1:]) and not _IN_ORDER.search(text)
    return steps[0] not in _ROLES


def names_the_model(body: ErrorBody) -> bool:
    """True if the field named outside the message is the model itself."""
    return [_steps(field) for field in body.params] == [["model"]]


# --- sizes ---------------------------------------------------------------------------------------

_REQUESTED = re.compile(r"\blimit:? ?([0-9][0-9,]{0,15})\b.{0,80}?\brequested:? ?([0-9][0-9,]{0,15})")
_RATE = re.compile(r"\b(?:[tr]p[mdhs]|per (?:min|minute|day|hour|second))\b")
_ALONE = re.compile(
    r"request too large for|request (?:body|entity|payload)? ?(?:is |was )?too large"
    r"|payload (?:is )?too large"
    r"|(?:payload|request|body) size exceeds|maximum request size|max size:? \d"
    # OpenRouter: a 402 for the maximum cost of this request
    r"|can only afford|more credits, or fewer max_tokens|prompt tokens limit exceeded"
)


def exceeds_alone(body: ErrorBody) -> bool:
    """True if the request alone is larger than a limit of the key, so waiting does not help.

    False for a limit that is used up, such as `Used 900, Requested 200` of `Limit 1000`.
    """
    text = body.text
    if (found := _REQUESTED.search(text)) and _RATE.search(text):
        limit, requested = (int(number.replace(",", "")) for number in found.groups())
        return requested > limit > 0
    return bool(_ALONE.search(text)) or "tokens_limit_reached" in body.codes  # GitHub Models
