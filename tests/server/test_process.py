"""A proxy as it is run, seen by callers: the openai SDK, keys, edits in the middle of a stream, too many calls."""

import threading
import urllib.error
import urllib.request
from pathlib import Path

import openai
import pytest
from doubles.mounted_config import (
    CALLER_KEY,
    caller,
    fragments_of,
    gateway,
    key_ring,
    policy,
    provider,
)
from doubles.processes import eventually
from doubles.proxy_process import (
    MESSAGES,
    ProxyProcess,
    proxy_process,
    sdk,
    standard_config,
)


def test_the_sdk_gets_a_plain_answer(proxy: ProxyProcess) -> None:
    with sdk(proxy) as client:
        answer = client.chat.completions.create(model="smart", messages=MESSAGES)
    assert "no model was called" in (answer.choices[0].message.content or "")
    assert answer.model == "sim/tiny"


def test_the_sdk_gets_a_stream(proxy: ProxyProcess) -> None:
    with sdk(proxy) as client:
        chunks = list(client.chat.completions.create(model="smart", messages=MESSAGES, stream=True))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert "no model was called" in text
    assert chunks[-1].choices[0].finish_reason == "stop"


@pytest.mark.parametrize("size", [1_000_000, 4_000_000, 8_000_000])
def test_the_sdk_gets_an_answer_to_a_large_prompt_every_time(proxy: ProxyProcess, size: int) -> None:
    with sdk(proxy) as client:
        for _ in range(4):
            answer = client.chat.completions.create(model="smart", messages=[{"role": "user", "content": "a" * size}])
            assert answer.choices[0].finish_reason == "stop"


def test_the_sdk_lists_the_models(proxy: ProxyProcess) -> None:
    with sdk(proxy) as client:
        assert [model.id for model in client.models.list()] == ["smart"]
        assert client.models.retrieve("smart").id == "smart"


def test_the_sdk_understands_an_unknown_model(proxy: ProxyProcess) -> None:
    with sdk(proxy) as client, pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model="nonsense", messages=MESSAGES)
    assert caught.value.code == "model_not_found"


def test_a_client_that_leaves_within_its_stream_is_booked_for_what_it_got(tmp_path: Path) -> None:
    config = standard_config(tmp_path / "config", tokens_per_second=10.0)
    with proxy_process(tmp_path, config=config) as proxy, sdk(proxy) as client:
        stream = client.chat.completions.create(model="smart", messages=MESSAGES, stream=True)
        first = next(iter(stream))
        call = stream.response.headers["x-fairlead-decision"]
        stream.close()
        record = eventually(lambda: proxy.admin(f"/debug/decisions/{call}"), within=2)
    assert first.object == "chat.completion.chunk"
    assert (record["code"], record["attempts"][0]["outcome"]) == (499, "ClientGone")
    assert record["attempts"][0]["usage"]["estimated"] is True
    assert record["duration_seconds"] < 2


def test_a_stream_goes_on_over_an_edit_of_what_serves_it(tmp_path: Path) -> None:
    config = standard_config(tmp_path / "config", tokens_per_second=30.0)
    with proxy_process(tmp_path, config=config) as proxy, sdk(proxy) as client:
        stream = client.chat.completions.create(model="smart", messages=MESSAGES, stream=True)
        first = next(iter(stream))
        revision = config.publish(fragments_of(gateway()))
        eventually(lambda: proxy.admin("/report", {})["revision"] == revision, within=5)
        rest = list(stream)
        with pytest.raises(openai.NotFoundError):
            client.chat.completions.create(model="smart", messages=MESSAGES)
    assert first.object == "chat.completion.chunk"
    assert rest[-1].choices[0].finish_reason == "stop"


def test_a_key_works_while_it_is_in_the_ring_and_no_longer(tmp_path: Path) -> None:
    config = standard_config(tmp_path / "config", api_keys=True, tenants=("team-a",))
    config.publish(
        fragments_of(
            gateway(api_keys=True, tenants=("team-a",)),
            provider(namespace="team-a"),
            policy(namespace="team-a", target="team-a/sim"),
        )
    )
    config.publish_keys(key_ring(caller()))
    with proxy_process(tmp_path, config=config) as proxy, sdk(proxy, CALLER_KEY) as client:
        assert [model.id for model in client.models.list()] == ["smart"]
        version = config.publish_keys(key_ring())
        eventually(lambda: proxy.admin("/report", {})["keys"] == version, within=5)
        with pytest.raises(openai.AuthenticationError):
            client.models.list()


def test_while_calls_are_refused_the_admin_port_answers(tmp_path: Path) -> None:
    config = standard_config(tmp_path / "config", ttft_seconds=1.5)
    with proxy_process(tmp_path, "--max-in-flight", "1", config=config) as proxy:
        slow = threading.Thread(target=proxy.call)
        slow.start()
        eventually(lambda: proxy.admin("/report", {})["in_flight"] == 1, within=5)
        with pytest.raises(urllib.error.HTTPError) as caught:
            proxy.call()
        caught.value.close()
        assert (caught.value.code, proxy.probe("/readyz")) == (503, 200)
        slow.join()
