"""One-line bugs in checks of opaque reasoning, in failures and in mistakes, each of which a test notices."""

from support.mutants.traps import mutant

DEPLOYMENT = "pipeline/deployment.py"
OPAQUE = "simulator/wires/opaque.py"
RULES = "simulator/wires/rules/responses.py"
WORDS = "providers/_failures/words.py"

REFUSED = "tests/simulator/test_simulator_refusals.py::test_what_the_provider_refuses"
RESPONSES = "tests/simulator/test_simulator_responses.py::test_what_the_api_refuses_is_refused"
FAILED = "tests/providers/test_responses.py::test_a_failed_response_is_the_error_in_it"
MISTAKES = "tests/test_typical_mistakes.py::test_a_typical_mistake_is_told_with_what_to_write_instead"

MUTANTS = [
    mutant(
        "Q1", "encrypted reasoning of another key is accepted", OPAQUE,
        ' and encrypted.endswith(f"-{account}")', "",
        RESPONSES,
    ),
    mutant(
        "Q1", "reasoning that was changed is accepted", OPAQUE,
        ' and signature.endswith(f"-{_checksum(thoughts)}")', "",
        REFUSED,
    ),
    mutant(
        "Q1", "any text is a signature of Gemini's", OPAQUE,
        '(decoded != signature and decoded.startswith("sig-"))', "True",
        REFUSED,
    ),
    mutant(
        "Q1", "all keys are one account", OPAQUE,
        "f'{provider} {key}'.encode()", "provider.encode()",
        RESPONSES,
    ),
    mutant(
        "Q1", "whose reasoning it is does not matter", RULES,
        "        if not is_encrypted_for(account, str(encrypted)):", "        if not encrypted:",
        RESPONSES,
    ),
    mutant(
        "Q2", "a refusal for a policy is retried", WORDS,
        "bio_policy misalignment_policy_violation", "misalignment_policy_violation",
        f"{FAILED}[biology-whole]",
    ),
    mutant(
        "Q2", "a prompt that is refused counts against the provider", WORDS,
        "        invalid_prompt invalid_image ", "        invalid_image ",
        f"{FAILED}[prompt-streamed]",
    ),
    mutant(
        "Q2", "a mistake in a deployment names no remedy", DEPLOYMENT,
        "    @suggests(**OF_A_DEPLOYMENT)\n", "",
        MISTAKES,
    ),
]  # fmt: skip  # because: a row reads kind, bug, file; line; mutation; tests
"""Q1 whose opaque reasoning it is; Q2 failures and mistakes that say what they are."""
