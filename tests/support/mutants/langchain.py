"""One-line bugs in what meets LangChain, each of which a test has to notice."""

from support.mutants.traps import mutant

HISTORY = "integrations/langchain/history.py"
ANSWERS = "integrations/langchain/answers.py"
CHAT_MODEL = "integrations/langchain/chat_model.py"
TOOLS = "integrations/langchain/tools.py"
PROVIDER = "integrations/langchain/provider.py"
RECEIVED = "integrations/langchain/received.py"
SETTINGS = "integrations/langchain/settings.py"
FAILURES = "integrations/langchain/failures.py"

OURS = "tests/langchain/test_chat_model.py"
THEIRS = "tests/langchain/test_from_langchain.py"

MUTANTS = [
    mutant(
        "LC1", "an answer that was changed goes back as it was", HISTORY,
        "    return answer if unchanged else None",
        "    return answer",
        f"{OURS}::test_an_answer_that_was_changed_goes_back_as_it_is_now",
    ),
    mutant(
        "LC1", "signatures are lost", ANSWERS,
        "    return {SAVED: dump([response.message])} if opaque else {}",
        "    return {}",
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
        "        if end.raw_finish_reason is None and self._finish_reasons:",
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
        f"{THEIRS}::test_the_error_of_the_sdk_is_found_below_that_of_the_chat_model",
    ),
]  # fmt: skip  # because: a row reads number, bug, file; line; mutation; tests
