"""Carries calls through layers to a provider. Start with `pipeline.py`, `call.py` and `layer.py`."""

from ranvier.facts.attempt import Attempt
from ranvier.facts.price import Price
from ranvier.facts.story import Story, Wait
from ranvier.pipeline.blocking.circuits import SyncCircuits, SyncSharedCircuits
from ranvier.pipeline.blocking.face import SyncPipeline
from ranvier.pipeline.blocking.run import SyncRun
from ranvier.pipeline.blocking.stream import SyncStream
from ranvier.pipeline.call import Call
from ranvier.pipeline.credentials.access import SHARED, Access
from ranvier.pipeline.credentials.credentials import Credentials
from ranvier.pipeline.deployment import Deployment, Provider, StreamingProvider
from ranvier.pipeline.guard import Guard, Permit
from ranvier.pipeline.layer import Handler, Layer
from ranvier.pipeline.mapping.progress import Progress
from ranvier.pipeline.mapping.result import Result
from ranvier.pipeline.mapping.run import Run
from ranvier.pipeline.outcome import Outcome
from ranvier.pipeline.pipeline import Pipeline
from ranvier.pipeline.place import Place
from ranvier.pipeline.streaming.pending import PendingStream
from ranvier.pipeline.streaming.stream import ResponseStream
from ranvier.pipeline.timing.limits import Limits

__all__ = [
    "SHARED",
    "Access",
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
    "Progress",
    "Provider",
    "ResponseStream",
    "Result",
    "Run",
    "Story",
    "StreamingProvider",
    "SyncCircuits",
    "SyncPipeline",
    "SyncRun",
    "SyncSharedCircuits",
    "SyncStream",
    "Wait",
]
