"""What the scripted provider says is what botocore takes for Amazon Bedrock, signatures included."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import botocore.session  # type: ignore[import-untyped]
import pytest
from botocore.config import Config  # type: ignore[import-untyped]
from botocore.exceptions import ClientError, EventStreamError  # type: ignore[import-untyped]
from doubles.processes import ScriptedUpstream

MODEL = "anthropic.claude-sonnet-4-20250514-v1:0"
QUESTION = [{"role": "user", "content": [{"text": "what is the weather"}]}]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOLS = {"tools": [{"toolSpec": {"name": "weather", "inputSchema": {"json": SCHEMA}}}]}


@contextmanager
def opened(upstream: ScriptedUpstream, secret: str = "s") -> Iterator[Any]:
    config = Config(retries={"total_max_attempts": 1})
    client = botocore.session.Session().create_client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=upstream.root,
        aws_access_key_id="AKIA",
        aws_secret_access_key=secret,
        config=config,
    )
    with closing(client):
        yield client


def ask(upstream: ScriptedUpstream, *, stream: bool, **more: Any) -> tuple[list[Any], str, Any]:
    """Return the content, the stop reason and the usage."""
    asked = {"modelId": MODEL, "messages": QUESTION} | more
    with opened(upstream) as client:
        if not stream:
            answer = client.converse(**asked)
            return answer["output"]["message"]["content"], answer["stopReason"], answer["usage"]
        with closing(client.converse_stream(**asked)["stream"]) as stream_of_events:
            events = list(stream_of_events)
    blocks: dict[int, Any] = {}
    for event in events:
        if "contentBlockStart" in event:
            blocks[event["contentBlockStart"]["contentBlockIndex"]] = event["contentBlockStart"]["start"]
        for name, value in event.get("contentBlockDelta", {}).get("delta", {}).items():
            index = event["contentBlockDelta"]["contentBlockIndex"]
            block = blocks.setdefault(index, {})
            if name == "text":
                block["text"] = block.get("text", "") + value
            else:
                part = block.setdefault(name, {})
                part.update({key: part.get(key, "") + grown for key, grown in value.items()})
    stop = next(event["messageStop"]["stopReason"] for event in events if "messageStop" in event)
    return list(blocks.values()), stop, events[-1]["metadata"]["usage"]


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize(
    ("answer", "kinds", "stop"),
    [
        ("text", ["text"], "end_turn"),
        ("json", ["text"], "end_turn"),
        ("tools", ["toolUse"], "tool_use"),
        ("parallel", ["toolUse", "toolUse"], "tool_use"),
        ("reasoning", ["reasoningContent", "text"], "end_turn"),
        ("refusal", ["text"], "content_filtered"),
        ("length", ["text"], "max_tokens"),
    ],
)
def test_answers(upstream: ScriptedUpstream, answer: str, kinds: list[str], stop: str, stream: bool) -> None:
    upstream.behave(answer=answer, cached_tokens=2, cache_write_tokens=3)
    content, stopped, usage = ask(upstream, stream=stream, toolConfig=TOOLS)
    bill = upstream.bill()
    assert [next(iter(block)) for block in content] == kinds
    assert stopped == stop
    assert (usage["inputTokens"], usage["cacheReadInputTokens"], usage["cacheWriteInputTokens"]) == (4, 2, 3)
    assert (usage["outputTokens"], bill["input_tokens"]) == (bill["output_tokens"], 9)


def test_a_loop_of_tools_takes_its_own_reasoning_back(upstream: ScriptedUpstream) -> None:
    upstream.behave(answer="tools")
    more = {
        "toolConfig": TOOLS,
        "additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 1024}},
    }
    content, _, _ = ask(upstream, stream=False, **more)
    result = {"toolUseId": content[-1]["toolUse"]["toolUseId"], "content": [{"text": "sunny"}]}
    turns = [
        *QUESTION,
        {"role": "assistant", "content": content},
        {"role": "user", "content": [{"toolResult": result}]},
    ]
    again, _, _ = ask(upstream, stream=True, messages=turns, **more)
    assert again[0]["text"].strip() == "scripted saw: sunny"


def test_tokens_are_counted(upstream: ScriptedUpstream) -> None:
    asked = {"converse": {"messages": QUESTION}}
    with opened(upstream) as client:
        assert client.count_tokens(modelId=MODEL, input=asked)["inputTokens"] == 4


def test_a_good_signature_is_taken_and_a_bad_one_is_not(upstream: ScriptedUpstream) -> None:
    upstream.obey(strict_credentials=True, aws_access_key="AKIA", aws_secret_key="s")
    assert ask(upstream, stream=False)[1] == "end_turn"
    with opened(upstream, "wrong") as client, pytest.raises(ClientError, match="InvalidSignatureException"):
        client.converse(modelId=MODEL, messages=QUESTION)


@pytest.mark.parametrize(("status", "name"), [(429, "ThrottlingException"), (500, "InternalServerException")])
def test_errors_are_raised_by_their_name(upstream: ScriptedUpstream, status: int, name: str) -> None:
    upstream.behave("status", status=status)
    with pytest.raises(ClientError) as caught:
        ask(upstream, stream=False)
    assert caught.value.response["Error"] == {"Code": name, "Message": f"scripted {status}"}


def test_an_exception_in_a_stream_is_raised(upstream: ScriptedUpstream) -> None:
    upstream.behave("error_after", error={"type": "ThrottlingException", "message": "slower"})
    with pytest.raises(EventStreamError, match=r"throttlingException.*slower"):
        ask(upstream, stream=True)
