"""Bytes to events and answers: decoding, server-sent events, JSON, usage."""
