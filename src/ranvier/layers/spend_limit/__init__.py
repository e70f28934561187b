"""Limits what each tenant spends in a window of time."""

from ranvier.layers.spend_limit.layer import SpendLimit, Unknown
from ranvier.layers.spend_limit.ledger import Account

__all__ = ["Account", "SpendLimit", "Unknown"]
