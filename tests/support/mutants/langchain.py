"""One-line bugs in what meets LangChain, each of which a test has to notice."""

from support.mutants.traps import mutant

HISTORY = "integrations/langchain/history.py"
ANSWERS = "integrations/langchain/answers.py"
CHAT_MODEL = "integrations/langchain/chat_model.py"
TOOLS = "integrations/langchain/tools.py"
PROVIDER = "integrations/langchain/behind/provider.py"
RECEIVED = "integrations/langchain/behind/received.py"
SETTINGS = "integrations/langchain/behind/settings.py"
FAILURES = "integrations/langchain/behind/failures.py"
BLOCKS = "integrations/langchain/blocks.py"
WRITTEN_BLOCKS = "integrations/langchain/behind/written_blocks.py"

OURS = "tests/langchain/test_chat_model.py"
THEIRS = "tests/langchain/test_from_langchain.py"
FAILED = "tests/langchain/test_failures.py"
READ = "tests/langchain/test_blocks.py"
WRITTEN = "tests/langchain/test_written_blocks.py"

MUTANTS = [
    mutant(
        "LC1", "an answer that was changed goes back as it was", HISTORY,
        "    return answer if unchanged else None",
        "    return answer",
        f"{OURS}::test_an_answer_that_was_changed_goes_back_as_it_is_now",
    ),
    mutant(
        "LC1", "signatures are lost", ANSWERS,
        "    return {**refusal, SAVED: dump([response.message])} if opaque else refusal",
        "    return refusal",
        f"{OURS}::test_reasoning_goes_back_to_its_provider_as_it_was",
    ),
    mutant(
        "LC1", "a result of a tool that failed looks like any other", HISTORY,
        'message.status == "error"',
        "False",
        f"{OURS}::test_a_conversation_arrives_with_all_that_it_holds",
    ),
    mutant(
        "LC2", "a setting of the call gives way to that of the model", CHAT_MODEL,
        "            options[OURS.get(name, name)] = value",
        "            options.setdefault(OURS.get(name, name), value)",
        f"{OURS}::test_settings_of_the_call_take_precedence_over_those_of_the_model",
    ),
    mutant(
        "LC2", "the choice of any tool is left to the model", TOOLS,
        '        return "required"',
        '        return "auto"',
        f"{OURS}::test_the_choice_of_a_tool_is_translated",
    ),
    mutant(
        "LC3", "a cut stream is a whole answer", PROVIDER,
        "        if whole.raw_finish_reason is None and self._finish_reasons:",
        "        if False:",
        f"{THEIRS}::test_a_stream_without_a_finish_reason_is_whole_if_the_user_says_so",
    ),
    mutant(
        "LC3", "retries of the chat model add to those of the layers", PROVIDER,
        "    if retries != 0:",
        "    if retries:",
        f"{THEIRS}::test_retries_of_its_own_are_rejected",
    ),
    mutant(
        "LC3", "a setting that the chat model has not is left out", SETTINGS,
        "        if field is None:",
        "        if field is None and (field := name) is None:",
        f"{THEIRS}::test_the_next_target_is_asked_what_the_chat_model_cannot_be_asked",
    ),
    mutant(
        "LC4", "calls of tools without an index are one call", RECEIVED,
        'len(self._calls) if piece.get("id") else len(self._calls) - 1',
        "0",
        f"{THEIRS}::test_calls_of_tools_without_an_index_are_told_apart",
    ),
    mutant(
        "LC4", "a key stands in an error", FAILURES,
        "            secret=self._secrets,",
        "            secret=None,",
        f"{FAILED}::test_the_error_of_the_sdk_is_found_below_that_of_the_chat_model",
    ),
    mutant(
        "LC5", "a key of a block that nobody reads is lost", BLOCKS,
        "    if keeps:",
        "    if False:",
        f"{READ}::test_what_has_no_equivalent_is_rejected",
    ),
    mutant(
        "LC5", "a text is sent as the PDF that LangChain takes it for", BLOCKS,
        '    if url.startswith("data:") and media_type == PDF:',
        "    if False:",
        f"{READ}::test_a_block_arrives_as_a_part",
    ),
    mutant(
        "LC5", "a call stands twice in the history", BLOCKS,
        '        if kind in CALLS and not calls.isdisjoint((block.get("id"), block.get("call_id"))):',
        "        if False:",
        f"{READ}::test_an_answer_of_another_chat_model_goes_on_here",
    ),
    mutant(
        "LC5", "a saved answer gives instructions", HISTORY,
        '    if len(answers) != 1 or answers[0].role != "assistant":',
        "    if len(answers) != 1:",
        f"{OURS}::test_an_answer_that_was_forged_is_rejected",
    ),
    mutant(
        "LC5", "an edited call is sent as it was", HISTORY,
        '        return bool(given["args"] == dict(call.arguments))',
        "        return True",
        f"{OURS}::test_an_answer_that_was_changed_goes_back_as_it_is_now",
    ),
    mutant(
        "LC6", "a part of another API is sent", WRITTEN_BLOCKS,
        "        return self._fields.of_wire(part, *WIRES.get(self._vendor, (part.wire,)))",
        "        return self._fields.of_wire(part, part.wire)",
        f"{WRITTEN}::test_the_next_target_is_asked_what_a_chat_model_cannot_be_sent",
    ),
    mutant(
        "LC6", "a chat model that rejects a block ends the call", PROVIDER,
        "            if self._failures.mapped(error) is None and _holds_media(call.request):",
        "            if False:",
        f"{WRITTEN}::test_a_chat_model_that_raises_for_a_block_is_passed_over",
    ),
    mutant(
        "LC6", "an error inside a 200 is a mistake of the program", FAILURES,
        "            if (body := _body_of_an_answer(each)) is not None:",
        "            if (body := None) is not None:",
        f"{FAILED}::test_an_error_inside_an_answer_is_read",
    ),
    mutant(
        "LC6", "thoughts are an answer", RECEIVED,
        "    if _says_nothing(message):",
        "    if False:",
        f"{THEIRS}::test_an_answer_without_content_is_empty",
    ),
    mutant(
        "LC6", "a tenant gets the cached answer of another", CHAT_MODEL,
        '        return {"targets": self._targets(), "tenant": tenant, **settings}',
        '        return {"targets": self._targets(), **settings}',
        f"{OURS}::test_a_cache_of_langchain_gives_no_tenant_the_answer_of_another",
    ),
    mutant(
        "LC6", "a restarted stream is added to the first", CHAT_MODEL,
        '        if options.get("on_break", "raise") != "raise":',
        "        if False:",
        f"{OURS}::test_a_stream_is_never_restarted",
    ),
    mutant(
        "LC6", "an agent cannot ask for a schema", CHAT_MODEL,
        '            options["schema"] = schema_in(response_format)',
        "            pass",
        f"{OURS}::test_the_response_format_of_an_agent_is_a_schema",
    ),
]  # fmt: skip  # because: a row reads number, bug, file; line; mutation; tests
