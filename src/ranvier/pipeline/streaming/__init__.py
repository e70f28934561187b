"""Streamed answers: the path of events from the provider to the reader, and the end of a stream."""
