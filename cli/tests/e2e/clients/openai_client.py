"""The official `openai` package, unmodified, against our /v1: what its users do every day, with both providers behind
it. Arguments: base URL, key, key without budget left. Prints `ok` at the end; any failed assertion ends it."""

import sys

import openai
from openai import OpenAI
from pydantic import BaseModel

base_url, key, poor_key = sys.argv[1:4]
client = OpenAI(base_url=base_url, api_key=key, max_retries=0)
MODELS = ["openai/gpt-4o-mini", "anthropic/claude-haiku-4-5", "gpt-4o-mini", "claude-haiku-4-5", "demo/small"]
SCRIPTED = MODELS[:2]


def user(text):
    return [{"role": "system", "content": "Be kind."}, {"role": "user", "content": text}]


# Plain, with usage and cost.
for model in MODELS:
    answer = client.chat.completions.with_raw_response.create(model=model, messages=user("hello there"))
    completion = answer.parse()
    choice = completion.choices[0]
    assert "hello there" in choice.message.content, completion
    assert choice.finish_reason == "stop" and completion.model == model and completion.object == "chat.completion"
    usage = completion.usage
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens > 0, usage
    assert usage.cost_usd > 0 and abs(float(answer.headers["x-nexus-cost-usd"]) - usage.cost_usd) < 1e-15, usage
    # Several answers, and a cap.
    completion = client.chat.completions.create(model=model, messages=user("hello " * 50), n=3, max_tokens=5)
    assert [choice.index for choice in completion.choices] == [0, 1, 2]
    assert all(choice.finish_reason == "length" for choice in completion.choices), completion

# Streaming, by hand and by the package's own helper.
for model in MODELS:
    text, usage, finish = "", None, None
    options = {"include_usage": True}
    for chunk in client.chat.completions.create(
        model=model, messages=user("hello there"), stream=True, stream_options=options
    ):
        if chunk.choices:
            text += chunk.choices[0].delta.content or ""
            finish = chunk.choices[0].finish_reason or finish
        if chunk.usage:
            usage = chunk.usage
    assert "hello there" in text and finish == "stop" and usage.completion_tokens > 0 and usage.cost_usd > 0
    with client.chat.completions.stream(model=model, messages=user("hello there")) as stream:
        for _ in stream:
            pass
        assert "hello there" in stream.get_final_completion().choices[0].message.content

# Tools: two calls at once, their results, the end. Plain and as a stream.
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": name,
            "description": "Looks something up.",
            "parameters": {"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]},
        },
    }
    for name in ("look", "count")
]
for model in SCRIPTED:
    for streamed in (False, True):
        messages = user("use both tools")
        if streamed:
            with client.chat.completions.stream(model=model, messages=messages, tools=TOOLS) as stream:
                message = stream.get_final_completion().choices[0].message
        else:
            completion = client.chat.completions.create(model=model, messages=messages, tools=TOOLS)
            assert completion.choices[0].finish_reason == "tool_calls"
            message = completion.choices[0].message
        assert [call.function.name for call in message.tool_calls] == ["look", "count"], message
        assert message.tool_calls[0].function.arguments == '{"q":"é 😀"}', message
        messages.append(message.model_dump(include={"role", "content", "tool_calls"}, exclude_none=True))
        for call in message.tool_calls:
            call_id = call.id
            messages.append({"role": "tool", "tool_call_id": call_id, "content": "42"})
        messages[-3]["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.function.name, "arguments": call.function.arguments}}
            for call in message.tool_calls
        ]
        end = client.chat.completions.create(model=model, messages=messages, tools=TOOLS)
        assert end.choices[0].message.content == "There are 42.", end
forced = {"type": "function", "function": {"name": "look"}}
completion = client.chat.completions.create(
    model="demo/small", messages=user("anything"), tools=TOOLS, tool_choice=forced, parallel_tool_calls=False
)
assert [call.function.name for call in completion.choices[0].message.tool_calls] == ["look"], completion


