"""What newcomers write first, and what they are told to write instead.

Each line is code as somebody who knows another library writes it; a type checker finds most of them.
"""

import asyncio
import gc
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

import ranvier
from ranvier import ConfigurationError, Pipeline, layers, providers, resilient
from ranvier.layers import Fallback
from ranvier.pipeline import Price
from ranvier.telemetry import LoggingListener
from ranvier.testing import ScriptedProvider, stall, stream, virtual_time


class Invoice(BaseModel):
    number: int


def lookup(city):  # type: ignore[no-untyped-def]  # because: it is one of the mistakes
    return city


def print_city(city: str) -> None:
    """Show a city."""


first, second = ScriptedProvider("first"), ScriptedProvider("second")
NAMES: dict[str, Any] = {
    **{name: getattr(ranvier, name) for name in ranvier.__all__},
    **{name: getattr(layers, name) for name in layers.__all__},
    **{name: getattr(providers, name) for name in providers.__all__},
    "LoggingListener": LoggingListener,
    "Price": Price,
    "ScriptedProvider": ScriptedProvider,
    "virtual_time": virtual_time,
    "Invoice": Invoice,
    "lookup": lookup,
    "print_city": print_city,
    "first": first,
    "second": second,
    "pipeline": resilient(first, second),
}

MISTAKES = [
    # --- building ---
    ("resilient([first, second])", "unpack them: resilient(*targets)"),
    ("Fallback(first, [second])", "pass the targets one by one"),
    ("resilient(models=['gpt-5.2'])", "pass the targets one by one: resilient('openai/gpt-5.2',"),
    ("resilient('gpt-5.2')", "write a target as 'provider/model', with one of these providers: anthropic"),
    ("resilient('antropic/claude-sonnet-5')", "did you mean 'anthropic'?"),
    ("resilient(OpenAI)", "give a provider, such as OpenAI(), not its name or class"),
    ("resilient(first, timeout=30)", "build a Pipeline(Deadline(...), Fallback(...), Retry(...), ...)"),
    ("resilient(first, max_retries=5)", "build a Pipeline(Deadline(...), Fallback(...), Retry(...), ...)"),
    ("resilient(first, api_key='sk')", "give the key to the provider, OpenAI('sk-...')"),
    ("resilient(first, listeners=print)", "give a list, listeners=[...]"),
    ("resilient(first, layers=Deadline(5))", "give a list, layers=[...]"),
    ("resilient(first, credentials={'acme': 'sk'})", "give a function of a tenant and a provider's name"),
    ("Pipeline([Deadline(5), Fallback(first)])", "unpack them: Pipeline(*layers)"),
    ("Pipeline('openai/gpt-5.2')", "give layers, such as Fallback(...) around targets, or take resilient("),
    ("Pipeline(first)", "give layers, such as Fallback(...) around targets, or take resilient("),
    ("Pipeline(Fallback(first), timeout=5)", "give it a Deadline(...) for the call, a Timeout(...)"),
    ("resilient(first, temperature=0.5)", "pass it to complete() or stream()"),
    ("resilient(first, stream=True)", "call pipeline.stream(...)"),
    ("resilient(first, response_format=Invoice)", "in complete() or stream(), write schema=..."),
    ("resilient(first, max_completion_tokens=5)", "in complete() or stream(), write max_tokens=..."),
    ("resilient(first, tenant='acme')", "pass it to complete() or stream()"),
    ("resilient(first, base_url='http://x')", "give it to the provider: Deployment(OpenAI(base_url="),
    ("Pipeline(Fallback(first), max_tokens=5)", "pass it to complete() or stream()"),
    ("Pipeline(Fallback(first), stream=True)", "call pipeline.stream(...)"),
    ("Deployment(first, 'x', temperature=0.5)", "go into options={'temperature': 0.5}"),
    ("Deployment(first, 'x', max_completion_tokens=5)", "go into options={'temperature': 0.5}"),
    ("Deployment(first, 'x', extra={})", "go into options={'temperature': 0.5}"),
    ("Deployment(first, 'x', base_url='http://x')", "give it to the provider: Deployment(OpenAI(base_url="),
    ("Deployment(first, 'x', api_key='sk')", "give the key to the provider, OpenAI('sk-...')"),
    ("Deployment(first, 'x', name='eu')", "give it to the provider: Deployment(OpenAI(name="),
    ("Pipeline(Retry(), Fallback(first))", "Put them in this order"),
    ("Deployment('openai', 'gpt-5.2')", "give a provider, such as OpenAI(), not its name or class"),
    (
        "OpenAI('sk', model='gpt-5.2')",
        "OpenAI() got an unexpected keyword argument 'model': name the",
    ),
    ("OpenAI('sk', timeout=5)", "give the pipeline a Timeout(...) layer"),
    ("OpenAI('sk', max_retries=5)", "give the pipeline a Retry(max_retries=...) layer"),
    ("OpenAI(key='sk')", "write api_key=..."),
    ("OpenAI('sk', organization='org')", "write headers={'OpenAI-Organization': ...}"),
    ("OpenAI('sk', api_version='v1')", "write Azure(endpoint, api_version=..., token=...)"),
    ("Anthropic(auth_token='sk')", "write headers={'authorization': 'Bearer ...'}"),
    ("Azure(azure_endpoint='https://x.test')", "write endpoint=..."),
    ("Azure(resource='x')", "write endpoint='https://<resource>.openai.azure.com'"),
    ("Azure(token_provider=print)", "write token=..., a function without arguments"),
    ("Vertex(project_id='x')", "write project=..."),
    ("Vertex('x', region='europe-west1')", "write location=..."),
    ("Vertex('x', credentials=5)", "write token=..., a function without arguments"),
    ("Bedrock(region_name='us-east-1')", "write region=..."),
    ("Bedrock('us-east-1', aws_secret_access_key='sk')", "set AWS_ACCESS_KEY_ID and"),
    ("Bedrock('us-east-1', aws_profile='dev')", "write profile=..."),
    ("Access(api_key='sk')", "write key=..."),
    ("Access('sk', endpoint='https://x.test')", "write base_url=..."),
    ("OpenAI('sk', base_url='api.openai.com')", "give a URL such as 'https://"),
    ("Retry(max_attempts=3)", "max_retries=2 is three attempts at most"),
    ("Retry(retries=3)", "write max_retries=..."),
    ("Timeout(timeout=5)", "write seconds=..."),
    ("Timeout('5s')", "give a number of seconds"),
    ("Deadline(10**400)", "give a number of seconds"),
    ("Timeout(stream_complete='no')", "give True or False"),
    (
        "Timeout(overrides=[Timeout(5)])",
        "Timeout(overrides) is a list: give a dict of Timeout(...) by 'provider'",
    ),
    ("AdaptiveLimit(first_token=2.0)", "give True or False"),
    ("Pipeline(Fallback(first), require_tenant='false')", "require_tenant='false': give True or False"),
    ("Pipeline(Balance(first, second))", "Fallback(Balance(...))"),
    ("Fallback(Pipeline(Fallback(first)))", "give FunctionProvider('inner', ask), whose ask(call) awaits"),
    ("Fallback('openai/')", "ends after the slash: name a model, or write 'openai'"),
    ("Fallback(first, chains=['second'])", "give a dict of lists of targets"),
    ("Fallback(first, open='no')", "Fallback(open)='no': give True or False"),
    ("Balance(first, second, weights=2)", "give one for each of the 2 targets"),
    (
        "Balance(first, second, sticky=lambda: 1)",
        "Balance(sticky)=<lambda>(): it is called with one argument, (call)",
    ),
    (
        "Bulkhead(5, weight=lambda: 1)",
        "Bulkhead(weight)=<lambda>(): it is called with one argument, (tenant)",
    ),
    ("SpendLimit(lambda: 1, 60)", "it is called with one argument, (tenant)"),
    ("SpendLimit(1, 60, image_tokens=[5])", "SpendLimit(image_tokens) is a list: give a dict of"),
    (
        "Pipeline(Fallback(first), prices={'first/scripted': Price('3', 15)})",
        "prices['first/scripted'].input='3': give a finite number, 0 or more",
    ),
    ("SpendLimit(1, 60, prices={'a/b': Price(-1, 1)})", "SpendLimit(prices)['a/b'].input=-1: give a finite"),
    (
        "Pipeline(Fallback(first), prices={'first/scripted': 3})",
        "prices has a int: give Price(",
    ),
    (
        "resilient(first, listeners=[lambda: 1])",
        "listeners=<lambda>(): it is called with one argument, (event)",
    ),
    ("LoggingListener('our.calls')", "give logging.getLogger('...')"),
    ("FunctionProvider('ours', lambda: 'Hi')", "it is called with one argument, (call)"),
    ("Deployment(first, options=['x'])", "options is a list: give a dict of wire fields"),
    ("virtual_time(lookup)", "write @virtual_time()"),
    ("ScriptedProvider('a', None)", "script is a NoneType: give a list"),
    ("Deadline(timeout=5)", "write seconds=..."),
    ("Breaker(fail_max=5)", "write failure_threshold=..."),
    ("Breaker(reset_timeout=5)", "write cooldown=..."),
    ("Breaker(shared=True)", "give SharedCircuits(...), or None"),
    ("Retry(stop=3)", "max_retries=2 is three attempts at most"),
    ("Retry(exceptions=(ValueError,))", "each error says whether it is retried and counted"),
    ("Retry(max_retriess=3)", "did you mean 'max_retries'?"),
    ("Retry(frobnicate=3)", "it takes max_retries, base_delay, max_delay, multiplier, jitter"),
    ("Breaker(expected_exception=ValueError)", "each error says whether it is retried and counted"),
    ("Timeout(ttft=5)", "write first_token=..."),
    ("Throttle(rpm=60)", "the limits are those that the provider reports: Pacing()"),
    ("Pacing(tokens_per_minute=60)", "the limits are those that the provider reports: Pacing()"),
    ("Bulkhead(max_concurrent=5)", "write limit=..."),
    ("AdaptiveLimit(max=5)", "write most=..."),
    ("SpendLimit(budget=5)", "write per_tenant=..."),
    ("Fallback(targets=[first])", "pass the targets one by one, or unpack them: Fallback(*targets)"),
    ("Fallback(first, hedge=True)", "write hedge_after='p99', or seconds"),
    ("Balance(first, second, strategy='round_robin')", "write by='load'"),
    ("Chaos('overloaded', probability=0.5)", "write rate=..."),
    ("Pipeline(layers=[Fallback(first)])", "pass the layers one by one, or unpack them: Pipeline(*layers)"),
    ("Pipeline(Fallback(first), callbacks=[])", "write listeners=[...]"),
    ("Deployment(first, 'x', rpm=5)", "it takes provider, model, context_window, options, facts_of"),
    ("resilient('openai/gpt-5.2, gemini')", "give one name each, without commas and spaces around it"),
    ("resilient('openai/gpt-5.2 ')", "give one name each, without commas and spaces around it"),
    ("OpenAI(['sk-one', 'sk-two'])", "give the key itself, or several to Pipeline(credentials=...)"),
    # --- asking ---
    ("pipeline.complete()", "give a str, a list of messages, or a Request"),
    ("pipeline.complete(messages=[{'role': 'user', 'content': 'Hi'}])", "as the first argument"),
    ("pipeline.stream(messages=[{'role': 'user', 'content': 'Hi'}])", "as the first argument"),
    (
        "pipeline.complete({'role': 'user', 'content': 'Hi'})",
        "([message] for a single one)",
    ),
    ("pipeline.complete(Message.user('Hi'))", "([message] for a single one)"),
    ("pipeline.complete(['Hi'])", "give Message objects or dicts"),
    ("pipeline.complete([{'role': 'human', 'content': 'Hi'}])", "choose one of system, developer, user"),
    ("pipeline.complete('Hi', model='gpt-5.2')", "to='openai/gpt-5.2' starts a call there"),
    ("pipeline.complete('Hi', to='openai')", "first/scripted, second/scripted"),
    ("pipeline.complete('Hi', to=['first'])", "to is a list: give the name of one target"),
    ("pipeline.complete('Hi', to=first)", "to is a ScriptedProvider: give the name of one target"),
    ("pipeline.complete('Hi', hedge=2.0)", "hedge=2.0: give True or False"),
    ("pipeline.complete('Hi', on_break='restart')", "pipeline.stream(..., on_break='restart')"),
    ("pipeline.complete('Hi', stop={'a': 1})", "stop is a dict: give a text, or a list of texts"),
    ("pipeline.complete('Hi', schema={'name': 'x', 'schema': {}})", "give the JSON schema alone"),
    ("pipeline.complete([Message('user', [Text(5)])])", "messages[0]: a Text holds a int: give a str"),
    (
        "pipeline.complete([Message.assistant(tool_calls=[ToolCall('1', 'f', '{}')])])",
        "ToolCall.parse(id, name, text)",
    ),
    ("pipeline.complete([{'role': 'tool', 'content': '5'}])", "messages[0] has no tool_call_id: give the id"),
    ("pipeline.map(['Hi'], max_workers=5)", "write concurrency=... in pipeline.map(prompts)"),
    ("pipeline.map(['Hi'], output='a.jsonl')", "write file='answers.jsonl' in pipeline.map(prompts)"),
    ("pipeline.map(['Hi'], in_order='no')", "in_order='no': give True or False"),
    ("pipeline.map(['Hi'], key=lambda: 1)", "key=<lambda>(): it is called with one argument, (item)"),
    ("pipeline.map(['Hi'], tools=5)", "give a list, tools=[...]"),
    ("pipeline.complete('Hi', timeout=5)", "write deadline=... for the whole call"),
    ("pipeline.complete('Hi', max_retries=5)", "give the pipeline a Retry(max_retries=...) layer"),
    ("pipeline.complete('Hi', temperature='hot')", "give a number, 0 or more"),
    ("pipeline.complete('Hi', temprature=1)", "did you mean 'temperature'?"),
    ("pipeline.complete('Hi', top_k=5)", "extra={'top_k': 5}"),
    ("pipeline.complete('Hi', reasoning_effort='low')", "write reasoning='high'"),
    ("pipeline.complete('Hi', frobnicate=5)", "the options are system, max_tokens"),
    ("pipeline.complete('Hi', max_tokens='100')", "give a whole number, 1 or more"),
    ("pipeline.complete('Hi', max_completion_tokens=100)", "write max_tokens=..."),
    ("pipeline.complete('Hi', stream=True)", "call pipeline.stream(...)"),
    ("pipeline.complete('Hi', response_format=Invoice)", "write schema=..."),
    ("pipeline.complete('Hi', schema=[Invoice])", "give list[Invoice]"),
    ("pipeline.complete('Hi', schema=Invoice(number=1))", "give the class Invoice and not an instance of it"),
    ("pipeline.complete('Hi', schema={'type': 'json_schema'})", "give the JSON schema alone"),
    ("pipeline.complete('Hi', schema={'type': 'array'})", "give one of type 'object'"),
    ("pipeline.complete('Hi', system=['Be brief.'])", "system is a list: give a str"),
    ("pipeline.complete('Hi', system_prompt='Be brief.')", "write system=..."),
    ("pipeline.complete('Hi', tools=lookup)", "give a list"),
    ("pipeline.complete('Hi', tools=[lookup])", "annotate it, so that a model knows what to give"),
    ("pipeline.complete('Hi', functions=[lookup])", "write tools=[...]"),
    ("pipeline.complete('Hi', deadline='5s')", "give a number of seconds"),
    ("pipeline.complete('Hi', user='acme')", "write tenant=..."),
    ("pipeline.complete('Hi', n=2)", "make one call for each answer"),
    ("pipeline.complete('Hi', stream_options={})", "call pipeline.stream(...)"),
    ("pipeline.complete('Hi', parallel_tool_calls=False)", "or extra={'openai': {...}} for one provider"),
    ("pipeline.complete('Hi', generation_config={})", "write each setting as an option: temperature=..."),
    ("pipeline.complete('Hi', base_url='http://x')", "give it to the provider: Deployment(OpenAI(base_url="),
    ("pipeline.complete('Hi', previous_response_id='r')", "messages.dump(history) keeps it"),
    ("pipeline.complete('Hi', images=[])", "put it into a message"),
    ("pipeline.complete('Hi', callbacks=[])", "Pipeline(listeners=[...])"),
    ("pipeline.complete('Hi', think=True)", "write reasoning='high'"),
    ("pipeline.complete('Hi', cache_control={})", "write cache=True"),
    ("pipeline.complete('Hi', prompt_cache_key='k')", "write cache_key=..."),
    ("pipeline.complete('Hi', random_seed=7)", "write seed=..."),
    ("pipeline.complete('Hi', drop_params=True)", "left out in any case"),
    ("pipeline.complete('Hi', include=[])", "or extra={'openai': {...}} for one provider"),
    ("pipeline.stream('Hi', model='gpt-5.2')", "to='openai/gpt-5.2' starts a call there"),
    ("pipeline.stream('Hi', stream=True)", "call pipeline.stream(...)"),
    ("pipeline.stream('Hi', timeout=5)", "write deadline=... for the whole call"),
    ("pipeline.stream('Hi', response_format=Invoice)", "write schema=..."),
    ("pipeline.stream('Hi', max_completion_tokens=100)", "write max_tokens=..."),
    ("Message.tool('1', {'a': 1})", "is a dict: give a str, such as json.dumps(result)"),
    ("Message.tool('1', None)", "is a NoneType: give a str, such as json.dumps(result)"),
    ("Message('user', {'text': 'Hi'})", "content is a dict: give a str"),
    ("Tool('f', None)", "Tool('f', description=...) is a NoneType: give a str"),
    ("Tool.of(print_city).arguments({'city': 'Bern'})", "call is a dict: give a ToolCall"),
    ("Message('human', 'Hi')", "choose one of system, user, assistant, tool"),
    ("tenant(5)", "give a str, not int"),
]


