"""The rules that every provider has to keep, as a class of tests to inherit from."""

from __future__ import annotations

from ranvier.testing.contract.answers import Answers
from ranvier.testing.contract.failures import Failures
from ranvier.testing.contract.leaving import Leaving
from ranvier.testing.contract.oddities import Oddities
from ranvier.testing.contract.secrecy import Secrecy

__all__ = ["ProviderContract"]


class ProviderContract(Answers, Oddities, Failures, Leaving, Secrecy):
    r"""Proves that an adapter keeps the rules: inherit from it, and give it bytes of your wire.

        class TestMyProvider(ProviderContract):
            whole = b'{"text": "Hello."}'
            streamed = b'data: {"text": "Hel"}\n\ndata: {"text": "lo."}\n\ndata: {"end": true}\n\n'

            def provider(self, url):
                return MyProvider(base_url=url)

    The tests run it against a real server on loopback: typed errors only; a stream is whole only with
    its terminal event, and says what the whole answer says; a cancellation closes the socket; the key
    is sent, and shown nowhere; the record is right. They are plain functions that need no plugin.
    """
