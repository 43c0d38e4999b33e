"""Calls over TLS: what a listener shows, and what becomes of connections when that is renewed."""

import http.client
import json
import ssl
import urllib.request
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import openai
import pytest
import trustme
from doubles.mounted_config import key_ring
from doubles.processes import eventually, free_port
from doubles.proxy_process import COMMAND, ProxyProcess, proxy_process, standard_config
from prometheus_client.parser import text_string_to_metric_families

from fairlead_proxy.cli import main
from fairlead_proxy.contract.keys import Certificate

BODY = json.dumps({"model": "smart", "messages": [{"role": "user", "content": "hello"}]})


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


def pair(authority: trustme.CA, ends: datetime | None = None) -> Certificate:
    issued = authority.issue_cert("127.0.0.1", "gateway.example", not_after=ends)
    chain = b"".join(part.bytes() for part in issued.cert_chain_pems)
    expires_at = ends.timestamp() if ends is not None else 0.0
    return Certificate(chain=chain.decode(), key=issued.private_key_pem.bytes().decode(), expires_at=expires_at)


def publish(proxy: ProxyProcess, **certificates: Certificate) -> None:
    proxy.config.publish_keys(msgspec.structs.replace(key_ring(), certificates=certificates))


@contextmanager
def tls_proxy(directory: Path, certificate: Certificate | None = None) -> Iterator[tuple[ProxyProcess, int]]:
    """Start a proxy with the listener `https`; with the port of that."""
    port = free_port()
    config = standard_config(directory / "config", tokens_per_second=20.0)
    certificates = {} if certificate is None else {"https": certificate}
    config.publish_keys(msgspec.structs.replace(key_ring(), certificates=certificates))
    options = ("--listen-tls", f"https=127.0.0.1:{port}")
    with proxy_process(directory, *options, config=config, ready=certificate is not None) as proxy:
        yield proxy, port


def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def shown(authority: trustme.CA, port: int) -> bytes | None:
    """Return the certificate that a new connection is shown; None where there is none."""
    try:
        with closing(http.client.HTTPSConnection("127.0.0.1", port, context=trusting(authority), timeout=5)) as one:
            one.connect()
            assert isinstance(one.sock, ssl.SSLSocket)
            return one.sock.getpeercert(binary_form=True)
    except OSError:
        return None


def expiries(proxy: ProxyProcess) -> dict[str, float]:
    """Return what the metrics say of the end of certificates, by listener."""
    with urllib.request.urlopen(f"http://127.0.0.1:{proxy.admin_port}/metrics", timeout=5) as answer:
        families = text_string_to_metric_families(answer.read().decode())
        return {
            sample.labels["listener"]: sample.value
            for family in families
            for sample in family.samples
            if sample.name == "fairlead_certificate_expiry_timestamp_seconds"
        }


def test_an_sdk_calls_over_tls_plain_and_streaming(tmp_path: Path, authority: trustme.CA) -> None:
    with tls_proxy(tmp_path, pair(authority)) as (_, port):
        client = openai.DefaultHttpxClient(verify=trusting(authority))
        with openai.OpenAI(
            base_url=f"https://127.0.0.1:{port}/v1", api_key="none", max_retries=0, http_client=client
        ) as sdk:
            answer = sdk.chat.completions.create(model="smart", messages=[{"role": "user", "content": "hello"}])
            assert answer.choices[0].finish_reason == "stop"
            stream = sdk.chat.completions.create(
                model="smart", messages=[{"role": "user", "content": "hello"}], stream=True
            )
            assert list(stream)[-1].choices[0].finish_reason == "stop"


def test_what_speaks_no_tls_gets_no_answer_there_and_harms_nobody(tmp_path: Path, authority: trustme.CA) -> None:
    with tls_proxy(tmp_path, pair(authority)) as (proxy, port):
        plain = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        with closing(plain):
            plain.request("POST", "/v1/chat/completions", BODY, {"content-type": "application/json"})
            with pytest.raises((OSError, http.client.HTTPException)):
                plain.getresponse()
        assert shown(authority, port) is not None
        assert proxy.call()["object"] == "chat.completion", "the plain listener beside it serves on"


