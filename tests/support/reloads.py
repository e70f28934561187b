"""A pipeline from a dict, whose providers are scripted, and which is reloaded with other layers."""

import asyncio
from typing import Any

from ranvier import Pipeline, Response
from ranvier.events import Event
from ranvier.pipeline import registry
from ranvier.testing import ScriptedProvider


def layer(kind: str, **arguments: Any) -> dict[str, Any]:
    """A table of a layer."""
    return {"type": kind, **arguments}


def route(*targets: Any, **arguments: Any) -> dict[str, Any]:
    """The table of a `Fallback`."""
    return layer("Fallback", targets=list(targets), **arguments)


class Reloadable:
    """A pipeline from a dict.

    Attributes:
        providers: The scripted providers, which targets name.
        pipeline: The pipeline.
        events: What its listeners heard.
    """

    def __init__(self, monkeypatch: Any, *layers: dict[str, Any], **scripts: Any) -> None:
        self.providers = {name: ScriptedProvider(name, script) for name, script in scripts.items()}
        for name, provider in self.providers.items():
            monkeypatch.setitem(registry._factories, name, lambda made=provider: made)
        self.pipeline = Pipeline.from_config({"layers": list(layers)})
        self.events: list[Event] = []
        self.pipeline.events.add(self.events.append)

    async def reload(self, *layers: dict[str, Any], **others: Any) -> None:
        """Go on with other layers."""
        await self.pipeline.reload({"layers": list(layers), **others})

    def layer(self, kind: type[Any]) -> Any:
        """The layer of that class in use."""
        return next(each for each in self.pipeline.layers if type(each) is kind)

    def start(self, tenant: str = "acme", **options: Any) -> asyncio.Task[Response]:
        """Begin a call."""
        return asyncio.create_task(self.pipeline.complete("Why?", tenant=tenant, **options))

    async def outcome(self, tenant: str = "acme", **options: Any) -> str:
        """The answer, or the kind of the error."""
        try:
            return (await self.pipeline.complete("Why?", tenant=tenant, **options)).text
        except Exception as error:
            return str(getattr(error, "kind", type(error).__name__))


class Crowd:
    """Thirty tenants that ask one call after the other, every other one for a stream, until the block ends.

    Attributes:
        answered: How many calls were answered; the first that fails ends the block with its error.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self.answered = 0
        self._pipeline = pipeline
        self._tasks = asyncio.TaskGroup()
        self._over = False

    async def _ask(self, number: int) -> None:
        while not self._over:
            if number % 2:
                async with self._pipeline.stream("Why?", tenant=f"t{number}") as answer:
                    async for _ in answer:
                        pass
            else:
                await self._pipeline.complete("Why?", tenant=f"t{number}")
            self.answered += 1

    async def __aenter__(self) -> None:
        await self._tasks.__aenter__()
        for number in range(30):
            self._tasks.create_task(self._ask(number))

    async def __aexit__(self, *failure: Any) -> None:
        self._over = True
        await self._tasks.__aexit__(*failure)
