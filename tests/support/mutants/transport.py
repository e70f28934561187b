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
REFUSALS = "tests/integrations/test_transport_refusals.py"
STATE = "tests/integrations/test_transport_server_state.py"
REQUESTS = "tests/integrations/test_transport_requests.py"

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
    mutant(
        "I6",
        "a stream goes on without its synchronous client",
        "integrations/transport/sync_transport.py",
        "(*transports.values(), *self._streams)",
        "transports.values()",
        f"{SYNC}::test_a_stream_ends_with_the_client_that_reads_it",
    ),
    mutant(
        "I10",
        "the first target of a balance gets every request",
        TARGETS,
        "            return None if start is speaking[0] and written.stays_at is None else start.target",
        "            return start.target",
        f"{ENDPOINTS}::test_a_balance_spreads_the_requests_of_an_sdk",
    ),
    mutant(
        "I10",
        "a balance moves what one server keeps",
        TARGETS,
        "            return None if start is speaking[0] and written.stays_at is None else start.target",
        "            written.stays_at = None\n            return None",
        f"{STATE}::test_a_conversation_goes_on_where_it_is_stored",
    ),
    mutant(
        "I10",
        "the parameters of a tool keep a request at one server",
        "integrations/transport/server_state.py",
        "isinstance(value.get(name), str | list) and value[name]",
        "value.get(name)",
        f"{STATE}::test_names_of_the_user_refer_to_no_server",
    ),
    mutant(
        "I8",
        "a refusal is an error of ours",
        VERBATIM,
        "    if plain is not None and isinstance(answer, ContentFilterError):",
        "    if False:",
        f"{REFUSALS}::test_a_refusal_is_handed_on_as_its_provider_wrote_it",
    ),
    mutant(
        "I8",
        "a response in the background is begun again and again",
        VERBATIM,
        "    answer = _promised(plain, written) or adapter",
        "    answer = adapter",
        f"{REFUSALS}::test_a_response_in_the_background_is_handed_on_at_once",
    ),
    mutant(
        "I9",
        "the session of AWS goes to every target",
        RECOGNITION,
        " and not header.startswith(SIGNED)",
        "",
        f"{REQUESTS}::test_a_signature_of_aws_goes_nowhere_else",
    ),
    mutant(
        "I9",
        "the mark of the end of an event is missed where a chunk ends in it",
        BODY,
        "        searched = max(0, len(self._left) - MAX_END)",
        "        searched = len(self._left)",
        f"{REQUESTS}::test_an_event_in_many_chunks_is_handed_on_whole",
    ),
    mutant(
        "I9",
        "what a target of another API says hides why the others failed",
        "errors/all_failed.py",
        "        able = [error for error in self.exceptions if not _cannot_serve(error)]",
        "        able = [*self.exceptions]",
        f"{ENDPOINTS}::test_the_error_is_that_of_the_target_that_was_asked",
    ),
]
