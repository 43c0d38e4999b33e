"""TLS as every real provider speaks it, with whom it trusts, and tunnels through a forward proxy."""

import asyncio
import datetime
import ssl
from collections.abc import Awaitable, Callable

import pytest
import trustme
from doubles.http_calls import LOOPBACK, failure_of, keep_answering, read, request_to, send
from doubles.raw_server import Peer, RawServer
from doubles.table_resolver import TableResolver

from fairlead_proxy.contract.config import Egress
from fairlead_proxy.contract.names import FailureClass
from fairlead_proxy.upstream.egress import RefusalReason
from fairlead_proxy.upstream.forward_proxy import may_tunnel, read_forward_proxy
from fairlead_proxy.upstream.http_transport import HttpTransport


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def pem_of(authority: trustme.CA) -> str:
    return authority.cert_pem.bytes().decode()


def server_tls(authority: trustme.CA, name: str, *, expired: bool = False) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    until = datetime.datetime(2001, 1, 1, tzinfo=datetime.UTC) if expired else None
    authority.issue_cert(name, not_before=datetime.datetime(2000, 1, 1), not_after=until).configure_cert(context)
    return context


def named(server: RawServer, name: str = "localhost") -> str:
    return server.url.replace("http://", "https://").replace("127.0.0.1", name)


async def test_a_providers_own_authority_is_trusted(transport: HttpTransport, authority: trustme.CA) -> None:
    async with RawServer(keep_answering, tls=server_tls(authority, "localhost")) as server:
        for _ in range(2):
            request = request_to(named(server), ca_pem=pem_of(authority))
            assert await read(await send(transport, request)) == b"{}"
        assert server.connections == 1


async def test_another_authority_is_not_trusted_in_its_place(transport: HttpTransport, authority: trustme.CA) -> None:
    async with RawServer(keep_answering, tls=server_tls(authority, "localhost")) as server:
        await read(await send(transport, request_to(named(server), ca_pem=pem_of(authority))))
        failed = await failure_of(send(transport, request_to(named(server), ca_pem=pem_of(trustme.CA()))))
        assert (failed.failure, failed.detail) == (
            FailureClass.UNREACHABLE,
            "the provider's certificate is not trusted",
        )


@pytest.mark.parametrize("expired", [False, True], ids=["of another name", "expired"])
async def test_a_certificate_that_does_not_fit_is_not_trusted(
    transport: HttpTransport, authority: trustme.CA, expired: bool
) -> None:
    tls = server_tls(authority, "localhost" if expired else "other.test", expired=expired)
    async with RawServer(keep_answering, tls=tls) as server:
        failed = await failure_of(send(transport, request_to(named(server), ca_pem=pem_of(authority))))
        assert failed.detail == "the provider's certificate is not trusted"


async def test_authorities_that_cannot_be_read_trust_nobody(transport: HttpTransport, authority: trustme.CA) -> None:
    async with RawServer(keep_answering, tls=server_tls(authority, "localhost")) as server:
        failed = await failure_of(send(transport, request_to(named(server), ca_pem="no certificate")))
        assert failed.detail == "the provider's certificate authorities cannot be read"
        assert server.connections == 0


async def test_the_server_sees_the_name_and_http_1_1_and_no_old_tls(authority: trustme.CA) -> None:
    names: list[str | None] = []
    tls = server_tls(authority, "models.test")
    tls.set_alpn_protocols(["h2", "http/1.1"])
    tls.sni_callback = lambda socket, name, context: names.append(name)
    chosen: list[str | None] = []

    async def script(peer: Peer) -> None:
        chosen.append(peer.tls.selected_alpn_protocol())
        chosen.append(peer.tls.version())
        await keep_answering(peer)

    made = HttpTransport(lambda: LOOPBACK, resolver=TableResolver({"models.test": [["127.0.0.1"]]}))
    async with RawServer(script, tls=tls) as server:
        await read(await send(made, request_to(named(server, "models.test"), ca_pem=pem_of(authority))))
        await made.close()
    assert (names, chosen) == (["models.test"], ["http/1.1", "TLSv1.3"])


async def test_old_tls_is_not_spoken(transport: HttpTransport, authority: trustme.CA) -> None:
    tls = server_tls(authority, "localhost")
    tls.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1 is deprecated"):
        tls.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.warns(DeprecationWarning, match="TLSv1_1 is deprecated"):
        tls.minimum_version = ssl.TLSVersion.TLSv1_1
    async with RawServer(keep_answering, tls=tls) as server:
        failed = await failure_of(send(transport, request_to(named(server), ca_pem=pem_of(authority))))
        assert failed.detail == "no TLS connection with the provider"


async def test_a_server_that_hangs_up_in_the_handshake_is_unreachable(transport: HttpTransport) -> None:
    async def script(peer: Peer) -> None:
        await peer.reader.read(10)

    async with RawServer(script) as server:
        failed = await failure_of(send(transport, request_to(named(server))))
        assert failed.detail == "no TLS connection with the provider"


