"""Argument names of other libraries, and what to write in ranvier instead."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
"""The kinds of parameters that can be given by name."""

MESSAGES = "pass the messages as the first argument: complete([...])"
TO = "name the model in a target of the pipeline, 'openai/gpt-5.2'; to='openai/gpt-5.2' starts a call there"
SCHEMA = "write schema=..., which takes a type or a JSON schema"
MAX_TOKENS = "write max_tokens=..."
RETRIES = "give the pipeline a Retry(max_retries=...) layer"
EXTRA = "fields of the wire go into extra={'store': True}, or extra={'openai': {...}} for one provider"
KEY = "give the key to the provider, OpenAI('sk-...'), or the keys of tenants to Pipeline(credentials=...)"

OF_A_CALL = {
    **dict.fromkeys(
        ("messages", "history", "conversation", "contents", "input", "inputs", "message_history"), MESSAGES
    ),
    **dict.fromkeys(("model", "models", "provider", "target", "deployment"), TO),
    **dict.fromkeys(
        ("response_format", "response_model", "response_schema", "output_type", "output_schema", "format"),
        SCHEMA,
    ),
    **dict.fromkeys(
        ("max_output_tokens", "max_completion_tokens", "max_new_tokens", "max_length", "num_predict"),
        MAX_TOKENS,
    ),
    **dict.fromkeys(("retries", "max_retries", "num_retries", "max_attempts"), RETRIES),
    **dict.fromkeys(("api_key", "key", "credential", "credentials"), KEY),
    **dict.fromkeys(("system_prompt", "instructions", "system_instruction"), "write system=..."),
    **dict.fromkeys(("functions", "tool"), "write tools=[...]"),
    **dict.fromkeys(("stop_sequences", "stop_sequence", "stop_words"), "write stop=[...]"),
    **dict.fromkeys(
        ("timeout", "request_timeout", "time_limit"),
        "write deadline=... for the whole call, or give the pipeline a Timeout(...) layer for each attempt",
    ),
    **dict.fromkeys(
        ("fallbacks", "fallback", "fallback_models"),
        "give all targets to the pipeline: Fallback(first, second)",
    ),
    **dict.fromkeys(
        ("user", "tenant_id", "customer"), "write tenant=..., or extra={'user': ...} for the wire"
    ),
    **dict.fromkeys(
        ("top_k", "logprobs"),
        "fields of the wire go into extra={'top_k': 5}, or extra={'openai': {...}} for one provider",
    ),
    **dict.fromkeys(
        (
            *("store", "service_tier", "parallel_tool_calls", "logit_bias", "top_logprobs", "verbosity"),
            *("presence_penalty", "frequency_penalty", "repetition_penalty", "min_p", "modalities", "betas"),
            *("safety_settings", "num_ctx", "keep_alive", "extra_body", "model_kwargs", "options"),
            *("include", "prediction", "web_search_options", "safety_identifier", "mcp_servers"),
            *("output_config", "cached_content"),
        ),
        EXTRA,
    ),
    **dict.fromkeys(
        ("config", "generation_config", "generationConfig", "model_settings", "params"),
        "write each setting as an option: temperature=..., max_tokens=...",
    ),
    **dict.fromkeys(
        ("base_url", "api_base", "api_version", "headers", "extra_headers", "http_client", "client"),
        "give it to the provider: Deployment(OpenAI(base_url=..., http_client=...), 'gpt-5.2')",
    ),
    **dict.fromkeys(
        ("previous_response_id", "conversation_id", "thread_id", "session_id"),
        "pass the whole history as the first argument; messages.dump(history) keeps it",
    ),
    **dict.fromkeys(
        ("images", "image", "files", "file", "documents", "document", "attachments", "pdf"),
        "put it into a message: complete([Message('user', ['What is this?', Image(...)])])",
    ),
    **dict.fromkeys(
        ("callbacks", "callback", "listeners", "hooks"), "give it to the pipeline: Pipeline(listeners=[...])"
    ),
    **dict.fromkeys(
        ("stream", "stream_options", "streaming"), "call pipeline.stream(...), whose last event has the usage"
    ),
    **dict.fromkeys(
        ("max_workers", "workers", "n_jobs", "batch_size", "max_concurrency", "max_concurrent"),
        "write concurrency=... in pipeline.map(prompts), which sends many prompts",
    ),
    **dict.fromkeys(
        ("output", "out", "output_file", "save_to"),
        "write file='answers.jsonl' in pipeline.map(prompts), which sends many prompts",
    ),
    "n": "make one call for each answer",
    "on_break": "only a stream can break after it has begun: pipeline.stream(..., on_break='restart')",
    **dict.fromkeys(("function_call", "tool_config"), "write tool_choice=..."),
    "random_seed": "write seed=...",
    "prompt_cache_key": "write cache_key=...",
    **dict.fromkeys(("cache_control", "prompt_cache_retention"), "write cache=True, or cache='1h'"),
    "drop_params": "what a model rejects is left out in any case, with an event ParameterDropped",
    "repairs": "write repair=1",
    **dict.fromkeys(
        ("reasoning_effort", "thinking", "think", "thinking_budget", "budget_tokens"),
        "write reasoning='high', or a number of tokens",
    ),
}
"""For `complete()` and `stream()`, by the name of the argument."""


def unknown_option(name: str, known: Iterable[str]) -> TypeError:
    """The error for an unknown option of a call."""
    from difflib import get_close_matches  # because only a mistake needs it

    options = [*known, "to", "tenant", "deadline"]
    remedy = OF_A_CALL.get(name)
    if remedy is None and (close := get_close_matches(name, options, 1, 0.75)):
        remedy = f"did you mean {close[0]!r}?"
    if remedy is None:
        remedy = (
            f"the options are {', '.join(options)}; other fields of requests go into extra={{{name!r}: ...}}"
        )
    return TypeError(f"unexpected keyword argument {name!r}: {remedy}")


def reports_missing_prompt(method: F) -> F:
    """Make `method` raise our error, with its remedy, if its prompt is missing: `complete(messages=[...])`.

    Python would raise its own error first, so the prompt gets the default `None`, which the method rejects.
    Type checkers do not see this default, and still require the prompt.
    """
    method.__defaults__ = (None,)  # of `prompt`, the only positional parameter after `self`
    return method


AT_A_CALL = {
    **dict.fromkeys(
        (
            *("system", "max_tokens", "temperature", "top_p", "stop", "tools", "tool_choice", "schema"),
            *("metadata", "reasoning", "seed", "cache", "extra", "tenant"),
        ),
        "pass it to complete() or stream()",
    ),
    **{
        name: f"in complete() or stream(), {OF_A_CALL[name]}"
        for name in ("response_format", "max_completion_tokens", "max_output_tokens", "reasoning_effort")
    },
    **dict.fromkeys(("stream", "streaming"), "call pipeline.stream(...)"),
    **dict.fromkeys(("base_url", "api_base", "headers", "http_client"), OF_A_CALL["base_url"]),
}
"""What is not given when something is built, but at each call, or to a provider."""

OF_A_PIPELINE = {
    **AT_A_CALL,
    **dict.fromkeys(
        ("timeout", "deadline"), "give it a Deadline(...) for the call, a Timeout(...) for attempts"
    ),
    **dict.fromkeys(("retries", "max_retries", "num_retries"), "give it a Retry(max_retries=...) layer"),
    **dict.fromkeys(
        ("model", "models", "targets", "fallbacks"), "give it a Fallback('openai/gpt-5.2', ...) layer"
    ),
    **dict.fromkeys(("api_key", "key", "keys"), KEY),
    **dict.fromkeys(("callbacks", "callback", "hooks", "logger"), "write listeners=[...]"),
    "layers": "pass the layers one by one, or unpack them: Pipeline(*layers)",
}
OF_RESILIENT = {
    **AT_A_CALL,
    **dict.fromkeys(
        ("timeout", "deadline", "retries", "max_retries", "num_retries"),
        "its times and counts are fixed: build a Pipeline(Deadline(...), Fallback(...), Retry(...), ...) to "
        "set them, or write deadline=... at a call",
    ),
    **dict.fromkeys(
        ("model", "models", "targets", "fallbacks"),
        "pass the targets one by one: resilient('openai/gpt-5.2', 'anthropic/claude-sonnet-5')",
    ),
    **dict.fromkeys(("api_key", "key", "keys"), KEY),
    **dict.fromkeys(("callbacks", "callback", "hooks", "logger"), "write listeners=[...]"),
}
OF_A_DEPLOYMENT = {
    **dict.fromkeys(
        (*AT_A_CALL, "extra_body", "params", "settings"),
        "fields of every request go into options={'temperature': 0.5}, in the words of the wire",
    ),
    **dict.fromkeys(("base_url", "api_base", "headers", "http_client"), OF_A_CALL["base_url"]),
    **dict.fromkeys(("api_key", "key"), KEY),
    **dict.fromkeys(("model_name", "model_id"), "write model=..."),
    "weight": "give it to Balance(first, second, weights=[2, 1])",
    "name": "give it to the provider: Deployment(OpenAI(name='openai-eu', base_url=...), 'gpt-5.2')",
}


def unknown_argument(
    function: str, name: str, remedies: Mapping[str, str], known: Iterable[str] = ()
) -> TypeError:
    """The error for an unknown argument of `function`, whose arguments are `known`, if any are given."""
    from difflib import get_close_matches  # because only a mistake needs it

    remedy = remedies.get(name)
    if remedy is None and (close := get_close_matches(name, known, 1, 0.75)):
        remedy = f"did you mean {close[0]!r}?"
    if remedy is None and known:
        remedy = f"it takes {', '.join(known)}"
    return TypeError(
        f"{function}() got an unexpected keyword argument {name!r}{f': {remedy}' if remedy else ''}"
    )


def suggests(**remedies: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Make a function's errors for unknown arguments suggest what to write instead."""

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        parameters = inspect.signature(function).parameters.values()
        known = [each.name for each in parameters if each.kind in NAMED and each.name != "self"]

        @functools.wraps(function)
        def call(*args: P.args, **named: P.kwargs) -> T:
            mistake = next((name for name in named if name not in known), None)
            if mistake is not None:
                named.clear()  # or a traceback might show a key
                name = function.__qualname__.removesuffix(".__init__")
                raise unknown_argument(name, mistake, remedies, known)
            return function(*args, **named)

        call.remedies = remedies  # type: ignore[attr-defined]  # for other ways to name an argument: a file
        return call

    return decorate
