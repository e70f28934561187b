"""Adapts a conversation to its target: call ids, tool names, opaque parts."""