@pytest.mark.parametrize(("code", "remedy"), MISTAKES, ids=[code for code, _ in MISTAKES])
def test_a_typical_mistake_is_told_with_what_to_write_instead(code: str, remedy: str) -> None:
    """At once, and not when the call is awaited."""
    with pytest.raises((ConfigurationError, TypeError)) as caught:
        eval(code, NAMES)
    assert remedy in str(caught.value)
    assert len(str(caught.value)) < 400
    assert "sk" not in repr(caught.value.args).replace("'sk-...'", "").split("'")


WORKING = [
    ("pipeline.complete('Hi', schema=list[int])", [1, 2], '{"answer": [1, 2]}'),
    ("pipeline.complete('Hi', schema=Invoice | None)", Invoice(number=7), '{"answer": {"number": 7}}'),
    ("pipeline.complete(prompt='Hi')", None, "hello"),
    ("pipeline.complete([{'role': 'user', 'content': 'Hi'}])", None, "hello"),
    ("pipeline.complete('Hi', stop='.')", None, "hello"),
]


@pytest.mark.parametrize(("code", "parsed", "text"), WORKING, ids=[code for code, _, _ in WORKING])
async def test_what_can_only_be_meant_in_one_way_works(code: str, parsed: Any, text: str) -> None:
    """Nobody is told to write it in another way."""
    pipeline = resilient(ScriptedProvider("only", [text]))
    answer = await eval(code, {**NAMES, "pipeline": pipeline})
    assert (answer.text, answer.parsed) == (text, parsed)


