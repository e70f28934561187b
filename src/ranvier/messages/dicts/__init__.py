"""Messages, parts and tools as dicts, in the words of chat completions or of Anthropic's API.

Every key is translated, passed on or rejected: `Keys` raises for each that nobody took. Errors name keys,
types and positions, and never quote content.
"""

from ranvier.messages.dicts.message import read_message
from ranvier.messages.dicts.tools import check_choice, read_choice, read_tools

__all__ = ["check_choice", "read_choice", "read_message", "read_tools"]
