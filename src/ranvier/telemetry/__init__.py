"""Listeners and layers that report calls: standard logging and OpenTelemetry."""

from ranvier.pipeline.reporting.logging import LoggingListener
from ranvier.telemetry.opentelemetry import OpenTelemetry

__all__ = ["LoggingListener", "OpenTelemetry"]
