"""One-line bugs in contexts, openings, closings and event loops, each of which a test has to notice."""

from support.mutants.traps import ANSWER, CIRCUIT, EVENTS, PERMIT, REGISTRY, mutant

CONTEXT = "pipeline/reporting/context.py"
DELIVERIES = "pipeline/reporting/deliveries.py"
DROPPED = "pipeline/streaming/dropped.py"
LIFECYCLE = "pipeline/running/lifecycle.py"
LOOPS = "pipeline/running/loops.py"
SHUTDOWN = "pipeline/running/shutdown.py"
TIMERS = "pipeline/timing/timer_wheel.py"
PIPELINE = "pipeline/pipeline.py"
LOOKUPS = "pipeline/credentials/lookups.py"
DOORKEEPER = "layers/throttle/wait_queue.py"
GATE = "layers/throttle/gate.py"
PROVIDER_EVENTS = "pipeline/streaming/provider_events.py"
AIOHTTP = "providers/_http/aiohttp_engine/engine.py"
HTTPX = "providers/_http/httpx_engine/engine.py"
CONNECTIONS = "providers/_http/connections.py"
LOOP_END = "providers/_http/loop_end.py"

CONTEXTS = "tests/pipeline/test_contexts.py"
OPENING = "tests/pipeline/test_opening.py"
CLOSING = "tests/pipeline/test_shutdown.py"
EAGER = "tests/pipeline/test_eager_tasks.py"
DROPS = "tests/pipeline/test_dropped.py"
LOOP = "tests/pipeline/test_loops.py"
CLIENTS = "tests/providers/test_event_loops.py"

