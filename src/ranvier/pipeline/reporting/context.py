"""In which context foreign code runs that is not called by the caller's own task: in that of its call.

Whatever tells a listener or closes a stream may be running for somebody else: the task of another
call, a timer, the garbage collector. So a call keeps a copy of the context in which it began.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextvars import Context, copy_context
from typing import Any

from ranvier.clock import current_deadline, forget_deadline
from ranvier.tenancy import DEFAULT_TENANT, act_for, current_tenant


def context_of(tenant: str | None) -> Context:
    """A copy of the running context for code that runs on behalf of a call of `tenant`.

    It has no deadline: after a timeout a listener could not use the pipeline otherwise.
    `None` is a tenant that nobody has named.
    """
    context = copy_context()
    if current_deadline() is not None:
        context.run(forget_deadline)
    if tenant is not None and tenant != (current_tenant() or DEFAULT_TENANT):
        context.run(act_for, tenant)
    return context


def start_task(
    loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, None], context: Context | None
) -> asyncio.Task[None]:
    """Run `work` in a task with a copy of `context`; `None` is an empty one.

    The task is made without the task factory of the loop: that may know no `context=`, and an eager
    one would begin the work here and now, inside whoever asks for it.
    """
    return asyncio.Task(work, loop=loop, context=Context() if context is None else context.copy())
