"""Turns bytes into events and answers: decoding, Server-Sent Events, JSON, usage."""
