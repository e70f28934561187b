"""How a call travels. Start with `pipeline.py`, then `call.py`, `layer.py`, and any one layer."""

from ranvier.pipeline.call import Call, Limits
from ranvier.pipeline.credentials import Credentials
from ranvier.pipeline.deployment import Deployment, Provider, StreamingProvider
from ranvier.pipeline.guard import Guard, Permit
from ranvier.pipeline.layer import Handler, Layer, Place
from ranvier.pipeline.outcome import Outcome
from ranvier.pipeline.pending import PendingStream
from ranvier.pipeline.pipeline import Pipeline
from ranvier.pipeline.price import Price
from ranvier.pipeline.record import Attempt
from ranvier.pipeline.resolver import SHARED
from ranvier.pipeline.story import Story, Wait
from ranvier.pipeline.stream import ResponseStream

__all__ = [
    "SHARED",
    "Attempt",
    "Call",
    "Credentials",
    "Deployment",
    "Guard",
    "Handler",
    "Layer",
    "Limits",
    "Outcome",
    "PendingStream",
    "Permit",
    "Pipeline",
    "Place",
    "Price",
    "Provider",
    "ResponseStream",
    "Story",
    "StreamingProvider",
    "Wait",
]
