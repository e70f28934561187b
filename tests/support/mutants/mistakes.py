"""One-line bugs in what is told to those who write something that cannot work."""

from support.mutants.traps import Mutant

TYPICAL = "tests/test_typical_mistakes.py::test_a_typical_mistake_is_told_with_what_to_write_instead"
EVERY = "tests/traps/test_every_parameter.py::test_a_value_of_no_use_is_refused_and_named"

MUTANTS = (
    Mutant(
        "mistakes",
        "a text counts as true",
        "validation.py",
        "    if not isinstance(value, bool):\n",
        "    if value is None:\n",
        (TYPICAL,),
    ),
    Mutant(
        "mistakes",
        "a number that no float can hold is one",
        "validation.py",
        "abs(value) <= sys.float_info.max",
        "True",
        (EVERY,),
    ),
    Mutant(
        "mistakes",
        "a function of other arguments is noticed by the first call",
        "validation.py",
        "        signature.bind(*arguments)\n",
        "        pass\n",
        (TYPICAL,),
    ),
    Mutant(
        "mistakes",
        "the result of a tool is the keys of a dict",
        "messages/message.py",
        "if not isinstance(content, Iterable) or isinstance(content, NO_PARTS):",
        "if not isinstance(content, Iterable):",
        (TYPICAL,),
    ),
    Mutant(
        "mistakes",
        "two targets in one name are one",
        "pipeline/registry.py",
        'if "," in target or target != target.strip():',
        "if False:",
        (TYPICAL,),
    ),
    Mutant(
        "mistakes",
        "a name that is near is not suggested",
        "remedies.py",
        "(close := get_close_matches(name, known, 1, 0.75))",
        "(close := [])",
        (TYPICAL,),
    ),
)
