"""One-line bugs in which targets a call may reach, each of which a test has to notice."""

from support.mutants.traps import mutant

ALLOW = "pipeline/asking/allow.py"
LEFT = "layers/fallback/targets_left.py"
CAPABLE = "pipeline/asking/capable.py"
EVENTS = "pipeline/streaming/bounded_events.py"
LACKING = "providers/_wire/lacking.py"
VERDICT = "layers/fallback/verdict.py"

UNLISTED = "tests/layers/test_unlisted_models.py"
RULE = "tests/pipeline/test_allow.py"
LACKS = "tests/layers/test_capabilities.py"
RESTARTING = "pipeline/streaming/restarting.py"
RESTARTS = "tests/pipeline/test_restarts.py"
SKIPPED = f"{LACKS}::test_a_target_that_lacks_something_is_skipped"

MUTANTS = [
    mutant(
        "R1", "a rule that answers nonsense allows", ALLOW,
        "        if answer is True:",
        "        if not answer or answer is True or answer == 1:",
        f"{RULE}::test_a_rule_that_fails_rejects",
    ),
    mutant(
        "R1", "what a route sends is not held to the rule", ALLOW,
        "        error = self.refusal(call)\n",
        "        error = None\n",
        f"{RULE}::test_a_route_of_your_own_is_held_to_the_rule",
        f"{RULE}::test_no_request_ever_reaches_a_rejected_target",
    ),
    mutant(
        "R1", "a further key is not asked about", "pipeline/credentials/key_rotation.py",
        "        if call.pipeline.allow is not None:\n            fresh",
        "        if False:\n            fresh",
        f"{RULE}::test_a_rejected_key_gives_way_to_an_allowed_one",
    ),
    mutant(
        "R1", "a hedge is taken from the budget of a rejected target", LEFT,
        "            if self._refused and target in self._refused:",
        "            if False:",
        f"{RULE}::test_a_hedge_goes_to_an_allowed_target_and_costs_no_budget_elsewhere",
    ),
    mutant(
        "R1", "a call leaves its gate for a rejected target", LEFT,
        "        if self._refused:\n            return",
        "        if False:\n            return",
        f"{RULE}::test_a_call_waits_at_its_gate_if_the_later_target_is_not_allowed",
    ),
    mutant(
        "R1", "only one reason is told", VERDICT,
        "    if not asked:\n",
        "    if not failures:\n",
        f"{RULE}::test_if_all_are_rejected_one_error_names_every_reason",
    ),
    mutant(
        "R1", "the text of the rule's error is shown", ALLOW,
        "allow= raised {type(answer).__name__}",
        "allow= raised {answer}",
        f"{RULE}::test_a_rule_that_fails_rejects",
    ),
    mutant(
        "R2", "a request with tools counts as plain", CAPABLE,
        "    if request.tools or",
        "    if",
        f"{SKIPPED}[tools]",
    ),
    mutant(
        "R2", "a picture in a tool's result is overlooked", LACKING,
        "part.parts if isinstance(part, ToolResult) else (part,)",
        "(part,)",
        f"{SKIPPED}[a picture of a tool]",
    ),
    mutant(
        "R2", "a window is held to four characters a token", "messages/size.py",
        "CHARACTERS_PER_TOKEN = 8",
        "CHARACTERS_PER_TOKEN = 4",
        f"{LACKS}::test_what_may_be_served_is_sent",
        f"{LACKS}::test_a_window_that_you_give_is_held",
    ),
    mutant(
        "R2", "a model without a row takes only text", "providers/_models/capabilities.py",
        "    return next(rows, False)",
        "    return next(rows, True)",
        f"{LACKS}::test_what_may_be_served_is_sent",
    ),
    mutant(
        "R2", "a provider that fails to say what it lacks fails the call", CAPABLE,
        "    except PLAIN_FAILURES:",
        "    except OSError:",
        f"{LACKS}::test_a_provider_of_your_own_may_say_what_it_lacks",
    ),
    mutant(
        "R3", "the reader is not told that the text is void", RESTARTING,
        "        return StreamEvent(restarted=True)",
        "        return await self._stream.__anext__()",
        f"{RESTARTS}::test_the_next_target_answers_from_the_beginning",
        f"{RESTARTS}::test_cut_anywhere_the_answer_is_that_of_one_attempt",
    ),
    mutant(
        "R3", "tools are run twice", RESTARTING,
        "        if self._tools.whole and not self._after_tools:",
        "        if False:",
        f"{RESTARTS}::test_nothing_is_repeated_after_a_whole_tool_call_unless_asked",
    ),
    mutant(
        "R3", "a brace in a string ends the arguments", "pipeline/streaming/tools_shown.py",
        "        if self._quoted:\n",
        "        if False:\n",
        f"{RESTARTS}::test_nothing_is_repeated_after_a_whole_tool_call_unless_asked",
    ),
    mutant(
        "R3", "breaks are no retries of their target", "layers/fallback/resume.py",
        "        directed.attempt, contestant.broken = broken.number, broken.error",
        "        directed.attempt, contestant.broken = 1, broken.error",
        f"{RESTARTS}::test_breaks_count_as_the_retries_of_a_target",
    ),
    mutant(
        "R3", "a target that the call has left is asked again", "layers/fallback/resume.py",
        "for each in flat(chain) if each.target in tried]",
        "for each in flat(chain) if each == call.record.broken.target]",
        f"{RESTARTS}::test_targets_that_were_asked_before_are_not_asked_again",
    ),
    mutant(
        "R3", "half an answer looks whole after a cancelled restart", RESTARTING,
        "            self._stream._lost = LOST_BY_CANCELLATION",
        "            pass",
        f"{RESTARTS}::test_a_cancelled_restart_leaves_nothing",
    ),
    mutant(
        "R3", "a closing pipeline seems idle during a restart", RESTARTING,
        "            self._lifecycle.calls[self.call.record] = self.reading",
        "            pass",
        f"{RESTARTS}::test_a_drain_waits_for_a_restart",
        f"{RESTARTS}::test_a_cancelled_restart_leaves_nothing",
    ),
    mutant(
        "R3", "the call of a restarted stream ends twice", RESTARTING,
        "        if not self._over:",
        "        if True:",
        f"{RESTARTS}::test_whenever_it_is_ended_nothing_is_left",
    ),
    mutant(
        "R3", "two answers of a pipeline behind a provider are put together",
        "messages/collector.py",
        "    if not isinstance(event, StreamEvent) or event.restarted:",
        "    if not isinstance(event, StreamEvent):",
        f"{RESTARTS}::test_a_restart_behind_a_provider_is_a_break_of_that_provider",
    ),
    mutant(
        "R4", "models that callers name are remembered without end", "layers/fallback/targets.py",
        "            if len(self._known) > MAX_UNLISTED:",
        "            if False:",
        f"{UNLISTED}::test_a_million_models_take_bounded_memory",
    ),
    mutant(
        "R4", "models that callers name replace circuits of listed ones", "layers/breaker/shared/targets.py",
        "            if name not in self._listed and ",
        "            if ",
        f"{UNLISTED}::test_a_million_models_take_bounded_memory",
    ),
    mutant(
        "R4", "a model that a caller names opens the circuit of a listed one", "layers/breaker/models.py",
        "            if len(models) > 1 or layer.takes_any_model:",
        "            if len(models) > 1:",
        f"{UNLISTED}::test_its_circuit_is_its_own",
    ),
]  # fmt: skip  # because: a row reads kind, bug, file; line; mutation; tests
"""R1 `allow=`, R2 what targets lack, R3 streams that are restarted, R4 models that are not listed."""
