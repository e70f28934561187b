"""Reads messages, parts and tools from dicts in the format of chat completions or of Anthropic's API.

Every key is translated, passed on or rejected: `Keys` raises for unread keys. Errors name keys,
types and positions, and never quote content.
"""

from ranvier.messages.dicts.message import read_message
from ranvier.messages.dicts.tools import check_choice, read_choice, read_tools

__all__ = ["check_choice", "read_choice", "read_message", "read_tools"]
