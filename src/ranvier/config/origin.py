"""Creates pipelines from files or dicts, and reloads them: `Pipeline.from_config` and `reload`."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Mapping
from typing import TypeVar

from ranvier.config.plan import Plan, plan_of
from ranvier.config.source import PathOrDict
from ranvier.config.watching import Watch
from ranvier.errors.configuration import ConfigurationError
from ranvier.errors.root import RanvierError
from ranvier.events import Reloaded, ReloadFailed
from ranvier.pipeline.pipeline import Pipeline
from ranvier.pipeline.running.replacing import replace
from ranvier.pipeline.running.stack import Stack

P = TypeVar("P", bound=Pipeline)


def pipeline_from(kind: type[P], config: PathOrDict, *, imports: bool, watch: bool, sighup: bool) -> P:
    """The pipeline that `config` describes: see `Pipeline.from_config`."""
    for name, value in {"imports": imports, "watch": watch, "sighup": sighup}.items():
        if not isinstance(value, bool):  # "false" from the environment would be true
            raise ConfigurationError(f"from_config({name}={value!r:.60}): give True or False")
    origin = Origin(config, imports=imports)
    watching = Watch(config, changes=watch, sighup=sighup) if watch or sighup else None
    plan = plan_of(config, imports=imports)
    pipeline = _built(kind, plan)
    pipeline.origin, origin.plan = origin, plan
    if watching is not None:
        known: weakref.ref[Pipeline] = weakref.ref(pipeline)  # so that nobody but users keeps it alive
        pipeline.lifecycle.watch = lambda: watching.run(known)
    return pipeline


def described(config: PathOrDict, *, imports: bool) -> tuple[Pipeline, Plan]:
    """The pipeline that `config` describes, without its secrets, for inspection."""
    plan = plan_of(config, imports=imports, secrets=False)
    return _built(Pipeline, plan), plan


def _built(kind: type[P], plan: Plan) -> P:
    try:
        return kind(*plan.layers, **plan.settings)
    except ConfigurationError as error:
        raise plan.error(error) from error


class Origin:
    """A file or dict, and the plan that was last created from it.

    Attributes:
        config: The path of the file, or the dict.
        plan: The layers and settings in use; `None` if they come from code.
    """

    def __init__(self, config: PathOrDict | None, *, imports: bool) -> None:
        self.config = config
        self.plan: Plan | None = None
        self._imports = imports
        self._loop: asyncio.AbstractEventLoop | None = None  # of the lock
        self._lock = asyncio.Lock()  # one reload at a time

    async def reload(self, pipeline: Pipeline, config: PathOrDict | None) -> None:
        """Replace the stack of `pipeline`: see `Pipeline.reload`. Concurrent reloads run in order."""
        config = self.config if config is None else config
        if config is None:
            raise ConfigurationError(
                "reload(): this pipeline was built in code: name a file, as in reload('ranvier.toml')"
            )
        if self._loop is not asyncio.get_running_loop():
            self._loop, self._lock = asyncio.get_running_loop(), asyncio.Lock()
        try:
            async with self._lock:
                await self._reload(pipeline, config)
                self.config = config
        except Exception as error:
            what = str(error) if isinstance(error, RanvierError) else type(error).__name__
            event = ReloadFailed(tenant="", provider="", source=_name(config), reason=what)
            pipeline.events.emit(event)
            if isinstance(error, ConfigurationError):
                raise
            raise ConfigurationError(f"{_name(config)}: the stack cannot be replaced: {what}") from error

    async def _reload(self, pipeline: Pipeline, config: PathOrDict) -> None:
        before = None if self.plan is None else self.plan.objects
        plan = await asyncio.to_thread(plan_of, config, imports=self._imports, before=before)
        settings = dict(plan.settings)
        listeners = settings.pop("listeners", None)
        if not all(map(callable, listeners or ())):
            raise plan.error(
                ConfigurationError("listeners holds something else: give functions that take an event")
            )
        running = pipeline.stack
        if settings.pop("store", running.lifecycle.joining.store) is not running.lifecycle.joining.store:
            where = plan.source.where(("store",))
            raise ConfigurationError(f"{where}: a reload cannot change it: start anew for that")
        try:
            stack = Stack(
                plan.layers,
                lifecycle=running.lifecycle,
                events=running.events,
                complaints=running.complaints,
                **settings,
            )
        except ConfigurationError as error:
            raise plan.error(error) from error
        replace(running, stack)
        known = None if self.plan is None else self.plan.settings.get("listeners")
        pipeline.stack, self.plan = stack, plan
        running.events.exchange(known, listeners)
        running.events.emit(Reloaded(tenant="", provider="", source=plan.name))


def _name(config: PathOrDict) -> str:
    return "the configuration" if isinstance(config, Mapping) else str(config)
