"""One-line bugs in the wire of the Responses API, each of which a test has to notice."""

from support.mutants.traps import mutant

ANSWER = "providers/responses/answer.py"
EVENTS = "providers/responses/events.py"
FIELDS = "providers/responses/fields.py"
KNOWN_FIXES = "providers/_repairs/known_fixes.py"
ITEM = "providers/responses/item.py"
ITEMS = "providers/responses/items.py"
WIRE = "providers/responses/wire.py"
OPENAI = "providers/chat_completions/openai.py"

READ = "tests/providers/test_responses.py"
SENT = "tests/providers/test_responses_sent.py"
UNPIECED = "tests/providers/test_responses_without_pieces.py"
FILLED = f"{READ}::test_what_did_not_come_in_pieces_is_filled_in"

MUTANTS = [
    mutant(
        "W1", "a text that ends without pieces is lost", EVENTS,
        "            if not (item.pieces or item.ended):\n                self._add_words",
        "            if item.ended:\n                self._add_words",
        f"{UNPIECED}::test_a_text_without_pieces_is_kept",
    ),
    mutant(
        "W1", "arguments that are written anew are an error", ITEM,
        "arguments == arguments_in(whole)", "came == whole",
        f"{UNPIECED}::test_arguments_that_are_written_anew_are_the_same",
    ),
    mutant(
        "W2", "pieces that name only their item come twice", EVENTS,
        "for each in (place, label(name), None)", "for each in (place, None)",
        f"{UNPIECED}::test_pieces_may_name_their_item_instead_of_its_place",
    ),
    # --- reading
    mutant(
        "W1", "a response that is still queued is an answer", ANSWER,
        '("queued", "in_progress")', '("in_progress",)',
        f"{READ}::test_a_response_that_is_not_finished_is_no_answer[queued-whole]",
    ),
    mutant(
        "W1", "the error of a failed response is lost", ANSWER,
        "provider_error=told)", "provider_error=None)",
        f"{READ}::test_a_failed_response_is_the_error_in_it[rate-streamed]",
    ),
    mutant(
        "W1", "a refusal without words is an answer", "providers/_reading/finish_reasons.py",
        "        if not answered:\n", "        if not answered and not refusal:\n",
        f"{READ}::test_a_filter_that_leaves_nothing_is_an_error[whole]",
    ),
    mutant(
        "W2", "what came in pieces is told again", ITEM,
        "            return whole[len(came) :]", "            return whole",
        FILLED,
    ),
    mutant(
        "W2", "a lost piece is not noticed", ITEM,
        "        if came.strip().startswith(whole.strip()):", "        if True:",
        f"{READ}::test_words_that_do_not_add_up_are_no_answer",
    ),
    mutant(
        "W2", "a repeated end of an item counts again", EVENTS,
        "        if item.ended:\n            return\n", "",
        FILLED,
    ),
    mutant(
        "W2", "items are matched by their numbers at the end", EVENTS,
        "streamed[kind].popleft() if streamed.get(kind) else self._new(kind)", "self._new(kind)",
        f"{READ}::test_proxies_may_number_items_anew_and_leave_some_out",
    ),
    mutant(
        "W2", "two answers in one stream are joined", EVENTS,
        "        if self._items and given != self._id:", "        if False:",
        f"{READ}::test_two_answers_in_one_stream_are_none",
    ),
    mutant(
        "W2", "paragraphs of reasoning run together", ANSWER,
        'BETWEEN_THOUGHTS: Final = "\\n\\n"', 'BETWEEN_THOUGHTS: Final = ""',
        FILLED,
    ),
    # --- the history
    mutant(
        "W3", "reasoning is sent back without its encrypted content", ITEMS,
        '    if not data.get("encrypted_content"):\n        return None\n', "",
        f"{SENT}::test_reasoning_that_would_be_refused_stays_away",
    ),
    mutant(
        "W3", "reasoning ends a turn", ITEMS,
        '        while items and items[-1].get("type") == "reasoning":', "        while False:",
        f"{SENT}::test_reasoning_that_would_be_refused_stays_away",
    ),
    mutant(
        "W3", "the phase of a message is lost", ITEMS,
        '                if "phase" in part.data:', "                if False:",
        f"{SENT}::test_a_message_keeps_its_phase[whole]",
    ),
    mutant(
        "W3", "rejected reasoning is sent again", "providers/_history/opaque.py",
        '("thinking", "redacted_thinking", "reasoning")', '("thinking", "redacted_thinking")',
        f"{SENT}::test_reasoning_that_its_issuer_refuses_is_left_out",
    ),
    # --- the request
    mutant(
        "W4", "the server keeps the conversation", WIRE,
        '"store": False', '"store": True',
        f"{SENT}::test_nothing_is_stored_and_reasoning_comes_encrypted",
    ),
    mutant(
        "W4", "every model is asked for encrypted reasoning", WIRE,
        "        if reasons(self.rules(call).model):", "        if True:",
        f"{SENT}::test_nothing_is_stored_and_reasoning_comes_encrypted",
    ),
    mutant(
        "W4", "tools are strict without being told to", WIRE,
        '**function, "strict": False, ', "**function, ",
        f"{SENT}::test_tools_and_their_choice_are_flat",
    ),
    mutant(
        "W4", "a field of the caller's is changed in place", FIELDS,
        "    own = dict(more)\n", "    own: Any = more\n",
        f"{SENT}::test_fields_of_chat_completions_have_their_name_here",
    ),
    mutant(
        "W4", "the effort is lost with the summary", KNOWN_FIXES,
        'LeaveOut(("reasoning_summary",))', 'LeaveOut(("reasoning_summary", "reasoning_effort"))',
        f"{SENT}::test_a_summary_that_is_refused_is_left_out",
    ),
    # --- which API
    mutant(
        "W5", "the name of a provider decides which API it speaks", OPENAI,
        "host.endswith(OWN_HOST)", "self.name == self.family",
        f"{SENT}::test_the_host_decides_which_api_is_spoken",
    ),
    mutant(
        "W5", "any host that ends like OpenAI's is OpenAI's", OPENAI,
        'OWN_HOST: Final = ".api.openai.com"', 'OWN_HOST: Final = "api.openai.com"',
        f"{SENT}::test_the_host_decides_which_api_is_spoken",
    ),
    mutant(
        "W5", "what only chat completions can carry is left out", OPENAI,
        'self._api == "auto" and needs_chat(', 'self._api == "chat" and needs_chat(',
        f"{SENT}::test_what_only_chat_can_carry_goes_there",
    ),
    mutant(
        "W5", "a fix for one API is made for the other", OPENAI,
        "Responses(self, self.repairs_of_responses)", "Responses(self, self.repairs)",
        f"{SENT}::test_what_chat_needed_is_not_done_here",
    ),
]  # fmt: skip
