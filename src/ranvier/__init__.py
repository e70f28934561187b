"""LLM calls that keep going.

pipeline = resilient("anthropic/claude-sonnet-5", "openai/gpt-5.2")

async with pipeline:
    with tenant("acme"):
        answer = await pipeline.complete("Why do nodes of Ranvier exist?")
"""

from ranvier import providers as _providers  # noqa: F401  # because: importing them registers their names
from ranvier.clock import deadline
from ranvier.errors import *  # noqa: F403  # because: every error is public, and errors.py lists them
from ranvier.errors import __all__ as _errors
from ranvier.messages import *  # noqa: F403  # because: every message type is public, and messages.py lists them
from ranvier.messages import __all__ as _messages
from ranvier.pipeline import SHARED, Credentials, Deployment, Layer, Pipeline, Place
from ranvier.presets import resilient
from ranvier.tenancy import current_tenant, tenant

__version__ = "0.1.0"

__all__ = [
    "SHARED",
    "Credentials",
    "Deployment",
    "Layer",
    "Pipeline",
    "Place",
    "current_tenant",
    "deadline",
    "resilient",
    "tenant",
    *_messages,
    *_errors,
]