# Structured output, parsed by the package.
class Step(BaseModel):
    title: str
    minutes: int


class Plan(BaseModel):
    name: str
    steps: list[Step]
    final: bool


for model in MODELS:
    completion = client.chat.completions.parse(model=model, messages=user("make a plan"), response_format=Plan)
    parsed = completion.choices[0].message.parsed
    assert isinstance(parsed, Plan) and isinstance(parsed.final, bool), completion

# Vectors: the package asks for Base64 by itself.
for model, length in [("text-embedding-3-small", 1536), ("local/hashed-ngrams-512", 512)]:
    vectors = client.embeddings.create(model=model, input=["some words", "other words", "some words"])
    assert [len(item.embedding) for item in vectors.data] == [length] * 3
    assert vectors.data[0].embedding == vectors.data[2].embedding != vectors.data[1].embedding
    floats = client.embeddings.create(model=model, input="some words", encoding_format="float").data[0].embedding
    assert all(abs(a - b) < 1e-6 for a, b in zip(floats, vectors.data[0].embedding))
assert len(client.embeddings.create(model="text-embedding-3-large", input="x", dimensions=8).data[0].embedding) == 8

names = [model.id for model in client.models.list()]
assert set(SCRIPTED) <= set(names) and "demo/small" in names, names


# Failures are the package's own exceptions.
def fails(kind, code, call):
    try:
        call()
    except kind as error:
        assert error.code == code, (error.code, error)
        return error
    raise AssertionError(f"no {kind.__name__}")


def ask(text="hello", **more):
    return client.chat.completions.create(messages=user(text), **{"model": "gpt-4o-mini", **more})


fails(openai.NotFoundError, "model_not_found", lambda: ask(model="nobody/nothing"))
fails(openai.BadRequestError, "unsupported_parameter", lambda: ask(logprobs=True))
fails(openai.BadRequestError, "malformed", lambda: client.chat.completions.create(model="gpt-4o-mini", messages="text"))
stranger = OpenAI(base_url=base_url, api_key="sk-wrong", max_retries=0)
fails(openai.AuthenticationError, "invalid_api_key", lambda: stranger.models.list())
for model in SCRIPTED:
    error = fails(openai.RateLimitError, "provider_rate_limited", lambda: ask("limit me", model=model))
    assert error.response.headers["retry-after"] == "30"
    fails(openai.InternalServerError, "provider_auth", lambda: ask("refuse my key", model=model))
    # The stream breaks in the middle: an exception, not an answer.
    for option in ({}, {"stream_options": {"include_usage": True}}):
        text = ""
        try:
            for chunk in ask("break off", model=model, stream=True, **option):
                text += chunk.choices[0].delta.content or "" if chunk.choices else ""
        except openai.APIError as broken:
            assert text and "proper answer" in str(broken), (text, broken)
        else:
            raise AssertionError("the stream ended as if it were complete")

# Over its budget a key hears 402, and the package does not try again.
poor = OpenAI(base_url=base_url, api_key=poor_key)
error = fails(
    openai.APIStatusError,
    "key_budget_exceeded",
    lambda: poor.chat.completions.create(model="gpt-4o-mini", messages=user("hello")),
)
assert error.status_code == 402 and "budget" in error.message, error

# What passes by itself nobody hears of: we try again.
for model in SCRIPTED:
    assert ask("fail twice", model=model).choices[0].message.content == "third time lucky"
    assert ask("limit me", model=model, extra_body={"fallbacks": ["demo/small"]}).choices[0].message.content

# Kept answers.
for n in range(2):
    answer = client.chat.completions.with_raw_response.create(
        model="gpt-4o-mini", messages=user("keep this"), extra_body={"cache": {"ttl_seconds": 600}}
    )
    assert answer.headers.get("x-nexus-cached") == ("true" if n else None), (n, answer.headers)
    assert (answer.parse().usage.cost_usd == 0) == bool(n)

print("ok")
