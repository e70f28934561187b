"""Integrations: ranvier below or above LangChain, pydantic-ai and the official SDKs."""

from ranvier.integrations.transport.sync_transport import SyncTransport, sync_transport
from ranvier.integrations.transport.transport import Transport, transport

__all__ = ["SyncTransport", "Transport", "sync_transport", "transport"]
