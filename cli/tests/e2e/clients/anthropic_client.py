"""The official `anthropic` package against the scripted provider that our tests stand on: whatever the package sends
and reads, that provider must take and give, or tests against it would prove nothing. Argument: its address."""

import sys

import anthropic
from pydantic import BaseModel

client = anthropic.Anthropic(base_url=sys.argv[1], api_key="sk-test", max_retries=0)
MODEL = "claude-haiku-4-5"
TOOLS = [
    {
        "name": name,
        "description": "Looks something up.",
        "input_schema": {"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]},
        "cache_control": {"type": "ephemeral", "ttl": "1h"},
    }
    for name in ("look", "count")
]


def user(text):
    return [{"role": "user", "content": text}]


message = client.messages.create(model=MODEL, max_tokens=100, messages=user("hello there"), system="Be kind.")
assert message.content[0].text == "echo: hello there" and message.stop_reason == "end_turn"
assert message.usage.input_tokens > 0 and message.usage.cache_creation.ephemeral_1h_input_tokens == 0
message = client.messages.create(
    model=MODEL,
    max_tokens=100,
    system=[{"type": "text", "text": "Be kind.", "cache_control": {"type": "ephemeral"}}],
    messages=[{"role": "user", "content": [{"type": "text", "text": "hello there"}]}],
    stop_sequences=["END"],
    metadata={"user_id": "u"},
    service_tier="standard_only",
)
assert message.content[0].text == "echo: hello there"

with client.messages.stream(model=MODEL, max_tokens=100, messages=user("hello there")) as stream:
    text = "".join(stream.text_stream)
    assert text == "echo: hello there" == stream.get_final_message().content[0].text
    assert stream.get_final_message().usage.output_tokens > 1

for streamed in (False, True):
    asked = dict(model=MODEL, max_tokens=200, messages=user("use both tools"), tools=TOOLS)
    if streamed:
        with client.messages.stream(**asked, tool_choice={"type": "any"}) as stream:
            message = stream.get_final_message()
    else:
        message = client.messages.create(**asked, tool_choice={"type": "auto", "disable_parallel_tool_use": False})
    assert message.stop_reason == "tool_use" and [block.name for block in message.content] == ["look", "count"]
    assert message.content[0].input == {"q": "é 😀"}, message
    results = [{"type": "tool_result", "tool_use_id": block.id, "content": "42"} for block in message.content]
    calls = [{"type": "tool_use", "id": b.id, "name": b.name, "input": b.input} for b in message.content]
    turns = user("use both tools") + [{"role": "assistant", "content": calls}]
    end = client.messages.create(
        model=MODEL, max_tokens=100, tools=TOOLS, messages=turns + [{"role": "user", "content": results}]
    )
    assert end.content[0].text == "There are 42.", end
    # A result that is missing is refused, as the real one refuses it.
    try:
        client.messages.create(
            model=MODEL, max_tokens=100, tools=TOOLS, messages=turns + [{"role": "user", "content": results[:1]}]
        )
    except anthropic.BadRequestError as error:
        assert "tool_result" in str(error)
    else:
        raise AssertionError("a call without a result was accepted")

schema = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "good": {"type": "boolean"}},
    "required": ["name", "good"],
    "additionalProperties": False,
}
message = client.messages.create(
    model=MODEL,
    max_tokens=100,
    messages=user("structured"),
    output_config={"format": {"type": "json_schema", "schema": schema}},
)


class Answer(BaseModel):
    name: str
    good: bool


Answer.model_validate_json(message.content[0].text)

for text, kind in [("limit me", anthropic.RateLimitError), ("refuse my key", anthropic.AuthenticationError)]:
    try:
        client.messages.create(model=MODEL, max_tokens=100, messages=user(text))
    except kind:
        pass
    else:
        raise AssertionError(text)
print("ok")
