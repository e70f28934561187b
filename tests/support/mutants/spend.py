"""One-line bugs in spend limits, each of which a test has to notice."""

from support.mutants.traps import ATTEMPT, mutant

LEDGER = "layers/spend_limit/ledger.py"
BOUNDS = "layers/spend_limit/bounds.py"
PURSE = "layers/spend_limit/purse.py"
RATES = "layers/spend_limit/rates.py"
LAYER = "layers/spend_limit/layer.py"

MACHINE = "tests/layers/test_spend_ledger.py::TestSpending"
LEDGERS = "tests/layers/test_spend_ledger.py"
BOUNDED = "tests/layers/test_spend_bounds.py"
LIMITED = "tests/layers/test_spend_limit.py"
EDGES = "tests/layers/test_spend_edges.py"
STORM = f"{LIMITED}::test_a_thousand_calls_never_exceed_the_last_cent"

MUTANTS = [
    mutant(
        "P1", "concurrent calls overshoot by their number", LEDGER,
        "        window.add(tenant, amount, amount)",
        "        window.add(tenant, 0, amount)",
        MACHINE, STORM,
    ),
    mutant(
        "P1", "a reservation settles twice", LEDGER,
        "        window, self._window = self._window, None",
        "        window = self._window",
        MACHINE,
    ),
    mutant(
        "P1", "a wall clock that steps back begins a window twice", LEDGER,
        "        if number > self._window.number:",
        "        if number != self._window.number:",
        MACHINE,
    ),
    mutant(
        "P1", "what cost nothing takes memory", LEDGER,
        "            if total:",
        "            if True:",
        f"{LEDGERS}::test_a_call_that_cost_nothing_takes_no_memory",
    ),
    mutant(
        "P1", "new tenants are admitted without end", LEDGER,
        "        if tenant not in committed and len(committed) >= self.max_tenants:",
        "        if False:",
        f"{LEDGERS}::test_tenants_beyond_the_most_are_rejected",
    ),
    mutant(
        "P1", "an attempt that was cut costs nothing", PURSE,
        "        return self._reserved.amount if attempt.billable else 0",
        "        return 0",
        f"{LIMITED}::test_what_was_cut_settles_at_its_reservation",
    ),
    mutant(
        "P1", "a rejected request costs its reservation", PURSE,
        "        return self._reserved.amount if attempt.billable else 0",
        "        return self._reserved.amount",
        f"{LIMITED}::test_what_was_cut_settles_at_its_reservation",
    ),
    mutant(
        "P1", "a usage that is not the last counts as the cost", RATES,
        "    if usage is None or not usage.complete:",
        "    if usage is None:",
        f"{LIMITED}::test_what_was_cut_settles_at_its_reservation",
    ),
    mutant(
        "P1", "a provider that rejects after content is not paid", "pipeline/reporting/recorder.py",
        "        if attempt.first_token is None and not error.billable:",
        "        if not error.billable:",
        f"{LIMITED}::test_a_refusal_after_the_first_content_settles_at_its_reservation",
    ),
    mutant(
        "P1", "what an overshoot leaves admits attempts that seem free", LEDGER,
        "        if amount > left or not left:",
        "        if amount > left:",
        MACHINE,
    ),
    mutant(
        "P1", "cached input is reserved at the price of plain input", RATES,
        "max(plain, read, written))",
        "plain)",
        f"{LIMITED}::test_money_is_counted_at_the_price_of_the_target",
    ),
    mutant(
        "P1", "a whole answer is not settled", ATTEMPT,
        "response.usage, response.details.request_id)\n    finally:\n        timer.end()\n",
        "response.usage, response.details.request_id)\n    finally:\n        payments = None\n",
        f"{LIMITED}::test_the_real_cost_replaces_the_reservation",
    ),
    mutant(
        "P1", "a stream is not settled", ATTEMPT,
        "        stream.on_end(lambda outcome: payments.settle())",
        "        pass",
        f"{LIMITED}::test_the_real_cost_replaces_the_reservation",
    ),
    mutant(
        "P1", "what a streamed request reserves is released when it is sent", ATTEMPT,
        "            payments.attempt = attempt\n        call.watch.sent(call, attempt, timer, streamed=s",
        "            payments.settle()\n        call.watch.sent(call, attempt, timer, streamed=s",
        f"{LIMITED}::test_the_real_cost_replaces_the_reservation",
    ),
    mutant(
        "P1", "the first of two limits keeps what the second does not admit", "pipeline/asking/payments.py",
        "        except BaseException:\n            self.settle()\n",
        "        except BaseException:\n",
        f"{EDGES}::test_what_a_second_limit_rejects_after_a_wait_is_not_reserved_in_the_first",
    ),
    mutant(
        "P1", "a hedge that does not fit is counted as sent", "layers/fallback/hedge.py",
        "    while target is not None and not affordable(call := race.call.to(target)):",
        "    while target is not None and not (call := race.call.to(target)):",
        f"{LIMITED}::test_a_hedge_that_does_not_fit_is_not_sent",
    ),
    mutant(
        "P1", "a retry that does not fit is waited for", "layers/retry/layer.py",
        "        if delay is not None and not affordable(call):",
        "        if False:",
        f"{LIMITED}::test_a_retry_that_does_not_fit_is_not_sent",
    ),
    mutant(
        "P1", "a repair that does not fit hides the mismatch", "pipeline/asking/schema_repair.py",
        "(LocalCapacityError, SpendLimitExceededError, InvalidRequestError)",
        "(LocalCapacityError, InvalidRequestError)",
        f"{LIMITED}::test_a_repair_that_does_not_fit_is_not_asked_for",
    ),
    mutant(
        "P1", "a larger limit in extra is not seen", BOUNDS,
        "    sent += [limit for each in fields for limit in _limits_in(each, None)]\n",
        "    sent = sent or [*_limits_in(request.extra, None), *_limits_in(target.options, None)]\n",
        f"{BOUNDED}::test_the_largest_output_limit_that_might_be_sent_counts",
    ),
    mutant(
        "P1", "characters are counted, not bytes", BOUNDS,
        'len(text.encode("utf-8", "surrogatepass"))',
        "len(text)",
        f"{BOUNDED}::test_the_bound_is_at_least_every_byte_that_is_sent",
    ),
    mutant(
        "P1", "the results of tools cost nothing", BOUNDS,
        "            yield from part.parts",
        "            yield from ()",
        f"{BOUNDED}::test_the_bound_is_at_least_every_byte_that_is_sent",
    ),
    mutant(
        "P1", "tools of the provider are bounded by their definition", BOUNDS,
        "    if isinstance(tool, WireTool):",
        "    if False:",
        f"{BOUNDED}::test_what_has_no_bound_says_why",
    ),
    mutant(
        "P1", "a later target that is too dear counts as one that admits", LAYER,
        "        return all(purse.fits(call) for purse",
        "        return all(True for purse",
        f"{LIMITED}::test_a_later_target_that_is_too_dear_is_none_to_wait_less_for",
    ),
    mutant(
        "P1", "windows begin when the process did", LAYER,
        "        self._offset = clock.since_epoch(pipeline.loop) - pipeline.clock()",
        "        self._offset = -pipeline.clock()",
        f"{LIMITED}::test_windows_begin_at_multiples_since_the_epoch",
    ),
    mutant(
        "P1", "a connection that was refused is paid for", "providers/_http/aiohttp_engine/errors.py",
        "        failure.billable = not isinstance(error, aiohttp.ClientConnectorError)\n",
        "",
        "tests/providers/engines/test_refused_connections.py",
    ),
    mutant(
        "P1", "a connection that was refused is paid for", "providers/_http/httpx_engine/errors.py",
        "        failure.billable = not isinstance(error, library.ConnectError)\n",
        "",
        "tests/providers/engines/test_refused_connections.py",
    ),
    mutant(
        "P1", "a second pipeline aligns the windows anew", LAYER,
        "        elif self._offset is None:",
        "        else:",
        f"{EDGES}::test_a_second_pipeline_does_not_begin_a_window",
    ),
    mutant(
        "P1", "what was in flight on a closed loop stays reserved", LAYER,
        "            self.ledger.settle_all()\n",
        "",
        f"{EDGES}::test_what_was_in_flight_on_a_closed_loop_settles_at_its_reservation",
    ),
    mutant(
        "P1", "a call waits in the queue of a target that is too dear", "layers/fallback/keys.py",
        "        check(call)  #",
        "        pass  #",
        f"{EDGES}::test_a_target_that_is_too_dear_is_not_queued_for",
    ),
    mutant(
        "P1", "a usage of nothing costs nothing", RATES,
        "        return max(total, entered + left) or None",
        "        return max(total, entered + left)",
        f"{LIMITED}::test_a_nonsensical_usage_settles_at_the_reservation",
    ),
    mutant(
        "P1", "a negative usage gives money back", RATES,
        "    if min(entered, left, total, read, written) < 0:",
        "    if False:",
        f"{LIMITED}::test_a_nonsensical_usage_settles_at_the_reservation",
    ),
    mutant(
        "P1", "an output limit for another provider counts", BOUNDS,
        "            if within is None or name in within:",
        "            if True:",
        f"{BOUNDED}::test_the_largest_output_limit_that_might_be_sent_counts",
    ),
    mutant(
        "P1", "a context window bounds the input", BOUNDS,
        "    return tokens + size.images * each",
        "    return min(tokens + size.images * each, target.context_window or 10**9)",
        f"{BOUNDED}::test_images_count_by_the_most_that_their_vendor_counts",
    ),
    mutant(
        "P1", "a dropped stream stays reserved", ATTEMPT,
        "        stream.on_end(lambda outcome: payments.settle())",
        "        stream.on_end(lambda outcome: payments.settle() if outcome.value != 'abandoned' else None)",
        f"{EDGES}::test_a_dropped_stream_settles_at_its_reservation",
    ),
    mutant(
        "P1", "a cost of another target is reserved", PURSE,
        "        if self._target is not target:",
        "        if self._target is None:",
        f"{LIMITED}::test_a_dearer_target_is_passed_over_with_the_reason",
    ),
    mutant(
        "P1", "a repair reserves what the first request would cost", PURSE,
        "            self._request, self._size, self._target = request, size_of(request), None",
        "            self._request, self._size = request, size_of(request)",
        f"{LIMITED}::test_a_repair_reserves_what_it_costs",
    ),
]  # fmt: skip
