"""One-line bugs in `pipeline.map`, each of which a test has to notice."""

from support.mutants.traps import mutant

JSONL = "pipeline/mapping/jsonl_answers.py"
PROMPTS = "pipeline/mapping/prompts.py"
WORKERS = "pipeline/mapping/workers.py"

FILES = "tests/mapping/test_map_files.py"
MAP = "tests/mapping/test_map.py"

MUTANTS = [
    mutant(
        "MAP1", "prompts are read without regard to the reader", WORKERS,
        "            await self._room.acquire()\n",
        "",
        f"{MAP}::test_prompts_are_read_when_there_is_room",
    ),
    mutant(
        "MAP2", "an iterable that is cancelled makes a shorter list", WORKERS,
        "            if not self._stopping:",
        "            if False:",
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
        "            os.ftruncate(self._file, whole)",
        "            pass",
        f"{FILES}::test_a_torn_last_line_is_removed",
    ),
    mutant(
        "MAP5", "two prompts in flight with one key are both asked", PROMPTS,
        "        if key in self._in_flight or key in self.known:",
        "        if key in self.known:",
        f"{FILES}::test_two_prompts_with_one_key_are_asked_once",
    ),
    mutant(
        "MAP6", "half of a line stays in the file", JSONL,
        "            os.ftruncate(self._file, os.fstat(self._file).st_size - written)\n",
        "",
        f"{FILES}::test_a_full_disk_ends_the_run",
    ),
    mutant(
        "MAP7", "calls go on after the reader has left", WORKERS,
        "                task.cancel()",
        "                pass",
        f"{MAP}::test_a_run_that_is_left_stops",
    ),
]  # fmt: skip  # because: a row reads number, bug, file; line; mutation; tests
