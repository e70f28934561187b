"""Estimates the tokens that a call will use, from the usage of earlier calls."""

from __future__ import annotations

from collections import OrderedDict

from ranvier.layers.pacing.key_limits import Costs
from ranvier.messages.request import Request
from ranvier.messages.size import estimated_characters_in
from ranvier.messages.usage import Usage

MAX_TENANTS = 1024
"""Maximum number of tenants with their own averages; beyond that, the least recently used is dropped."""

MOST = 1e7
"""The maximum number of tokens of a call: an absurd number from a provider must not block a key."""

LESSON = 16
"""Each call moves the averages by one part in `LESSON` of the difference."""


class Usual:
    """The average use of calls.

    Attributes:
        ratio: Tokens of the prompt per four characters.
        output: Tokens of the answer.
    """

    __slots__ = ("output", "ratio")

    def __init__(self, ratio: float = 1.0, output: float = 256.0) -> None:
        self.ratio = ratio
        self.output = output

    def learn(self, ratio: float, output: float) -> None:
        """Update the averages with one more call."""
        self.ratio += (ratio - self.ratio) / LESSON
        self.output += (output - self.output) / LESSON


class Estimates:
    """The averages for one target: over all tenants, and by tenant for the most recent ones."""

    __slots__ = ("_all", "_tenants")

    def __init__(self) -> None:
        self._all = Usual()
        self._tenants: OrderedDict[str, Usual] = OrderedDict()

    def of(self, request: Request, tenant: str) -> Costs:
        """The expected use of a call."""
        usual = self._tenants.get(tenant, self._all)
        prompt = 1.0 + estimated_characters_in(request) / 4 * usual.ratio
        answer = usual.output
        if request.max_tokens is not None and request.max_tokens < answer:
            answer = float(request.max_tokens)
        return Costs(1.0, prompt, answer, prompt + answer)

    def learn(self, request: Request, tenant: str, usage: Usage) -> None:
        """Learn from the usage of a call."""
        if usage.input <= 0:
            return
        ratio = min(usage.input, MOST) / (1.0 + estimated_characters_in(request) / 4)
        output = min(usage.output, MOST)
        self._all.learn(ratio, output)
        usual = self._tenants.get(tenant)
        if usual is None:
            usual = self._tenants[tenant] = Usual(self._all.ratio, self._all.output)
            if len(self._tenants) > MAX_TENANTS:
                self._tenants.popitem(last=False)
        self._tenants.move_to_end(tenant)
        usual.learn(ratio, output)
