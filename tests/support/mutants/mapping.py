"""One-line bugs in `pipeline.map`, each of which a test has to notice."""

from support.mutants.traps import mutant

JSONL = "pipeline/mapping/jsonl_answers.py"
RUN = "pipeline/mapping/run.py"
PROMPTS = "pipeline/mapping/prompts.py"
WORKERS = "pipeline/mapping/workers.py"

DAMAGE = "tests/mapping/test_map_damage.py"
FILES = "tests/mapping/test_map_files.py"
MAP = "tests/mapping/test_map.py"
SOURCES = "tests/mapping/test_map_sources.py"

MUTANTS = [
    mutant(
        "MAP1", "prompts are read without regard to the reader", WORKERS,
        "                await self._room.acquire()\n",
        "",
        f"{MAP}::test_prompts_are_read_when_there_is_room",
    ),
    mutant(
        "MAP2", "an iterable that is cancelled makes a shorter list", WORKERS,
        "            return None if self._stopping else RuntimeError(if_cancelled)",
        "            return None",
        f"{MAP}::test_an_iterable_that_raises_a_cancellation_is_an_error",
    ),
    mutant(
        "MAP3", "a closed pipeline fails every prompt that is left", WORKERS,
        "            if self._is_closed():",
        "            if False:",
        f"{MAP}::test_a_pipeline_that_closes_ends_it",
    ),
    mutant(
        "MAP4", "a torn line spoils the next one", JSONL,
        "        self._file.truncate(whole)",
        "        pass",
        f"{DAMAGE}::test_a_torn_last_line_is_removed",
    ),
    mutant(
        "MAP5", "two prompts in flight with one key are both asked", PROMPTS,
        "        if key in self._in_flight or key in self.known:",
        "        if key in self.known:",
        f"{FILES}::test_two_prompts_with_one_key_are_asked_once",
    ),
    mutant(
        "MAP6", "half of a line stays in the file", JSONL,
        "            self._file.truncate(os.fstat(self._file.fileno()).st_size - written)\n",
        "",
        f"{DAMAGE}::test_a_full_disk_ends_the_run",
    ),
    mutant(
        "MAP7", "calls go on after the reader has left", WORKERS,
        "                task.cancel()",
        "                pass",
        f"{MAP}::test_a_run_that_is_left_stops",
    ),
    mutant(
        "MAP8", "a run that is stopped twice cancels its own cleanup", WORKERS,
        "        tasks = () if self._stopping else self._tasks ",
        "        tasks = self._tasks ",
        f"{SOURCES}::test_a_generator_is_closed_at_the_end_of_the_run",
    ),
    mutant(
        "MAP9", "an iterable that fails throws away answers that are paid for", WORKERS,
        "        self._unread = self._error_of(",
        "        self._failure = self._error_of(",
        f"{SOURCES}::test_what_was_sent_before_an_iterable_failed_is_not_lost",
    ),
    mutant(
        "MAP10", "prompts are sent though no answer can be written", WORKERS,
        " or self._stopping or self._failure is not None:",
        " or self._stopping:",
        f"{DAMAGE}::test_a_full_disk_ends_the_sending",
    ),
    mutant(
        "MAP11", "a file of something else is emptied as a torn line", JSONL,
        "        if not self._known and line[",
        "        if False and line[",
        f"{DAMAGE}::test_a_file_of_something_else_without_a_last_newline_is_left_alone",
    ),
    mutant(
        "MAP12", "a stopped run looks like one that has ended", RUN,
        "        if not self._workers.complete:",
        "        if False:",
        f"{SOURCES}::test_a_run_that_another_task_stops_has_no_shorter_list",
    ),
]  # fmt: skip  # because: a row reads number, bug, file; line; mutation; tests
