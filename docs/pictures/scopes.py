"""Which other calls a failure stops, by its scope: five tenants with our key fail, then others call."""

from collections.abc import Iterator
from contextlib import suppress

from drawing import Picture

from ranvier import SHARED, Deployment, InvalidRequestError, Pipeline, errors, testing
from ranvier.layers import Breaker, Fallback, SharedCircuits, Throttle
from ranvier.pipeline import Call

LEFT, TOP, WIDTH, ROW = 24, 74, 138, 44
WHEN, FIRST = 192, 326
TENANTS = 5
EXAMPLES = {
    "request": InvalidRequestError("no such role", provider="anthropic", status=400),
    "target": errors.UnsupportedRequestError("no images", provider="anthropic", status=400),
    "key": errors.AuthenticationError("no such key", provider="anthropic", status=401),
    "key_model": errors.RateLimitError("slow down", provider="anthropic", status=429, retry_after=60),
    "model": errors.ServerError("internal error", provider="anthropic", status=500),
    "endpoint": errors.ConnectionFailedError("connection refused", provider="anthropic"),
}
CALLS = {
    ("our key,", "same model"): ("sixth", "one"),
    ("our key,", "another model"): ("sixth", "two"),
    ("tenant's own key,", "same model"): ("owner", "one"),
}


@testing.virtual_time()
async def stopped_by(error: errors.RanvierError) -> tuple[int, list[bool]]:
    """After how many failures calls like them are stopped (0: never), and which of `CALLS` are sent then."""
    failing = {f"tenant {number}" for number in range(TENANTS)}

    def reply(call: Call) -> object:
        return error if call.tenant in failing else "hello"

    provider = testing.ScriptedProvider("anthropic", reply)
    provider.needs_credential, provider.credential = True, lambda: "ours"
    one, two = Deployment(provider, "one"), Deployment(provider, "two")
    spare = testing.ScriptedProvider("openai", lambda call: "hello")
    spare.credential = lambda: "ours"
    chains = {each.target: [spare] for each in (one, two)}
    pipeline = Pipeline(
        Fallback(one, two, spare, chains=chains),
        Throttle(max_wait=0),
        Breaker(shared=SharedCircuits(votes=TENANTS)),
        credentials=lambda tenant, provider: "its own" if tenant == "owner" else SHARED,
        listeners=(),
    )

    async def is_sent(tenant: str, model: str) -> bool:
        sent = len(provider.calls)
        with suppress(InvalidRequestError):
            await pipeline.complete("Hi", tenant=tenant, to=f"anthropic/{model}")
        return len(provider.calls) > sent

    outcomes = [await is_sent(tenant, "one") for tenant in sorted(failing)]
    later = [await is_sent(tenant, model) for tenant, model in CALLS.values()]
    return (outcomes.count(True) if not later[0] else 0), later


def rows() -> Iterator[tuple[str, str, str, list[bool]]]:
    """The scope, an error of it, after what it stops other calls, and which are sent all the same."""
    for scope, error in EXAMPLES.items():
        assert error.scope == scope
        failures, sent = stopped_by(error)
        when = {0: "never", 1: "one failure"}.get(failures, f"{failures} tenants' failures")
        yield scope, type(error).__name__, when, sent


def draw() -> Picture:
    """The picture."""
    picture = Picture(760, TOP + ROW * len(EXAMPLES) + 40, "Which other calls a failure stops, by its scope")
    picture.words(LEFT, 52, "scope", "strong")
    picture.words(WHEN, 52, "stops calls after", "strong")
    for column, words in enumerate(CALLS):
        for line, each in enumerate(words):
            middle = FIRST + WIDTH * column + (WIDTH - 12) / 2
            picture.words(middle, 34 + 18 * line, each, "strong", "middle")
    for row, (scope, name, when, sent) in enumerate(rows()):
        y = TOP + ROW * row
        picture.words(LEFT, y + 14, scope, "strong")
        picture.words(LEFT, y + 30, name, "small faint")
        picture.words(WHEN, y + 22, when, "small")
        for column, passes in enumerate(sent):
            x = FIRST + WIDTH * column
            words, kind = ("sent", "good") if passes else ("next target", "bad")
            picture.box(x, y, WIDTH - 12, 34, words, kind)
    words = f"{TENANTS} tenants with our key have failed at a model; the calls of other tenants follow."
    picture.words(LEFT, TOP + ROW * len(EXAMPLES) + 20, words, "small faint")
    return picture


if __name__ == "__main__":
    draw().save(__file__)
