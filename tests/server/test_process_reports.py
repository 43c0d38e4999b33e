"""What a running proxy tells of itself: logs, metrics, the record of a call, and reports to an operator."""

import json
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from doubles.mounted_config import (
    ADMIN_TOKEN,
    fragments_of,
    gateway,
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
from fence.fetching import fetched

from fairlead_proxy.contract.keys import KeyRing, debug_token


def test_a_call_can_be_looked_up_by_its_id(proxy: ProxyProcess) -> None:
    with sdk(proxy) as client:
        answer = client.chat.completions.with_raw_response.create(model="smart", messages=MESSAGES)
    record = proxy.admin(f"/debug/decisions/{answer.headers['x-fairlead-decision']}")
    assert (record["rule"], record["code"], record["attempts"][0]["target"]) == ("all", 200, "default/sim/tiny")


def test_each_call_is_one_line_of_the_access_log(proxy: ProxyProcess) -> None:
    with sdk(proxy) as client:
        answer = client.chat.completions.with_raw_response.create(model="smart", messages=MESSAGES)
    call = answer.headers["x-fairlead-decision"]
    lines = eventually(lambda: [line for line in proxy.access_lines() if line["call"] == call], within=5)
    facts = [(line["code"], line["namespace"], line["provider"]) for line in lines]
    assert facts == [(200, "default", "default/sim")]
    assert "hello" not in proxy.out.read_text()


def test_a_log_line_is_json_with_its_facts_as_fields(proxy: ProxyProcess) -> None:
    lines = [json.loads(line) for line in proxy.err.read_text().splitlines()]
    ready = next(line for line in lines if line["message"] == "ready")
    assert (ready["level"], ready["proxy"]) == ("info", "proxy")


def test_metrics_are_open_and_the_rest_needs_the_token(proxy: ProxyProcess) -> None:
    assert [proxy.probe(path) for path in ("/healthz", "/readyz", "/metrics")] == [200, 200, 200]
    assert [proxy.probe(path) for path in ("/debug/config", "/debug/decisions/x")] == [401, 401]
    assert [proxy.probe(path) for path in ("/report", "/v1/models", "/")] == [404, 404, 404]


def test_the_metrics_tell_of_calls_and_of_the_revision(proxy: ProxyProcess) -> None:
    proxy.call()
    with urllib.request.urlopen(f"http://127.0.0.1:{proxy.admin_port}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    assert 'fairlead_requests_total{code="200"' in text
    assert f'fairlead_config_info{{revision="{proxy.admin("/debug/config")["revision"]}"}} 1.0' in text
    assert all(name in text for name in ("process_resident_memory_bytes", "\nfairlead_tasks ", "python_gc_objects"))


def test_the_debug_page_shows_the_configuration_and_no_key(proxy: ProxyProcess) -> None:
    shown = proxy.admin("/debug/config")
    assert sorted(shown["fragments"]) == [
        "ModelGateway/default/main",
        "ModelProvider/default/sim",
        "RoutePolicy/default/chat",
    ]
    assert set(shown) == {"revision", "keys", "refused", "fragments"}


def test_an_edit_is_acknowledged_within_a_second_by_who_waits_for_it(tmp_path: Path) -> None:
    with proxy_process(tmp_path) as proxy:
        before = proxy.admin("/report", {})
        edit = fragments_of(gateway(), provider(), policy("chat", "renamed"))
        timer = threading.Timer(0.2, proxy.config.publish, [edit])
        timer.start()
        asked = time.monotonic()
        after = proxy.admin("/report", {"after": before["sequence"], "wait_seconds": 20, "fragments": True})
        waited = time.monotonic() - asked
        timer.join()
        with sdk(proxy) as client:
            assert [model.id for model in client.models.list()] == ["renamed"]
    assert after["revision"] != before["revision"]
    assert after["fragments"]["RoutePolicy/default/chat"] == edit[2].header.hash
    assert waited < 1.2


def test_a_report_without_news_comes_when_the_wait_is_over(proxy: ProxyProcess) -> None:
    before = proxy.admin("/report", {})
    asked = time.monotonic()
    after = proxy.admin("/report", {"after": before["sequence"], "wait_seconds": 0.3})
    assert time.monotonic() - asked >= 0.3
    assert after["sequence"] == before["sequence"]


def test_a_reader_that_knows_a_process_before_us_gets_a_report_at_once(proxy: ProxyProcess) -> None:
    asked = time.monotonic()
    proxy.admin("/report", {"after": 1_000_000, "wait_seconds": 20})
    assert time.monotonic() - asked < 5


def test_a_cooldown_learnt_elsewhere_holds_here(tmp_path: Path) -> None:
    cooldown = {
        "provider": "default/sim",
        "credential": "anonymous",
        "model": "",
        "mode": "plain",
        "reason": "RateLimited",
        "until": time.time() + 60,
        "retry_after": True,
    }
    with proxy_process(tmp_path) as proxy:
        report = proxy.admin("/report", {"duties": {"cooldowns": [cooldown]}})
        with pytest.raises(urllib.error.HTTPError) as caught:
            proxy.call()
        caught.value.close()
    seen = [(each["mode"], each["breaker"], each["reason"]) for each in report["observations"]]
    assert seen == [("plain", "Open", "RateLimited")]
    assert (caught.value.code, caught.value.headers["x-should-retry"]) == (503, "false")


def test_the_token_before_the_present_one_is_still_taken_and_an_older_one_is_not(tmp_path: Path) -> None:
    with proxy_process(tmp_path) as proxy:
        rotated = KeyRing(admin_tokens=("the-next-token", ADMIN_TOKEN))
        version = proxy.config.publish_keys(rotated)
        eventually(lambda: proxy.admin("/report", {})["keys"] == version, within=5)
        proxy.config.publish_keys(KeyRing(admin_tokens=("one-more-token", "the-next-token")))
        eventually(lambda: _refused(proxy), within=5)


@pytest.mark.parametrize(
    ("path", "token", "code"),
    [
        ("/debug/config", ADMIN_TOKEN, 200),
        ("/debug/config", debug_token(ADMIN_TOKEN), 200),
        ("/debug/decisions/unknown", debug_token(ADMIN_TOKEN), 404),
        ("/debug/config", "", 401),
        ("/debug/config", debug_token("another"), 401),
        ("/report", debug_token(ADMIN_TOKEN), 401),
    ],
)
def test_the_debug_token_reads_and_gives_no_duties(proxy: ProxyProcess, path: str, token: str, code: int) -> None:
    body = b'{"duties": {"retired": true}}' if path == "/report" else None
    url = f"http://127.0.0.1:{proxy.admin_port}{path}"
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    status, _, _ = fetched(urllib.request.Request(url, body, headers))
    assert status == code


def _refused(proxy: ProxyProcess) -> bool:
    try:
        proxy.admin("/report", {})
    except urllib.error.HTTPError as error:
        error.close()
        return error.code == 401
    return False


def test_a_report_request_that_is_none_is_a_400(proxy: ProxyProcess) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        proxy.admin("/report", {"after": "soon"})
    caught.value.close()
    assert caught.value.code == 400


def test_a_proxy_remembers_as_many_calls_as_the_configuration_in_force_says(tmp_path: Path) -> None:
    with proxy_process(tmp_path, config=standard_config(tmp_path / "config", decision_ring=3)) as proxy:
        calls = [_called(proxy) for _ in range(4)]
        assert [_code(proxy, call) for call in calls] == ["decision_not_found", "", "", ""]
        _use(proxy, decision_ring=1)
        assert [_code(proxy, call) for call in calls[2:]] == ["decision_not_found", ""]
        _use(proxy, decision_ring=0)
        assert _code(proxy, calls[-1]) == "decisions_not_kept"
        assert _code(proxy, _called(proxy)) == "decisions_not_kept"
        _use(proxy, decision_ring=2)
        assert _code(proxy, _called(proxy)) == ""


def _called(proxy: ProxyProcess) -> str:
    """Make a call; return its id."""
    with sdk(proxy) as client:
        answer = client.chat.completions.with_raw_response.create(model="smart", messages=MESSAGES)
    return str(answer.headers["x-fairlead-decision"])


def _code(proxy: ProxyProcess, call: str) -> str:
    """Return why a proxy does not tell of a call; empty where it does."""
    try:
        assert proxy.admin(f"/debug/decisions/{call}")["call"] == call
    except urllib.error.HTTPError as error:
        with error:
            return str(json.loads(error.read())["error"]["code"])
    return ""


def _use(proxy: ProxyProcess, **gateway_fields: object) -> None:
    revision = proxy.config.publish(fragments_of(gateway(**gateway_fields), provider(), policy()))
    eventually(lambda: proxy.admin("/report", {})["revision"] == revision, within=5)
