"""One-line bugs in the transport for SDKs, each of which a test has to notice."""

from support.mutants.traps import mutant

TARGETS = "integrations/transport/targets.py"
BODY = "integrations/transport/body.py"
BYTE_STREAMS = "integrations/transport/byte_streams.py"
RECOGNITION = "integrations/transport/recognition.py"
VERBATIM = "providers/_wire/verbatim.py"
VERTEX = "providers/vertex/adapter.py"
WRITTEN = "providers/_wire/written_request.py"

TESTS = "tests/integrations/test_transport.py"
ENDPOINTS = "tests/integrations/test_transport_endpoints.py"
SYNC = "tests/integrations/test_sync_transport.py"

MUTANTS = [
    mutant(
        "I1",
        "another target gets the model of the first",
        WRITTEN,
        '        if model == self.model or "model" not in self.fields:',
        "        if True:",
        f"{TESTS}::test_another_endpoint_gets_its_own_key_and_model",
    ),
    mutant(
        "I1",
        "the key of the SDK goes to every target",
        RECOGNITION,
        "NOT_SENT: Final = FRAMING | HOLD_KEYS",
        "NOT_SENT: Final = FRAMING",
        f"{TESTS}::test_a_key_of_the_sdk_goes_nowhere_else",
    ),
    mutant(
        "I2",
        "what a server keeps is looked for elsewhere",
        VERBATIM,
        "    if written.stays_at not in (None, adapter.name):",
        "    if False:",
        f"{TESTS}::test_a_request_that_refers_to_a_server_stays_there",
    ),
    mutant(
        "I2",
        "a stored answer is continued at the first provider",
        TARGETS,
        "        at_owner = [each for each in speaking if each.provider.name == owner]",
        "        at_owner = []",
        f"{TESTS}::test_a_stored_answer_of_another_endpoint_is_continued_there",
    ),
    mutant(
        "I3",
        "a stream that breaks looks like a whole one",
        BYTE_STREAMS,
        "            yield body.failure(error)",
        "            pass",
        f"{TESTS}::test_a_stream_that_breaks_ends_with_an_error",
    ),
    mutant(
        "I3",
        "half an event is handed on before the error",
        BODY,
        "        events = bytes(self._left[:end])",
        "        events = bytes(self._left)",
        f"{TESTS}::test_half_an_event_is_not_handed_on",
    ),
    mutant(
        "I4",
        "a request of a tenant goes to our endpoint",
        VERBATIM,
        "    server = server_of(adapter, call)\n",
        "    server = adapter\n",
        f"{ENDPOINTS}::test_a_tenants_own_endpoint_is_asked",
    ),
    mutant(
        "I4",
        "Claude at Vertex is sent what Anthropic takes",
        VERTEX,
        "        return wire == facts_of(model).provider == GEMINI",
        "        return True",
        f"{ENDPOINTS}::test_claude_at_vertex_is_passed_over",
    ),
    mutant(
        "I5",
        "a whole answer is empty",
        BODY,
        "        return bytes(self._left) + self.reply.take()",
        "        return bytes(self._left)",
        f"{SYNC}::test_a_whole_answer_is_that_of_the_provider",
    ),
    mutant(
        "I6",
        "a stream goes on without its client",
        "integrations/transport/transport.py",
        "(*transports.values(), *self._streams)",
        "transports.values()",
        f"{TESTS}::test_a_stream_ends_with_the_client_that_reads_it",
    ),
    mutant(
        "I6",
        "a stream that was closed with its client ends like a whole one",
        BODY,
        "            return self.failure(ConnectionFailedError",
        "            return b'' and self.failure(ConnectionFailedError",
        f"{TESTS}::test_a_stream_ends_with_the_client_that_reads_it",
    ),
]
