"""Everything that a log, a debugger or a service that collects errors would show of one."""

import traceback
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

TESTS = str(Path(__file__).parents[2])


def links(error: BaseException) -> Iterator[BaseException]:
    """`error`, all behind it (causes and contexts, suppressed ones too), and the members of groups."""
    pending: list[BaseException | None] = [error]
    seen: set[int] = set()
    while pending:
        link = pending.pop()
        if link is None or id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        pending += [link.__cause__, link.__context__]
        if isinstance(link, BaseExceptionGroup):
            pending += link.exceptions


def said(error: BaseException) -> str:
    """What errors say of themselves: as a text, as a repr, in their attributes, in a printed traceback."""
    told = ["".join(traceback.format_exception(error))]
    for link in links(error):
        told += [str(link), repr(link), repr(link.args), repr(vars(link)), *getattr(link, "__notes__", ())]
    return "\n".join(told)


def frames(error: BaseException) -> Iterator[TracebackType]:
    """The frames of all tracebacks that are not the test's own."""
    for link in links(error):
        step = link.__traceback__
        while step is not None:
            if not step.tb_frame.f_code.co_filename.startswith(TESTS):
                yield step
            step = step.tb_next


def held(error: BaseException) -> dict[str, str]:
    """The local variables of all tracebacks, as tools print them; by function and name."""
    return {
        f"{step.tb_frame.f_code.co_qualname} {name}": repr(value)
        for step in frames(error)
        for name, value in step.tb_frame.f_locals.items()
    }