# --- what is forgotten ---------------------------------------------------------------------------


@pytest.fixture
def told() -> Iterator[list[warnings.WarningMessage]]:
    """The warnings of a test, all of them."""
    gc.collect()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield caught


def words(told: list[warnings.WarningMessage]) -> list[tuple[type[Warning], str]]:
    gc.collect()
    return [(each.category, str(each.message)) for each in told]


async def test_a_forgotten_await_names_complete(told: list[warnings.WarningMessage]) -> None:
    """And no function inside, which nobody has called."""
    resilient(first).complete("Hi")  # type: ignore[unused-coroutine]
    assert words(told) == [(RuntimeWarning, "coroutine 'Pipeline.complete' was never awaited")]


async def test_a_stream_that_is_never_used_warns(told: list[warnings.WarningMessage]) -> None:
    """Nothing was asked for it; the warning says how to."""
    resilient(first).stream("Hi")
    ((category, said),) = words(told)
    assert category is RuntimeWarning
    assert "was never read: write `async with pipeline.stream(...) as stream`" in said


async def unread(pipeline: Pipeline) -> None:
    await pipeline.stream("Hi")


async def half_read(pipeline: Pipeline) -> None:
    async for _ in await pipeline.stream("Hi"):
        break


async def half_read_inside(pipeline: Pipeline) -> None:
    async with pipeline.stream("Hi") as answer:
        async for _ in answer:
            break


