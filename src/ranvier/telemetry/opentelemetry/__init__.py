"""Calls, told to OpenTelemetry. Start with `layer.py`; every name stands in `names.py`."""

from ranvier.telemetry.opentelemetry.layer import OpenTelemetry

__all__ = ["OpenTelemetry"]
