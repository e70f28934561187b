"""Listeners and layers that report calls: standard logging and OpenTelemetry."""

from ranvier.telemetry.logging import LoggingListener
from ranvier.telemetry.opentelemetry import OpenTelemetry

__all__ = ["LoggingListener", "OpenTelemetry"]