def test_only_tls_of_today_is_spoken(tmp_path: Path, authority: trustme.CA) -> None:
    with tls_proxy(tmp_path, pair(authority)) as (_, port):
        context = trusting(authority)
        with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
            context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.set_ciphers("DEFAULT@SECLEVEL=0")  # so that this end would agree to it
        one = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=5)
        with closing(one), pytest.raises(ssl.SSLError):
            one.connect()


def test_a_renewed_certificate_is_shown_to_who_connects_and_cuts_nobody(tmp_path: Path, authority: trustme.CA) -> None:
    with tls_proxy(tmp_path, pair(authority)) as (proxy, port):
        before = shown(authority, port)
        kept = http.client.HTTPSConnection("127.0.0.1", port, context=trusting(authority), timeout=20)
        streamed = json.dumps({**json.loads(BODY), "stream": True})
        kept.request("POST", "/v1/chat/completions", streamed, {"content-type": "application/json"})
        answer = kept.getresponse()
        first = answer.readline()

        publish(proxy, https=pair(authority))
        eventually(lambda: shown(authority, port) not in (None, before), within=10)

        assert first + answer.read() != b""
        kept.request("POST", "/v1/chat/completions", BODY, {"content-type": "application/json"})
        assert kept.getresponse().status == 200, "the connection from before goes on"
        kept.close()


def test_without_a_certificate_a_proxy_is_not_ready_until_one_comes(tmp_path: Path, authority: trustme.CA) -> None:
    with tls_proxy(tmp_path) as (proxy, port):
        eventually(lambda: "listening" in proxy.err.read_text() and proxy.probe("/healthz") == 200, within=20)
        eventually(lambda: proxy.probe("/readyz") == 503, within=20)
        assert shown(authority, port) is None
        publish(proxy, https=pair(authority))
        eventually(lambda: proxy.probe("/readyz") == 200, within=10)
        assert shown(authority, port) is not None


def test_a_certificate_that_goes_or_cannot_be_loaded_leaves_the_last_one(tmp_path: Path, authority: trustme.CA) -> None:
    one, other = pair(authority), pair(authority)
    with tls_proxy(tmp_path, one) as (proxy, port):
        before = shown(authority, port)
        publish(proxy, https=Certificate(chain=one.chain, key=other.key))
        eventually(lambda: "certificate refused" in proxy.err.read_text(), within=10)
        assert shown(authority, port) == before
        publish(proxy)
        eventually(lambda: proxy.err.read_text().count("key ring loaded") >= 2, within=10)
        assert shown(authority, port) == before
        assert proxy.probe("/readyz") == 200
        assert "PRIVATE" not in proxy.err.read_text()


def test_the_metrics_tell_when_the_certificate_that_is_shown_ends(tmp_path: Path, authority: trustme.CA) -> None:
    soon, later = (datetime(year, 5, 6, 7, 8, 9, tzinfo=UTC) for year in (2031, 2051))
    one, other = pair(authority, soon), pair(authority, later)
    with tls_proxy(tmp_path, one) as (proxy, _):
        assert expiries(proxy) == {"https": soon.timestamp()}, "and the plain listener has none"
        publish(proxy, https=msgspec.structs.replace(other, key=one.key))
        eventually(lambda: "certificate refused" in proxy.err.read_text(), within=10)
        assert expiries(proxy) == {"https": soon.timestamp()}, "the one from before is still shown"
        publish(proxy, https=other)
        eventually(lambda: expiries(proxy) == {"https": later.timestamp()}, within=10)
        publish(proxy, https=pair(authority))
        eventually(lambda: expiries(proxy) == {}, within=10)


def test_a_proxy_without_a_certificate_tells_of_no_end(tmp_path: Path) -> None:
    with tls_proxy(tmp_path) as (proxy, _):
        eventually(lambda: proxy.probe("/healthz") == 200, within=20)
        assert expiries(proxy) == {}


def test_a_proxy_that_shall_listen_nowhere_does_not_start(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*COMMAND[3:], "--config", str(tmp_path)]) == 2
    assert capsys.readouterr().err == (
        "fairlead-proxy: --listen or --listen-tls is needed; give HOST:PORT, or NAME=HOST:PORT\n"
    )
