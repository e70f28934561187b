"""Adapters that break a rule fail in the test of that rule, and in no other."""

import gc
import inspect
from collections.abc import Iterator
from typing import Any

import pytest

from ranvier.testing import ProviderContract, Visit
from support.testing import toys_that_break as toys
from support.testing.toy import (
    FINISHED_EARLY,
    HALVED,
    ODD_USAGE,
    ODD_USAGE_STREAMED,
    SILENT,
    SILENT_STREAMED,
    STREAMED,
    WHOLE,
    Toy,
)

pytestmark = pytest.mark.integration

RULES = [name for name in dir(ProviderContract) if name.startswith("test_")]


class Contract(ProviderContract):
    """The rules for one toy."""

    whole, streamed = WHOLE, STREAMED
    streamed_type = "application/x-ndjson"
    broken_off = STREAMED[:20] + b'\n{"error": "no"}\n'
    only_here = "not here"
    finished_early, halved = FINISHED_EARLY, HALVED
    odd_usage, odd_usage_streamed = ODD_USAGE, ODD_USAGE_STREAMED
    silent, silent_streamed = SILENT, SILENT_STREAMED
    reads_other_form = True

    def __init__(self, kind: Any) -> None:
        self.kind = kind

    def provider(self, url: str) -> Any:
        return self.kind(url)


BROKEN: dict[type[Toy], dict[str, str]] = {
    toys.TrustsEveryCount: {
        "malformed_usage_costs_no_answer": "whole, an answer with malformed usage: InvalidResponseError",
    },
    toys.BelievesEveryCount: {
        "malformed_usage_costs_no_answer": "streamed, malformed usage is reported as complete: Usage(input=3",
    },
    toys.WantsOneForm: {
        "an_answer_in_the_other_form_is_read": "streamed in reply to a whole request: InvalidResponseError",
    },
    toys.WantsWords: {
        "an_answer_that_holds_nothing_is_empty": "whole, an answer without content: InvalidResponseError",
    },
    toys.LetsErrorsOut: {
        "a_stream_that_ends_early_is_no_answer": "OSError (untyped)",
        "connection_failures_are_reported": "the server does not listen, whole: OSError (untyped)",
    },
    toys.TrustsEveryBody: {
        "nonsense_is_no_answer": "an empty object, whole: KeyError (untyped)",
        "an_error_within_a_stream_is_raised": "KeyError (untyped)",
        "a_stream_that_ends_early_is_no_answer": "JSONDecodeError (untyped)",
        "no_error_shows_the_key": "half an answer, whole: the key is in doc of JSONDecodeError",
        "every_text_can_be_encoded": "an event cannot be encoded",
    },
    toys.EndsWhereTheBodyEnds: {
        "a_stream_that_ends_early_is_no_answer": "cut after 58 of 87 bytes: an answer: 'Schöne Grüße.'",
        "nonsense_is_no_answer": "nothing, streamed: an answer: ''",
    },
    toys.MisjudgesFailures: {
        "every_refusal_is_the_error_that_its_status_means": "'no', expected ServerError",
        "what_only_this_target_refuses_goes_on_to_the_next": "the error does not fail over: InvalidRequest",
    },
    toys.ForgetsTheWait: {
        "a_rate_limit_keeps_the_wait_that_it_names": "whole, the error has no retry_after: RateLimitError",
    },
    toys.IsCalledOtherwise: {
        "a_whole_answer_says_something": "the answer names the provider 'acme', but it is 'toy'",
        "every_refusal_is_the_error_that_its_status_means": "400, whole: its provider is 'acme'",
        "the_record_agrees_with_the_errors": "the record has auth, None, the error auth, 401",
    },
    toys.CountsNoTokensInStreams: {
        "a_stream_adds_up_to_the_whole_answer": "usage is (3, 4) whole, and (0, 0) streamed",
        "the_record_has_the_tokens_of_the_answer": "streamed, the record has Usage(input=0",
        "an_answer_in_the_other_form_is_read": "streamed in reply to a whole request: InvalidResponseError",
    },
    toys.ReadsChunkByChunk: {
        "a_stream_is_the_same_in_whatever_pieces_it_comes": "in 87 pieces: InvalidResponseError",
        "a_cancelled_call_ends_and_closes_its_connection": "streamed: it ends with InvalidResponse",
        "connection_failures_are_reported": "breaks within the answer, streamed: InvalidResponseError",
        "an_early_finish_reason_ends_nothing": "a finish reason comes early: an answer",
    },
    toys.KeepsTheFirstKey: {
        "each_call_is_sent_with_its_own_key": "whole, a request of tenant 'other' is sent with ['sk-contract",
    },
    toys.TellsTheKey: {
        "no_error_shows_the_key": "a 401, whole: the key is in str of AuthenticationError",
    },
    toys.KeepsTheKeyAtHand: {
        "no_traceback_shows_the_key": "the local variable headers of KeepsTheKeyAtHand.send (toys_",
    },
    toys.ShowsTheKey: {
        "no_error_shows_the_key": "the key is in the repr of the provider: ShowsTheKey(Bearer sk-",
        "no_traceback_shows_the_key": "the local variable self of Toy.complete (toy.py:",
    },
    toys.LogsTheKey: {
        "no_log_shows_the_key": "the key is logged: asking with sk-contract",
    },
    toys.GoesOnWhenCancelled: {
        "a_cancelled_call_ends_and_closes_its_connection": "whole: its connection stays open",
    },
    toys.MakesErrorsOfCancellations: {
        "a_cancelled_call_ends_and_closes_its_connection": "it ends with ConnectionFailedError: 'it broke'",
    },
    toys.AnswersAnyway: {
        "every_refusal_is_the_error_that_its_status_means": "500, whole: an answer: 'I am sorry.'",
        "what_only_this_target_refuses_goes_on_to_the_next": "whole, the error does not fail over: an answer",
        "a_rate_limit_keeps_the_wait_that_it_names": "whole, the error has no retry_after: an answer",
        "nonsense_is_no_answer": "nothing, whole: an answer: 'I am sorry.'",
        "connection_failures_are_reported": "the server does not listen, whole: an answer: 'I am sorry.'",
        "the_record_agrees_with_the_errors": "401 is taken for an answer",
    },
    toys.TakesTheBlameFromItself: {
        "every_refusal_is_the_error_that_its_status_means": "its counts_against_provider is False",
    },
    toys.NeverRecovers: {
        "a_cancelled_call_ends_and_closes_its_connection": "after a cancelled one, whole: Connection",
    },
    toys.LosesCount: {
        "a_stream_that_is_left_closes_its_connection": "toy: 1 request in flight",
        "a_pipeline_that_closes_leaves_nothing": "toy: 1 request in flight",
    },
    toys.NeverEnds: {
        "a_cancelled_call_ends_and_closes_its_connection": "before the answer, whole: it does not end",
    },
    toys.ForgetsToClose: {
        "a_stream_that_is_left_closes_its_connection": "the connection of a closed stream stays open",
        "a_stream_that_ends_early_is_no_answer": "ReadError (untyped)",
        "connection_failures_are_reported": "within the answer, streamed: ReadError (untyped)",
        "an_early_finish_reason_ends_nothing": "a finish reason comes early: an answer",
    },
    toys.NeverCloses: {
        "a_pipeline_that_closes_leaves_nothing": "1 connections are open after the pipeline was closed",
    },
    toys.LeavesATask: {
        "a_pipeline_that_closes_leaves_nothing": "a task is still running: <coroutine object",
    },
    toys.LeavesAtTheFirstFinishReason: {
        "an_early_finish_reason_ends_nothing": "comes early: an answer: 'Schöne', finish_reason=stop",
    },
    toys.PassesHalvesOn: {
        "every_text_can_be_encoded": "an event cannot be encoded: 'a \\ud83d'",
    },
    toys.SaysNothing: {
        "a_whole_answer_says_something": "the answer is empty: it has neither text nor a tool call",
        "a_stream_adds_up_to_the_whole_answer": "text is '' whole, and 'Schöne Grüße.' streamed",
        "the_record_has_the_tokens_of_the_answer": "whole, the record has Usage(input=0",
        "an_answer_that_holds_nothing_is_empty": "whole, an answer without content: an answer: ''",
        "an_answer_in_the_other_form_is_read": "streamed in reply to a whole request: InvalidResponseError",
    },
}
"""Of each toy the rules that it breaks, with what is said of it."""


