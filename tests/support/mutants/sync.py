"""One-line bugs in `pipeline.sync`, each of which a test has to notice."""

from support.mutants.traps import mutant

ASK = "pipeline/blocking/ask.py"
FEED = "pipeline/blocking/feed.py"
OWN_LOOP = "pipeline/blocking/own_loop.py"
PORTAL = "pipeline/blocking/portal.py"
RUN = "pipeline/blocking/run.py"
STREAM = "pipeline/blocking/stream.py"

CALLS = "tests/sync/test_sync_calls.py"
CLOSING = "tests/sync/test_sync_closing.py"
FORKS = "tests/sync/test_sync_forks.py"
MAP = "tests/sync/test_sync_map.py"
STREAMS = "tests/sync/test_sync_streams.py"

MUTANTS = [
    mutant(
        "SYNC1", "Ctrl-C does not wait for the cleanup", ASK,
        "            self.wait()  # for the cleanup; a second Ctrl-C ends this wait too\n",
        "",
        f"{CALLS}::test_ctrl_c_cancels_the_call_and_waits_for_its_cleanup",
    ),
    mutant(
        "SYNC1", "Ctrl-C leaves the call running", ASK,
        "            self.cancel()\n",
        "            pass\n",
        f"{CALLS}::test_ctrl_c_cancels_the_call_and_waits_for_its_cleanup",
    ),
    mutant(
        "SYNC2", "a SystemExit ends the loop for all threads", ASK,
        "        except BaseException as error:  # KeyboardInterrupt",
        "        except Exception as error:  # KeyboardInterrupt",
        f"{CALLS}::test_system_exit_of_foreign_code_ends_its_caller_and_not_the_loop",
    ),
    mutant(
        "SYNC3", "the context of the thread stays behind", ASK,
        "        self._context = copy_context()",
        "        self._context = type(copy_context())()",
        f"{CALLS}::test_context_variables_come_along",
    ),
    mutant(
        "SYNC4", "a stream is read ahead without limit", FEED,
        "if self._queue.qsize() >= MAX_WAITING:",
        "if False:",
        f"{STREAMS}::test_a_slow_reader_holds_the_provider_back",
    ),
    mutant(
        "SYNC5", "a stream that waits for its reader keeps the loop from ending", PORTAL,
        "            ask.release()\n",
        "            pass\n",
        f"{CLOSING}::test_a_reader_that_does_not_read_delays_no_closing",
    ),
    mutant(
        "SYNC6", "a dropped stream keeps its connection", STREAM,
        "            feed.cancel()\n            warnings.warn(",
        "            warnings.warn(",
        f"{STREAMS}::test_a_dropped_stream_is_closed_and_warned_of",
    ),
    mutant(
        "SYNC8", "a forked process takes its parent's loop for one that runs", PORTAL,
        "        self.loop._closed = True",
        "        self.loop._unused = True",
        f"{FORKS}::test_a_child_may_fork_again_and_close",
    ),
    mutant(
        "SYNC9", "a coroutine that comes too late is never awaited", ASK,
        "            self._work.close()\n\n    def cancel",
        "            pass\n\n    def cancel",
        f"{CLOSING}::test_a_call_that_comes_too_late_gets_an_error_and_is_no_warning",
    ),
    mutant(
        "SYNC11", "a close that Ctrl-C ends lets the next one wait for ever", OWN_LOOP,
        "        finally:\n            try:\n                portal",
        "        except OSError:\n            raise\n        else:\n            try:\n                portal",
        f"{CLOSING}::test_a_close_that_ctrl_c_ends_holds_up_no_further_one",
    ),
    mutant(
        "SYNC12", "two threads that share a run both begin it", RUN,
        "                feed = self._feed = self._feed or self._begin()",
        "                feed = self._feed = self._begin()",
        f"{MAP}::test_threads_that_share_a_run_get_each_result_once",
    ),
    mutant(
        "SYNC10", "garbage keeps its thread", OWN_LOOP,
        "        if portal is not None and not sys.is_finalizing():",
        "        if False:",
        f"{CLOSING}::test_a_pipeline_that_nothing_refers_to_is_closed",
    ),
]  # fmt: skip  # because: a row reads number, bug, file; line; mutation; tests
