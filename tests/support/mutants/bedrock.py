"""One-line bugs in Bedrock's wire and signatures, each of which a test has to notice."""

from support.mutants.traps import mutant

ANSWER = "providers/converse/answer.py"
BLOCK = "providers/converse/block.py"
EVENTS = "providers/converse/events.py"
FRAMES = "providers/converse/frames.py"
MESSAGES = "providers/converse/messages.py"
TOOLS = "providers/converse/tools.py"
CACHING = "providers/converse/caching.py"
WORDS = "providers/_failures/words.py"
ADAPTER = "providers/bedrock/adapter.py"
SIGNING = "providers/bedrock/signing.py"
WIRES = "providers/bedrock/wires.py"

MEDIA = "providers/converse/media.py"
DOCUMENTS = "tests/providers/test_converse_documents.py"
CONVERSE = "tests/providers/test_converse.py"
ACCESS = "tests/providers/test_bedrock.py"

MUTANTS = [
    # --- frames and answers
    mutant(
        "bedrock", "what came before a damaged frame is lost", FRAMES,
        "            if not events:\n                raise", "            raise",
        "tests/simulator/test_simulator_adapter_faults.py::test_an_answer_that_breaks_in_the_middle",
    ),
    mutant(
        "bedrock", "an exception is taken for an event", FRAMES,
        'if headers.get(":message-type") != "event":', 'if headers.get(":message-type") == "error":',
        f"{CONVERSE}::test_an_exception_in_the_stream_is_an_error[throttlingException-RateLimitError]",
    ),
    mutant(
        "bedrock", "the sources of a streamed passage are forgotten", EVENTS,
        "            self.details.citations += passage.citations\n", "",
        "tests/providers/test_details.py::test_a_streamed_answer_has_the_same[asyncio-converse]",
    ),
    mutant(
        "bedrock", "a frame without an end is waited for", FRAMES,
        "        if size > self._limit:\n            raise self._too_long()\n", "",
        f"{CONVERSE}::test_a_frame_that_is_too_long_is_not_waited_for",
    ),
    mutant(
        "bedrock", "the cache is counted as no input", ANSWER,
        'counts.needed("inputTokens") + read + written', 'counts.needed("inputTokens")',
        "tests/providers/test_seven.py::test_an_answer_means_the_same_from_everyone[asyncio-converse]",
    ),
    mutant(
        "bedrock", "a broken tool call is an answer", "providers/_reading/finish_reasons.py",
        '"malformed_tool_use", "malformed_model_output"', '"malformed_model_output"',
        f"{CONVERSE}::test_why_a_model_stopped",
    ),
    mutant(
        "bedrock", "bytes are joined as text", BLOCK,
        'base64.b64encode(content).decode()', '"".join(pieces)',
        f"{CONVERSE}::test_the_same_blocks_in_pieces_are_the_same_parts",
    ),
    # --- requests
    mutant(
        "bedrock", "thoughts without a signature go back", MESSAGES,
        "    if not isinstance(reasoning, dict):\n        return True", "    return True",
        f"{CONVERSE}::test_thoughts_without_a_signature_do_not_go_back",
    ),
    mutant(
        "bedrock", "tools that may not be called are offered", TOOLS,
        "config, FURTHER: FORBIDDEN}", "config}",
        f"{CONVERSE}::test_claude_is_forbidden_tools_by_a_field_of_its_own",
    ),
    mutant(
        "bedrock", "marks are added to those of the caller", CACHING,
        "        return\n    if system:", "    if system:",
        f"{CONVERSE}::test_marks_of_the_caller_keep_the_cache_option_out",
    ),
    mutant(
        "bedrock", "two documents of a request have the same name", MEDIA,
        "    taken.add(free)\n", "",
        f"{DOCUMENTS}::test_no_name_is_twice_in_a_request",
    ),
    mutant(
        "bedrock", "a document is sent without a text beside it", MESSAGES,
        'any("document" in block for block in blocks) and not', "False and not",
        f"{DOCUMENTS}::test_a_document_without_a_text_beside_it_is_not_sent",
    ),
    mutant(
        "bedrock", "the class of an error overrules a status that says more", WORDS,
        '"modelerrorexception modelstreamerrorexception"',
        '"modelerrorexception modelstreamerrorexception internalserverexception"',
        f"{CONVERSE}::test_the_class_of_an_error_is_in_a_header",
    ),
    # --- access
    mutant(
        "bedrock", "a named profile is not used where there is a key", ADAPTER,
        "self._prefers_key = profile is None", "self._prefers_key = True",
        f"{ACCESS}::test_a_profile_goes_before_a_key_in_the_environment",
    ),
    mutant(
        "bedrock", "expired credentials are not renewed", SIGNING,
        'reply.status == 401 or named in EXPIRED', 'reply.status == 401',
        f"{ACCESS}::test_expired_credentials_are_looked_up_again",
    ),
    mutant(
        "bedrock", "the account of signatures is another in each process", WIRES,
        "        return self._server.account_for(key)", "        return super().account_for(key)",
        f"{ACCESS}::test_reasoning_goes_back_to_the_same_credentials_after_their_renewal",
    ),
]  # fmt: skip