def proxying(heads: list[bytes], to: RawServer) -> Callable[[Peer], Awaitable[None]]:
    """Return the script of a forward proxy that connects everything to one server."""

    async def script(peer: Peer) -> None:
        heads.append(await peer.request())
        await peer.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await peer.relay("127.0.0.1", to.port)

    return script


async def test_a_provider_is_reached_through_a_tunnel(transport: HttpTransport, authority: trustme.CA) -> None:
    heads: list[bytes] = []
    async with (
        RawServer(keep_answering, tls=server_tls(authority, "models.test")) as server,
        RawServer(proxying(heads, server)) as proxy,
    ):
        url = "https://models.test:8443/v1"
        for _ in range(2):
            request = request_to(
                url, ca_pem=pem_of(authority), forward_proxy=f"http://us%20er:pa:ss@127.0.0.1:{proxy.port}"
            )
            assert await read(await send(transport, request)) == b"{}"
        assert (server.connections, proxy.connections) == (1, 1)
    assert heads == [
        b"CONNECT models.test:8443 HTTP/1.1\r\nhost: models.test:8443\r\n"
        b"proxy-authorization: Basic dXMgZXI6cGE6c3M=\r\n\r\n"
    ]


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "does not accept our credentials (407)"),
        (b"HTTP/1.1 403 Forbidden\r\ncontent-length: 3\r\n\r\nno!", "refused the connection (403)"),
        (b"HTTP/1.1 301 Elsewhere\r\nlocation: http://x/\r\n\r\n", "refused the connection (301)"),
        (b"HTTP/1.1 200 OK\r\n\r\nand more", "sent more than its answer"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "gave no answer that is HTTP"),
        (b"HTTP/1.1 200 OK\r\n" + b"x" * 20_000, "gave no answer that is HTTP"),
        (b"", "gave no answer that is HTTP"),
    ],
)
async def test_a_proxy_that_makes_no_tunnel_is_unreachable(
    transport: HttpTransport, answer: bytes, detail: str
) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(answer)

    async with RawServer(script) as proxy:
        request = request_to("https://models.test/v1", forward_proxy=f"http://127.0.0.1:{proxy.port}")
        failed = await failure_of(send(transport, request))
        assert (failed.failure, failed.detail) == (
            FailureClass.UNREACHABLE,
            f"no connection: the forward proxy {detail}",
        )


async def test_a_proxy_that_is_slow_falls_under_the_deadline_of_connecting(transport: HttpTransport) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await asyncio.Event().wait()

    async with RawServer(script) as proxy:
        request = request_to(
            "https://models.test/v1", forward_proxy=f"http://127.0.0.1:{proxy.port}", connect_seconds=0.2
        )
        assert (await failure_of(send(transport, request))).detail == "no connection within 0.2 s"


async def test_a_proxy_at_an_address_that_is_not_for_us_is_refused() -> None:
    made = HttpTransport(Egress)
    async with RawServer(keep_answering) as proxy:
        request = request_to("https://models.test/v1", forward_proxy=f"http://127.0.0.1:{proxy.port}")
        assert (await failure_of(send(made, request))).detail.startswith("egress refused: 127.0.0.1 is at an address")
        await made.close()
        assert proxy.connections == 0


@pytest.mark.parametrize(
    ("url", "proxy", "detail"),
    [
        ("http://models.test/v1", "http://127.0.0.1:1", "through a forward proxy only https is spoken"),
        ("https://models.test/v1", "https://127.0.0.1:1", "the provider's forward proxy is not a plain http url"),
        ("https://models.test/v1", "127.0.0.1:1", "the provider's forward proxy is not a plain http url"),
        ("https://models.test/v1", "http://127.0.0.1:1/path", "the provider's forward proxy is not a plain http url"),
    ],
)
async def test_what_cannot_go_through_a_proxy_is_said(
    transport: HttpTransport, url: str, proxy: str, detail: str
) -> None:
    assert (await failure_of(send(transport, request_to(url, forward_proxy=proxy)))).detail == detail


@pytest.mark.parametrize("host", ["10.0.0.1", "127.1", "0x7f000001", "2130706433", "::1", "127.0.0.1.", "0"])
def test_no_spelling_of_a_private_address_goes_through_a_proxy(host: str) -> None:
    refused = may_tunnel(Egress(), "ai", host)
    assert refused is not None
    assert refused.reason is RefusalReason.ADDRESS


def test_metadata_is_not_reached_through_a_proxy_either() -> None:
    refused = may_tunnel(Egress(deny_private_ranges=False), "ai", "169.254.169.254")
    assert refused is not None
    assert refused.reason is RefusalReason.METADATA


def test_a_name_that_is_not_allowed_does_not_go_through_a_proxy() -> None:
    rules = Egress(allow_hosts=("*.openai.com",))
    assert may_tunnel(rules, "ai", "api.openai.com") is None
    refused = may_tunnel(rules, "ai", "example.com")
    assert refused is not None
    assert refused.reason is RefusalReason.HOST


def test_a_proxy_without_a_port_has_the_usual_one() -> None:
    proxy = read_forward_proxy("http://proxy.example")
    assert proxy is not None
    assert (proxy.host, proxy.port, proxy.authorization) == ("proxy.example", 80, "")
