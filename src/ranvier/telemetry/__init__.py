"""Who watches."""

from ranvier.telemetry.logging import LoggingListener

__all__ = ["LoggingListener"]
