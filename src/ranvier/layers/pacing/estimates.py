"""How many tokens a call is expected to use, learned from what calls have used."""

from __future__ import annotations

from collections import OrderedDict

from ranvier.layers.pacing.key_limits import Costs
from ranvier.messages.request import Request
from ranvier.messages.size import estimated_characters_in
from ranvier.messages.usage import Usage

MAX_TENANTS = 1024
"""Tenants whose own usage is remembered; those used last are."""

MOST = 1e7
"""The highest number of tokens that counts: a provider that reports an absurd one must not stop a key."""

LESSON = 16
"""A call changes what was learned by this part of the difference."""


class Usual:
    """What calls usually use.

    Attributes:
        ratio: Tokens of the prompt for each four characters.
        output: Tokens of the answer.
    """

    __slots__ = ("output", "ratio")

    def __init__(self, ratio: float = 1.0, output: float = 256.0) -> None:
        self.ratio = ratio
        self.output = output

    def learn(self, ratio: float, output: float) -> None:
        """One more call."""
        self.ratio += (ratio - self.ratio) / LESSON
        self.output += (output - self.output) / LESSON


class Estimates:
    """For one target: of all tenants together, and of each of those that used it last."""

    __slots__ = ("_all", "_tenants")

    def __init__(self) -> None:
        self._all = Usual()
        self._tenants: OrderedDict[str, Usual] = OrderedDict()

    def of(self, request: Request, tenant: str) -> Costs:
        """What a call is expected to use."""
        usual = self._tenants.get(tenant, self._all)
        prompt = 1.0 + estimated_characters_in(request) / 4 * usual.ratio
        answer = usual.output
        if request.max_tokens is not None and request.max_tokens < answer:
            answer = float(request.max_tokens)
        return Costs(1.0, prompt, answer, prompt + answer)

    def learn(self, request: Request, tenant: str, usage: Usage) -> None:
        """A call has used `usage`."""
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