def broken(contract: Contract) -> Iterator[tuple[str, str]]:
    """The rules that are broken, with what is said of it."""
    for name in RULES:
        try:
            getattr(contract, name)()
        except AssertionError as error:
            yield name, str(error)


def test_a_good_adapter_breaks_no_rule() -> None:
    """The toy that all others are made from."""
    assert not list(broken(Contract(Toy)))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("kind", BROKEN, ids=lambda kind: kind.__name__)
def test_a_broken_adapter_fails_in_the_test_of_its_rule(kind: type[Toy]) -> None:
    """It is told what it does, and what it keeps is not held against it."""
    found, expected = dict(broken(Contract(kind))), BROKEN[kind]
    assert found.keys() == {f"test_{rule}" for rule in expected}
    for rule, words in expected.items():
        lines = found[f"test_{rule}"].splitlines()
        assert lines[0] == "the provider breaks the contract:"
        assert any(words in line for line in lines[1:]), lines
    gc.collect()  # what it left open is found here, where that is expected, and not in a later test


def test_every_rule_is_broken_by_somebody() -> None:
    """A rule that nobody can break proves nothing."""
    assert {f"test_{rule}" for rules in BROKEN.values() for rule in rules} == set(RULES)


# --- what is given -------------------------------------------------------------------------------


def test_what_is_missing_is_asked_for() -> None:
    """A provider, and the bytes of a stream where it can stream."""
    with pytest.raises(NotImplementedError, match="override `provider`"):
        ProviderContract().test_a_whole_answer_says_something()
    contract = Contract(Toy)
    contract.streamed = None
    with pytest.raises(AssertionError, match="set `streamed` to the good answer as a stream"):
        contract.test_a_stream_adds_up_to_the_whole_answer()


def test_a_request_that_asks_for_something_else_is_answered_aside() -> None:
    """As one for a token is, before each that asks for an answer."""
    asides = []

    class WithTokens(Toy):
        async def send(self, call: Any) -> Any:
            assert (await self.client.get(f"{self.url}/token")).text == "t"
            return await super().send(call)

    class Aside(Contract):
        async def aside(self, visit: Visit) -> bool:
            if not visit.head.startswith("GET /token"):
                return False
            asides.append(visit)
            await visit.answer(b"t", content_type="text/plain")
            return True

    contract = Aside(WithTokens)
    contract.test_a_stream_adds_up_to_the_whole_answer()
    contract.test_every_refusal_is_the_error_that_its_status_means()
    assert len(asides) > 10


def test_rules_are_plain_functions_with_words() -> None:
    """They take nothing, so that no plugin is needed, and say what they are about."""
    for name in RULES:
        function = getattr(ProviderContract, name)
        assert list(inspect.signature(function).parameters) == ["contract"]
        assert function.__doc__
        assert function.__qualname__.endswith(f".{name}")