async def read(pipeline: Pipeline) -> None:
    await (await pipeline.stream("Hi", to="whole")).collect()


async def closed(pipeline: Pipeline) -> None:
    await (await pipeline.stream("Hi")).aclose()


async def cancelled(pipeline: Pipeline) -> None:
    async def reads_later() -> None:
        answer = await pipeline.stream("Hi")
        await asyncio.sleep(3600)
        await answer.collect()

    task = asyncio.create_task(reads_later())
    await asyncio.sleep(1)
    task.cancel()
    await asyncio.wait([task])


async def lost_by_closing(pipeline: Pipeline) -> None:
    answer = await pipeline.stream("Hi")
    await pipeline.aclose()
    del answer


@pytest.mark.virtual_time
@pytest.mark.parametrize(
    ("use", "warns"),
    [
        *((unread, True), (half_read, True)),
        *((half_read_inside, False), (read, False), (closed, False), (cancelled, False)),
        (lost_by_closing, False),
    ],
)
async def test_a_stream_that_is_dropped_before_its_end_warns(
    use: Any, warns: bool, told: list[warnings.WarningMessage]
) -> None:
    """Not where its reader was cancelled, or where its pipeline has closed."""
    endless = ScriptedProvider("endless", lambda call: stream("a", "b", stall()))
    await use(Pipeline(Fallback(endless, ScriptedProvider("whole", [stream("a", "b")]))))
    said = words(told)
    assert [category for category, _ in said] == [ResourceWarning] * warns
    remedy = "a stream of endless/scripted was dropped before its end: read it inside `async with"
    assert all(remedy in each for _, each in said)


def test_a_stream_that_ends_with_its_loop_does_not_warn(told: list[warnings.WarningMessage]) -> None:
    """A program that ends has no time to close it."""

    async def main() -> Any:
        return await resilient(ScriptedProvider("endless", lambda call: stream("a", stall()))).stream("Hi")

    answer = asyncio.run(main())
    del answer
    assert words(told) == []
