"""Runs user code outside the caller's task in the context of its call.

Listeners may be notified and streams closed from unrelated code: the task of another call, a timer, or the
garbage collector. So a call keeps a copy of the context in which it was created.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextvars import Context, copy_context
from typing import Any

from ranvier.clock import current_deadline, forget_deadline
from ranvier.tenancy import DEFAULT_TENANT, act_for, current_tenant


def context_of(tenant: str | None) -> Context:
    """A copy of the running context, for code that runs on behalf of a call of `tenant`.

    It has no deadline, so that a listener can use the pipeline after a timeout. `None` keeps the tenant of
    the running context.
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
    """Run `work` in a task with a copy of `context`; `None` means an empty one.

    The task is created without the loop's task factory, which may not support `context=`, and which, if
    eager, would start the work immediately inside the current task.
    """
    return asyncio.Task(work, loop=loop, context=Context() if context is None else context.copy())
