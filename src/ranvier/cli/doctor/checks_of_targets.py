"""Checks of the targets: models, keys and addresses."""

from __future__ import annotations

import math
from itertools import pairwise
from urllib.parse import urlsplit

from ranvier.cli.doctor.checking import Problems, check
from ranvier.cli.doctor.inspection import NEEDS_NONE, PipelineReport, url_of

MODELS = {
    "anthropic": ("claude",),
    "openai": ("gpt-", "o1", "o3", "o4", "chatgpt", "codex", "ft:"),
    "gemini": ("gemini", "gemma", "learnlm"),
    "kimi": ("kimi", "moonshot"),
    "glm": ("glm-", "charglm", "codegeex"),
}
"""The prefixes of a vendor's model ids."""


# --- targets -------------------------------------------------------------------------------------


@check
def same_target(report: PipelineReport) -> Problems:
    """A target is its own fallback."""
    for chain in report.chains[:1]:
        names = [target.target for target in chain]
        for name in dict.fromkeys(name for name in names if names.count(name) > 1):
            yield name, "it is its own fallback, so it is likely to fail again", "name another target"


@check
def shared_base_url(report: PipelineReport) -> Problems:
    """A fallback has the same base URL as the primary, and is down when that is."""
    for primary, *others in report.chains[:1]:
        url = url_of(primary)
        for other in others:
            if url is not None and other.target != primary.target and url_of(other) == url:
                why = f"it has the same base URL as {primary}, and is down when that is"
                yield other.target, why, "add a target of another provider"


@check
def unused_override(report: PipelineReport) -> Problems:
    """The name in `overrides` is that of no target, so that its settings are never used."""
    providers = {target.provider.name for target in report.targets}
    known = {*providers, *(target.target for target in report.targets)}
    any_model = any(layer.takes_any_model for layer in report.layers)
    for layer in report.layers:
        for name in layer.overrides:
            if name not in known and not (any_model and name.partition("/")[0] in providers):
                why = f"{type(layer).__name__}(overrides) has settings for it, but it is no target"
                yield name, why, f"correct its name: the targets are {', '.join(map(str, report.targets))}"


@check
def smaller_window(report: PipelineReport) -> Problems:
    """A fallback is skipped for prompts that are too long for the target before it."""
    for chain in report.chains[:1]:
        for before, after in pairwise(chain):
            if (after.context_window or math.inf) <= (before.context_window or 0):
                why = f"a prompt too long for {before} is not sent to it, since its window is no larger"
                yield after.target, why, "add a target with a larger context_window"


@check
def unknown_model(report: PipelineReport) -> Problems:
    """The model id does not look like one of its vendor."""
    for target in report.targets:
        family = target.traits.family
        if target.traits.base_url != getattr(target.provider, "default_base_url", ""):
            continue
        starts = MODELS.get(family, ())
        if starts and not target.model.startswith(starts):
            yield target.target, f"its model ids begin with {' or '.join(starts)}", "look up the model id"
        if family == "openrouter" and "/" not in target.model:
            yield target.target, "its model ids have the form vendor/model", "look up the model id"


@check
def no_key(report: PipelineReport) -> Problems:
    """A target has no key, and is skipped."""
    for target in report.targets:
        if report.keys[target.target] is None:
            variables = " or ".join(target.traits.environment) or "api_key=..."
            yield target.target, "it has no key, so every call skips it", f"set {variables}"


@check
def key_over_http(report: PipelineReport) -> Problems:
    """A key is sent unencrypted to another machine."""
    for target in report.targets:
        url, key = url_of(target) or "", report.keys[target.target]
        if url.startswith("http://") and key not in (None, NEEDS_NONE) and not _loopback(url):
            yield target.target, "its key is sent unencrypted to another machine", "use https://"


@check
def unreachable(report: PipelineReport) -> Problems:
    """A base URL cannot be reached from here."""
    for target in report.targets:
        url = url_of(target)
        seen = report.reach.get(url or "")
        if seen is not None and seen.failed is not None:
            where = url if seen.proxy is None else f"the proxy {seen.proxy}"
            why = f"{where} cannot be reached: {seen.failed}"
            yield target.target, why, "check the address, the network and the proxy"


def _loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return host in ("localhost", "::1") or host.startswith("127.")