MUTANTS = [
    # --- 2: a first open that fails
    mutant(
        "L2", "a pipeline is open though its providers are not", LIFECYCLE,
        '            self.state = "new"\n',
        '            self.state = "open"\n',
        f"{OPENING}::test_a_first_open_that_fails_is_tried_again_at_the_next_call",
    ),
    mutant(
        "L2", "what was opened before stays open", LIFECYCLE,
        "start_task(loop, close_again(opened, loop), None)",
        "start_task(loop, close_again([], loop), None)",
        f"{OPENING}::test_a_first_open_that_fails_is_tried_again_at_the_next_call",
    ),
    mutant(
        "L2", "a provider is opened while it is still being closed", LIFECYCLE,
        "            await asyncio.wait([undoing])",
        "            await asyncio.sleep(0)",
        f"{OPENING}::test_calls_that_come_while_it_is_closed_again_wait_for_that",
    ),
    # --- 4: in whose context
    mutant(
        "L4", "a plain listener runs in whatever context emits", EVENTS,
        "                result = listener(event) if context is None else context.run(listener, event)",
        "                result = listener(event)",
        f"{CONTEXTS}::test_a_stream_that_another_task_reads_is_told_of_in_the_context_of_its_call",
    ),
    mutant(
        "L4", "an async listener runs in the context of whoever spoke first", DELIVERIES,
        "            context = self._left[0][2]",
        "            context = self.__dict__.setdefault('first', self._left[0][2])",
        f"{CONTEXTS}::test_listeners_hear_of_a_call_in_its_own_context",
    ),
    mutant(
        "L4", "a listener has the deadline of the call", CONTEXT,
        "        context.run(forget_deadline)",
        "        pass",
        f"{CONTEXTS}::test_listeners_hear_of_a_call_in_its_own_context",
    ),
    mutant(
        "L4", "the tenant that a call names is not that of its listeners", CONTEXT,
        "        context.run(act_for, tenant)",
        "        pass",
        f"{CONTEXTS}::test_a_listener_acts_for_the_tenant_that_the_call_names",
    ),
    mutant(
        "L4", "the cleanup of a stream runs in the context of nobody", ANSWER,
        "in_background(self._source.aclose(), context, name)",
        "in_background(self._source.aclose(), None, name)",
        f"{CONTEXTS}::test_a_dropped_stream_is_settled_and_cleaned_up_in_the_context_of_its_call",
    ),
    mutant(
        "L4", "a record keeps the context of its call", PIPELINE,
        "                record.context = None",
        "                pass",
        f"{CONTEXTS}::test_the_record_of_a_call_that_has_ended_keeps_no_context",
    ),
    # --- 5: eager tasks
    mutant(
        "L5", "tasks are made by the factory of the loop", CONTEXT,
        "    return asyncio.Task(work, loop=loop, context=Context() if context is None else context.copy())",
        "    return loop.create_task(work, context=Context() if context is None else context.copy())",
        f"{EAGER}::test_an_async_listener_runs_in_no_call",
    ),
    # --- 6: closing has an end
    mutant(
        "L6", "an async listener may keep a pipeline open", SHUTDOWN,
        "            await asyncio.wait(tasks, timeout=seconds)",
        "            await asyncio.wait(tasks)",
        f"{CLOSING}::test_a_listener_that_never_returns_does_not_keep_a_pipeline_open",
    ),
    mutant(
        "L6", "the second grace period has no end", SHUTDOWN,
        "        self._leaves_at = self._cancels_at + CUT_OFF_GRACE",
        "        self._leaves_at = self._cancels_at + 1000.0",
        f"{CLOSING}::test_with_everything_hanging_it_takes_twice_the_grace_and_no_more",
    ),
    mutant(
        "L6", "a provider that hangs is not cancelled", SHUTDOWN,
        "                if task in self._begun:",
        "                if task not in self._begun:",
        f"{CLOSING}::test_a_provider_that_never_closes_is_left_behind[hangs]",
    ),
    mutant(
        "L6", "a generator is closed while it runs", PROVIDER_EVENTS,
        "            while timer.waiting:",
        "            while not self.timer:",
        f"{CLOSING}::test_a_stream_that_is_read_is_closed_after_its_read_has_ended",
    ),
    mutant(
        "L6", "a cancelled worker takes the events with it that were not heard", SHUTDOWN,
        "        self._events.deliveries.resume()\n",
        "        pass\n",
        f"{CLOSING}::test_whoever_cancels_all_tasks_does_not_cancel_the_closing",
    ),
    # --- 8: dropped anywhere
    mutant(
        "L8", "a finalizer settles in place", DROPPED,
        "            loop.call_soon_threadsafe(copy.abandon, context=Context())",
        "            copy.abandon()",
        f"{DROPS}::test_a_stream_that_is_collected_in_the_middle_of_anything_is_settled_later",
    ),
    mutant(
        "L8", "another thread does not wake the loop", DROPPED,
        "call_soon_threadsafe(copy",
        "call_soon(copy",
        f"{DROPS}::test_a_stream_that_another_thread_collects_gives_everything_back",
    ),
    mutant(
        "L8", "a closed loop keeps a place for ever", DROPPED,
        "    copy.abandon_silently()",
        "    pass",
        f"{DROPS}::test_a_stream_whose_loop_is_closed_is_settled_in_silence[collected]",
    ),
    mutant(
        "L8", "listeners are told of what a closed loop has left", ANSWER,
        "        self._call.record.muted = True",
        "        pass",
        f"{DROPS}::test_a_stream_whose_loop_is_closed_is_settled_in_silence[collected]",
    ),
    mutant(
        "L8", "a generator that was collected is closed twice", PROVIDER_EVENTS,
        "            if gc.is_finalized(generator):",
        "            if False:",
        f"{DROPS}::test_a_pipeline_that_is_dropped_with_its_streams_makes_no_noise",
    ),
    # --- 13: the next event loop
    mutant(
        "L13", "a closed loop keeps its pipeline", LIFECYCLE,
        "        return self.loop if held and not self.loop.is_closed() else None",
        "        return self.loop if held else None",
        f"{LOOP}::test_a_pipeline_opens_on_the_next_loop",
    ),
    mutant(
        "L13", "a loop that only stopped loses its pipeline", LIFECYCLE,
        "        return self.loop if held and not self.loop.is_closed() else None",
        "        return self.loop if held and self.loop.is_running() else None",
        f"{LOOP}::test_while_its_loop_has_only_stopped_another_one_is_refused_and_the_remedy_helps",
    ),
    mutant(
        "L13", "what was in flight is in flight for ever", CIRCUIT,
        "        self.in_flight = 0\n        self.opened_at += shift",
        "        self.opened_at += shift",
        f"{LOOP}::test_what_was_in_flight_on_a_closed_loop_holds_nothing_on_the_next",
    ),
    mutant(
        "L13", "a call of the old loop settles on the new one", PERMIT,
        "        if self._generation < circuit.oldest:",
        "        if self._generation < 0:",
        f"{LOOP}::test_what_was_in_flight_on_a_closed_loop_holds_nothing_on_the_next",
    ),
    mutant(
        "L13", "a probe of the old loop keeps its place", CIRCUIT,
        "        self._probes = None if self._probes is None else {}",
        "        pass",
        f"{LOOP}::test_a_probe_that_was_in_flight_gives_its_place_to_the_next_loop",
    ),
    mutant(
        "L13", "a lock of the old loop is never free", CIRCUIT,
        "        self._lock = None  # a holder on the old loop never releases it",
        "        pass",
        f"{LOOP}::test_an_operators_lock_that_was_held_on_a_closed_loop_is_free_on_the_next",
    ),
    mutant(
        "L13", "a cooldown is kept by the clock of the old loop", CIRCUIT,
        "        self.reopens_at += shift",
        "        pass",
        f"{LOOP}::test_a_cooldown_goes_on_by_the_clock_of_the_next_loop",
    ),
    mutant(
        "L13", "a gate is kept by the clock of the old loop", GATE,
        "        self.until += shift",
        "        pass",
        f"{LOOP}::test_a_closed_gate_stays_closed_for_the_rest_of_its_time",
    ),
    mutant(
        "L13", "whoever waited on the old loop keeps a gate closed", GATE,
        "        self.queue.clear(self.since)",
        "        pass",
        f"{LOOP}::test_a_closed_gate_stays_closed_for_the_rest_of_its_time",
    ),
    mutant(
        "L13", "a key is waited for that nobody looks up any more", LOOKUPS,
        "            self.running.clear()",
        "            pass",
        f"{LOOP}::test_what_was_in_flight_on_a_closed_loop_holds_nothing_on_the_next[run_and_leave]",
    ),
    mutant(
        "L13", "a key is believed by the clock of the old loop", LOOKUPS,
        "                self.answers[holder] = keys, until + shift",
        "                pass",
        f"{LOOP}::test_looked_up_keys_are_believed_for_the_rest_of_their_time",
    ),
    mutant(
        "L13", "calls on a loop that lives are forgotten with those of one that does not", LOOPS,
        "        gone = loop not in known and all(each.is_closed() for each in known)",
        "        gone = loop not in known",
        f"{LOOP}::test_breakers_that_live_on_two_loops_keep_what_is_in_flight_on_the_one_that_lives",
    ),
    mutant(
        "L13", "a circuit of the old loop is forgotten too late", REGISTRY,
        "            circuit.start_anew(shift)\n",
        "            pass\n",
        f"{LOOP}::test_a_probe_that_was_in_flight_gives_its_place_to_the_next_loop",
    ),
    mutant(
        "L13", "idle connections stay open when their loop shuts down", LOOP_END,
        "            await asyncio.gather(*(client.hang_up() for client in tuple(self.clients)))",
        "            self.clients.clear()",
        f"{CLIENTS}::test_a_pipeline_that_is_dropped_after_its_loop_leaves_no_connection[http-uvloop-httpx]",
        f"{CLIENTS}::test_a_pipeline_that_is_dropped_after_its_loop_leaves_no_connection[http-uvloop-aiohttp]",
    ),
    mutant(
        "L13", "aiohttp's sockets stay open when their loop was closed", AIOHTTP,
        '                close_without_loop(transport.get_extra_info("socket"), self._loop)',
        "                pass",
        f"{CLIENTS}::test_each_loop_has_its_own_connections_and_leaves_none",
    ),
    mutant(
        "L13", "httpx's sockets stay open when their loop was closed", HTTPX,
        "                close_without_loop(pool.socket(), self._loop)",
        "                pass",
        f"{CLIENTS}::test_each_loop_has_its_own_connections_and_leaves_none",
    ),
    mutant(
        "L13", "a client of the user's is taken to another loop", CONNECTIONS,
        "                    raise _cannot_move(self._engine.client)",
        "                    pass",
        f"{CLIENTS}::test_a_client_of_the_users_stays_with_the_loop_on_which_a_pipeline_was_left_open",
    ),
    mutant(
        "L13", "timers fire before what has arrived is read, after the loop stood still", TIMERS,
        "        if now - self._wakes < LATE_SECONDS:",
        "        if True:",
        "tests/layers/test_timeout.py::test_what_arrived_in_time_counts_although_the_loop_stood_still",
    ),
    mutant(
        "L4", "what layers do at the end of a lost stream runs in the context of nobody", ANSWER,
        "        context.copy().run(self._end, Outcome.ABANDONED, error)",
        "        self._end(Outcome.ABANDONED, error)",
        f"{CONTEXTS}::test_a_stream_that_a_layer_loses_is_given_up_in_the_context_of_its_call",
    ),
]  # fmt: skip  # because: a row reads kind, bug, file; line; mutation; tests
