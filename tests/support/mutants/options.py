"""One-line bugs in the options that are named once for all providers: reasoning, caching."""

from support.mutants.traps import Mutant

REASONING = "providers/_models/reasoning.py"
MODELS = "providers/_models/models.py"
CACHING = "providers/_models/caching.py"
FIELDS = "providers/_wire/fields.py"
FIXES = "providers/_repairs/known_fixes.py"
ANTHROPIC = "providers/anthropic/wire.py"
GEMINI = "providers/gemini/wire.py"

BESIDE = "tests/providers/test_reasoning_beside.py"
WISHES = "tests/providers/test_reasoning_option.py"
CACHES = "tests/providers/test_cache_options.py"

MUTANTS = (
    Mutant(
        "thinking", "a budget may be as large as the limit of the answer", REASONING,
        "    return max(least, limit // 2)", "    return tokens",
        (f"{BESIDE}::test_a_budget_of_claude_stays_below_the_limit",),
    ),
    Mutant(
        "thinking", "the default limit of the answer may be below the budget", REASONING,
        "return max(limit, budget + _ROOM)", "return limit",
        (f"{BESIDE}::test_the_limit_that_old_models_get_is_raised_for_a_budget",),
    ),
    Mutant(
        "thinking", "of two levels equally near, the lower is sent", REASONING,
        "-ranks[level])", "ranks[level])", (f"{WISHES}::test_another_value_becomes_the_nearest",),
    ),
    Mutant(
        "thinking", "Claude is sent a forced tool call beside a budget", REASONING,
        'raise NotAcceptedError("together with tool_choice")', "pass",
        (f"{BESIDE}::test_neither_tools_nor_thinking_are_given_up",),
    ),
    Mutant(
        "thinking", "Claude is sent a temperature while it thinks without a budget", REASONING,
        'if kind in ("adaptive", "enabled")', 'if kind in ("enabled",)',
        (f"{BESIDE}::test_claude_takes_no_sampling_while_it_thinks",),
    ),
    Mutant(
        "thinking", "a summary switches thinking on", REASONING,
        'thinks = "thinking" in parameters or starts_with(model, _THINK_UNASKED)', "thinks = True",
        (f"{BESIDE}::test_summaries_are_requested_where_they_are_not_sent_anyway",),
    ),
    Mutant(
        "thinking", "listeners hear of an effort that was not chosen for them", MODELS,
        'isdisjoint(("reasoning", "reasoning_effort"))', 'isdisjoint(("reasoning_effort",))',
        (f"{BESIDE}::test_neither_tools_nor_thinking_are_given_up",),
    ),
    Mutant(
        "thinking", "an option is mixed with fields of the user that say the same", FIELDS,
        "        return any(fixes.given(fields, setting) for fields in (self.settings, *self.fields))",
        "        return False",
        (f"{BESIDE}::test_fields_of_the_user_count", f"{CACHES}::test_fields_of_the_user_count"),
    ),
    Mutant(
        "thinking", "Claude must think in a turn that another model has begun", ANTHROPIC,
        "            del fields[\"thinking\"]", "            pass",
        (f"{BESIDE}::test_a_turn_begun_without_thinking_goes_on_without[claude-haiku-4-5]",),
    ),
    Mutant(
        "thinking", "a refused summary is not given up", FIXES, "    _summary,\n", "",
        (f"{CACHES}::test_summaries_are_given_up_where_the_organization_is_not_verified",),
    ),
    Mutant(
        "caching", "an unknown time becomes a longer one", CACHING,
        "for time in reversed(times)", "for time in times",
        (f"{CACHES}::test_who_caches_by_itself_is_sent_nothing",),
    ),
    Mutant(
        "caching", "a fifth mark is added to those of the user", FIELDS,
        '        del fields["cache_control"]', "        pass",
        (f"{CACHES}::test_marks_in_the_conversation_are_enough",),
    ),
    Mutant(
        "caching", "what a cached content holds is sent beside it", GEMINI,
        "            del fields[name]", "            pass",
        (f"{CACHES}::test_beside_a_cached_content_of_gemini_nothing_stands_twice",),
    ),
)  # fmt: skip
