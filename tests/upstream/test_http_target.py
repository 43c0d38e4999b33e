"""What a request's head names: the provider's url, and behind it the lane's path and query as they are written."""

import pytest
from doubles.http_calls import BODY, Request, failure_of, read, send
from doubles.raw_server import Peer, RawServer, answer

from fairlead_proxy.contract.config import Provider
from fairlead_proxy.contract.names import FailureClass, ProviderType
from fairlead_proxy.exchange.errors import UpstreamFailure
from fairlead_proxy.upstream.http_target import read_origin, request_url
from fairlead_proxy.upstream.http_transport import HttpTransport
from fairlead_proxy.upstream.transport import Lane

PATHS = [
    "/chat/completions",
    "/models/gemini-3-pro:streamGenerateContent?alt=sse",
    "/openai/deployments/my%20own%2Fgpt/chat/completions?api-version=2025-04-01-preview",
    "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fus.x-v1%3A0/converse-stream",
    "/model/a:b@c/%7e%41/converse",
    "/x/?a=b%26c&d=?/e",
    "?a=b",
    "",
]


def lane_to(url: str, path: str) -> Lane:
    return Lane(Provider(id="ai/p", type=ProviderType.OPENAI_COMPATIBLE, url=url), "POST", path, ())


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("base", ["", "/", "/v1", "/v1/"])
async def test_a_path_reaches_the_wire_as_it_is_written(transport: HttpTransport, base: str, path: str) -> None:
    lines: list[str] = []

    async def script(peer: Peer) -> None:
        lines.append((await peer.request()).decode().partition("\r\n")[0])
        await peer.send(answer(b"{}"))

    async with RawServer(script) as server:
        origin = f"http://127.0.0.1:{server.port}"
        lane = lane_to(origin + base, path)
        await read(await send(transport, Request(lane, BODY)))
        target = base.rstrip("/") + path
        target = target if target.startswith("/") else f"/{target}"
        assert lines == [f"POST {target} HTTP/1.1"]
        assert request_url(lane) == origin + target


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://api.example/v1", "https://api.example/v1/m?a=%2F"),
        ("https://api.example:443/v1", "https://api.example/v1/m?a=%2F"),
        ("https://API.Example:8443/", "https://api.example:8443/m?a=%2F"),
        ("http://[::1]:80/", "http://[::1]/m?a=%2F"),
        ("https://bücher.example", "https://xn--bcher-kva.example/m?a=%2F"),
    ],
)
def test_the_url_of_a_request_names_the_server_as_its_host_header_does(url: str, expected: str) -> None:
    assert request_url(lane_to(url, "/m?a=%2F")) == expected


@pytest.mark.parametrize(
    "path",
    ["x", ":80/x", "@evil.example/x", "/a b", "/a\r\nb", "/ä", "/%", "/%4", "/%zz", "/a#b", "/a?b#c", '/"', "//\\"],
)
async def test_a_path_that_is_none_is_not_sent(transport: HttpTransport, path: str) -> None:
    async with RawServer(lambda peer: peer.gone()) as server:
        failed = await failure_of(send(transport, Request(lane_to(server.url, path), BODY)))
        assert (failed.failure, server.connections) == (FailureClass.UNREACHABLE, 0)
        assert failed.detail == "the provider's url or the request's headers cannot be sent"


@pytest.mark.parametrize("url", ["https://a?", "https://a/v1?b=c", "https://a/v1#b", "https://a#", "https://u:p@a/v1"])
def test_a_providers_url_has_no_query_no_fragment_and_no_user(url: str) -> None:
    with pytest.raises(UpstreamFailure, match="not a plain http or https url"):
        read_origin(lane_to(url, "/m"))
