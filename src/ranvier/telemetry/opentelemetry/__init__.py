"""Spans and metrics for OpenTelemetry. Start with `layer.py`; all names are in `names.py`."""

from ranvier.telemetry.opentelemetry.layer import OpenTelemetry

__all__ = ["OpenTelemetry"]
