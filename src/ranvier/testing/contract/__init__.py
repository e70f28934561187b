"""The rules that every provider must follow, as a class of tests to inherit from."""

from __future__ import annotations

from ranvier.testing.contract.answers import Answers
from ranvier.testing.contract.failures import Failures
from ranvier.testing.contract.leaving import Leaving
from ranvier.testing.contract.oddities import Oddities
from ranvier.testing.contract.secrecy import Secrecy

__all__ = ["ProviderContract"]


class ProviderContract(Answers, Oddities, Failures, Leaving, Secrecy):
    r"""Tests that an adapter follows the rules: inherit from it, and provide response bodies of your API.

        class TestMyProvider(ProviderContract):
            whole = b'{"text": "Hello."}'
            streamed = b'data: {"text": "Hel"}\n\ndata: {"text": "lo."}\n\ndata: {"end": true}\n\n'

            def provider(self, url):
                return MyProvider(base_url=url)

    The tests run it against a real server on loopback. They check that it raises only typed errors; that
    a stream is complete only with its terminal event, and equals the whole answer; that cancelling closes
    the socket; that the key is sent, and shown nowhere; and that the record is right. They are sync
    functions that need no plugin.
    """
