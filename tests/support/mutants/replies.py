"""One-line bugs in what an answer has beside its content, each of which a test has to notice."""

from support.mutants.traps import mutant

RECEIVED = "providers/_reading/received.py"
STREAMED = "providers/_reading/streamed.py"
REPLY = "messages/beside/reply.py"

REPLIES = "tests/providers/test_replies.py"
DETAILS = "tests/providers/test_details.py"
PASSED_ON = "tests/pipeline/test_details_passed_on.py"
SAVED = "tests/messages/test_saved_messages.py"

BYTES = "tests/providers/test_odd_bytes.py"
VALUES = "tests/providers/test_odd_values.py"
WRAPPED = "tests/providers/test_wrapped_answers.py"
CROWDED = "tests/providers/test_missing_blank_lines.py"
WAITS = "tests/providers/test_odd_waits.py"
AWS = "tests/providers/test_errors_of_aws.py"
ODD_FOR_SDKS = "tests/integrations/test_transport_odd_answers.py"

MUTANTS = [
    mutant(
        "RP", "only the first piece of a wrapped stream is unwrapped", STREAMED,
        "                self._parse, body = partial(parse_within, wrapper), body[wrapper]",
        "                body = body[wrapper]",
        f"{WRAPPED}::test_a_stream_whose_pieces_are_wrapped_is_read",
    ),
    mutant(
        "RP", "a name behind the data names the event before it", "providers/_reading/sse.py",
        "        if not self._named_late:",
        "        if True:",
        f"{CROWDED}::test_a_name_belongs_to_the_data_beside_it",
    ),
    mutant(
        "RP", "an SDK gets an answer that it cannot read", "providers/_wire/verbatim.py",
        "            if body.lenient and body.error is None:",
        "            if False:",
        f"{ODD_FOR_SDKS}::test_the_next_target_is_asked",
    ),
    mutant(
        "RP", "an SDK gets the end of an answer that was cut off", "providers/_wire/verbatim.py",
        "            if not isinstance(body.error, InvalidResponseError):",
        "            if True:",
        f"{ODD_FOR_SDKS}::test_the_marker_of_the_end_is_not_handed_on_where_the_answer_is_cut_off",
    ),
    mutant(
        "RP", "a limit that is not used up makes a call wait", "providers/_failures/waits.py",
        'if number(headers.get("x-ratelimit-remaining")) in (None, 0.0):',
        "if True:",
        f"{WAITS}::test_the_reset_of_a_limit_that_is_not_used_up_is_no_wait",
    ),
    mutant(
        "RP", "a throttled request counts as invalid", "providers/_failures/classify.py",
        "    if kind is None or (kind is errors.InvalidRequestError and general in _OF_LOAD):",
        "    if kind is None:",
        f"{AWS}::test_a_code_of_a_limit_says_more_than_an_invalid_request",
    ),
    mutant(
        "RP", "a character that was cut by its bytes is lost", "messages/characters.py",
        "_BYTES.sub(_character, text).encode(",
        "text.encode(",
        f"{BYTES}::test_only_the_beginning_of_a_character_is_held",
    ),
    mutant(
        "RP", "a count of zero at the end replaces the real one", "providers/anthropic/events.py",
        "if value or name not in self._usage",
        "if value is not None",
        f"{VALUES}::test_a_count_of_zero_replaces_no_other",
    ),
    mutant(
        "RP", "headers with secrets are kept", RECEIVED,
        "        if name is not None:",
        "        if True:",
        f"{REPLIES}::test_headers_are_kept_without_secrets",
    ),
    mutant(
        "RP", "a header that repeats the key is kept", RECEIVED,
        "    return {name: mask(value) for name, value in headers.items()}",
        "    return headers",
        f"{REPLIES}::test_headers_are_kept_without_secrets",
    ),
    mutant(
        "RP", "a body that repeats the key is kept", RECEIVED,
        "        clean = mask(content)",
        "        clean = content",
        f"{REPLIES}::test_a_key_in_the_body_is_masked",
    ),
    mutant(
        "RP", "a reply is pickled", REPLY,
        "        return _nothing, ()",
        "        return Reply, (self.headers, self.raw)",
        f"{REPLIES}::test_nothing_of_a_reply_is_pickled_dumped_or_shown",
    ),
    mutant(
        "RP", "the last event of a stream does not hold the answer", STREAMED,
        "                    self._keep_whole(data)\n",
        "",
        f"{REPLIES}::test_the_events_of_a_stream_are_kept_if_they_are_requested",
    ),
    mutant(
        "RP", "every stream keeps its events", "providers/_wire/adapter.py",
        "        if call.request.keep_raw:",
        "        if True:",
        f"{REPLIES}::test_the_events_of_a_stream_are_kept_if_they_are_requested",
    ),
    mutant(
        "RP", "a whole answer to a stream loses its reply", "providers/_wire/endings.py",
        "        self.details.request_id, self.details.reply = kept.request_id, kept.reply\n",
        "",
        f"{REPLIES}::test_a_whole_answer_to_a_stream_is_kept_whole",
    ),
    mutant(
        "RP", "the id of a request that was cut off is lost", "pipeline/streaming/streamed_answer.py",
        "                attempt.request_id = attempt.request_id or collector.details.request_id",
        "                pass",
        f"{PASSED_ON}::test_a_stream_that_breaks_has_the_id_of_its_request",
    ),
    mutant(
        "RP", "the last event has no details", "messages/collector.py",
        "            usage=self.usage,\n            details=self.details,",
        "            usage=self.usage,",
        f"{PASSED_ON}::test_details_pass_through_a_pipeline",
    ),
    mutant(
        "RP", "tokens with their probabilities are taken for text alone",
        "providers/chat_completions/fragments.py",
        '    more = more or choice.get("logprobs")\n',
        "",
        f"{DETAILS}::test_a_streamed_answer_has_the_same",
    ),
    mutant(
        "RP", "sources are told as often as the grounding is repeated", "providers/gemini/details.py",
        "            citations[self._recited :] = grounded",
        "            citations.extend(grounded)",
        f"{DETAILS}::test_a_streamed_answer_has_the_same",
    ),
    mutant(
        "RP", "a loaded response has no refusal, tier and id", "messages/saved/answers.py",
        'details = Details(list(beside.pop("citations")), list(beside.pop("logprobs")), **beside)',
        'details = Details(list(beside.pop("citations")), list(beside.pop("logprobs")))',
        f"{SAVED}::test_any_response_is_loaded_as_it_was",
    ),
]  # fmt: skip  # because: a row reads kind, bug, file; line; mutation; tests
"""RP what is kept of a reply, and read beside the content."""
