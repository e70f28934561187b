"""What the doctor warns of in the targets: who they are, and how they are reached."""

from __future__ import annotations

import math
from itertools import pairwise
from urllib.parse import urlsplit

from ranvier.cli.doctor.checking import Found, check, family_of
from ranvier.cli.doctor.inspection import NEEDS_NONE, PipelineReport, url_of

MODELS = {
    "anthropic": ("claude",),
    "openai": ("gpt-", "o1", "o3", "o4", "chatgpt", "codex", "ft:"),
    "gemini": ("gemini", "gemma", "learnlm"),
    "kimi": ("kimi", "moonshot"),
    "glm": ("glm-", "charglm", "codegeex"),
}
"""How the ids of a vendor's models begin."""


# --- targets -------------------------------------------------------------------------------------


@check
def same_target(patient: PipelineReport) -> Found:
    """A target is its own fallback."""
    for chain in patient.chains[:1]:
        names = [target.target for target in chain]
        for name in dict.fromkeys(name for name in names if names.count(name) > 1):
            yield name, "it is its own fallback: what fails it once fails it again", "name another target"


@check
def shared_base_url(patient: PipelineReport) -> Found:
    """A fallback is at the same base URL as the primary, and down when that is."""
    for primary, *others in patient.chains[:1]:
        url = url_of(primary)
        for other in others:
            if url is not None and other.target != primary.target and url_of(other) == url:
                why = f"it is at the same base URL as {primary}, and down when that is"
                yield other.target, why, "add a target of another provider"


@check
def smaller_window(patient: PipelineReport) -> Found:
    """A fallback is passed over for prompts that are too long for the target before it."""
    for chain in patient.chains[:1]:
        for before, after in pairwise(chain):
            if (after.context_window or math.inf) <= (before.context_window or 0):
                why = f"a prompt too long for {before} is not sent to it, whose window is no larger"
                yield after.target, why, "add a target with a larger context_window"


@check
def unknown_model(patient: PipelineReport) -> Found:
    """The id is not like those of its vendor."""
    for target in patient.targets:
        family, provider = family_of(target), target.provider
        if getattr(provider, "base_url", None) != getattr(provider, "default_base_url", ""):
            continue
        starts = MODELS.get(family, ())
        if starts and not target.model.startswith(starts):
            yield target.target, f"its models begin with {' or '.join(starts)}", "look the model's id up"
        if family == "openrouter" and "/" not in target.model:
            yield target.target, "its models are called vendor/model", "look the model's id up"


@check
def no_key(patient: PipelineReport) -> Found:
    """There is no key for a target, which is then passed over."""
    for target in patient.targets:
        if patient.keys[target.target] is None:
            variables = " or ".join(getattr(target.provider, "environment", ())) or "api_key=..."
            yield target.target, "there is no key, so that every call passes it over", f"set {variables}"


@check
def key_over_http(patient: PipelineReport) -> Found:
    """A key is sent unencrypted to another machine."""
    for target in patient.targets:
        url, key = url_of(target) or "", patient.keys[target.target]
        if url.startswith("http://") and key not in (None, NEEDS_NONE) and not _loopback(url):
            yield target.target, "its key travels unencrypted to another machine", "use https://"


@check
def unreachable(patient: PipelineReport) -> Found:
    """A base URL cannot be reached from here."""
    for target in patient.targets:
        url = url_of(target)
        seen = patient.reach.get(url or "")
        if seen is not None and seen.failed is not None:
            where = url if seen.proxy is None else f"the proxy {seen.proxy}"
            why = f"{where} cannot be reached: {seen.failed}"
            yield target.target, why, "look at the address, the network, or a proxy"


def _loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return host in ("localhost", "::1") or host.startswith("127.")
