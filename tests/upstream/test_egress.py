"""No provider's url reaches what its namespace may not: judged on the address, enforced where the socket is made."""

from ipaddress import ip_address

import pytest
from doubles.http_calls import Request, send
from doubles.raw_server import Peer, RawServer, answer
from doubles.table_resolver import TableResolver
from hypothesis import given
from hypothesis import strategies as st

from fairlead_proxy.contract.config import AllowedNetwork, Egress, Provider
from fairlead_proxy.contract.names import FailureClass, ProviderType
from fairlead_proxy.exchange.errors import UpstreamFailure
from fairlead_proxy.upstream.egress import METADATA_ADDRESSES, RefusalReason, Refused, host_matches, may_connect
from fairlead_proxy.upstream.http_transport import HttpTransport
from fairlead_proxy.upstream.transport import Lane

CLOSED = Egress()
STANDALONE = Egress(deny_private_ranges=False)
EVERYTHING = Egress(
    allow_networks=(
        AllowedNetwork(cidr="0.0.0.0/0", namespaces=("ai",)),
        AllowedNetwork(cidr="::/0", namespaces=("ai",)),
    )
)
PRIVATE = Egress(allow_networks=(AllowedNetwork(cidr="10.20.0.0/16", namespaces=("ai",)),))


def judge(
    egress: Egress, address: str, *, namespace: str = "ai", host: str = "models.example.com", scheme: str = "https"
) -> Refused | None:
    return may_connect(egress, namespace, host, ip_address(address), scheme=scheme)


def reason(refused: Refused | None) -> RefusalReason | None:
    return refused.reason if refused else None


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "1.1.1.1", "172.32.0.1", "192.169.0.1", "2606:4700::1111", "2a00:1450::1"]
)
def test_public_addresses_are_reached_by_https(address: str) -> None:
    assert judge(CLOSED, address) is None
    assert judge(STANDALONE, address) is None


@pytest.mark.parametrize("egress", [CLOSED, STANDALONE])
def test_public_addresses_are_not_reached_in_the_clear(egress: Egress) -> None:
    assert reason(judge(egress, "8.8.8.8", scheme="http")) is RefusalReason.PLAIN_HTTP


NOT_PUBLIC = [
    *("127.0.0.1", "127.255.255.254", "::1"),
    *("10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "fc00::1", "fd12:3456::1"),
    *("169.254.1.1", "fe80::1", "fec0::1"),
    *("0.0.0.0", "0.1.2.3", "::", "255.255.255.255", "240.0.0.1", "192.0.0.1", "192.0.2.1", "198.18.0.1"),
    *("224.0.0.1", "239.1.1.1", "ff02::1", "ff0e::1"),
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:8.8.8.8", "::7f00:1", "::a00:1"),
    *("64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b::808:808", "64:ff9b:1::1", "64:ff9b:1:ffff::a00:1"),
    *("2002:7f00:1::", "2002:a00:1::1", "2002:808:808::1", "2001:0:808:808::f5ff:fffe"),
    *("2606:4700::5efe:a00:1", "2606:4700::200:5efe:808:808", "2001:db8::1", "100::1"),
]


@pytest.mark.parametrize("address", NOT_PUBLIC)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_whatever_is_not_public_is_refused(address: str, scheme: str) -> None:
    assert reason(judge(CLOSED, address, scheme=scheme)) is RefusalReason.ADDRESS


@pytest.mark.parametrize("metadata", sorted(map(str, METADATA_ADDRESSES)))
@pytest.mark.parametrize("egress", [CLOSED, STANDALONE, EVERYTHING])
def test_metadata_is_never_reached(metadata: str, egress: Egress) -> None:
    assert reason(judge(egress, metadata)) is RefusalReason.METADATA


@pytest.mark.parametrize(
    "address",
    ["::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1", "::a9fe:a9fe", "fe80::5efe:a9fe:a9fe"],
)
@pytest.mark.parametrize("egress", [CLOSED, STANDALONE, EVERYTHING])
def test_metadata_is_never_reached_through_another_form(address: str, egress: Egress) -> None:
    assert reason(judge(egress, address)) is RefusalReason.METADATA


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_listed_network_is_reached_by_its_namespaces(scheme: str) -> None:
    assert judge(PRIVATE, "10.20.3.4", scheme=scheme) is None
    assert reason(judge(PRIVATE, "10.20.3.4", namespace="other", scheme=scheme)) is RefusalReason.ADDRESS
    assert reason(judge(PRIVATE, "10.21.3.4", scheme=scheme)) is RefusalReason.ADDRESS


def test_a_listed_network_is_reached_in_its_mapped_form() -> None:
    assert judge(PRIVATE, "::ffff:10.20.3.4") is None


def test_a_listed_translation_reaches_public_addresses_only() -> None:
    nat64 = Egress(allow_networks=(AllowedNetwork(cidr="64:ff9b::/96", namespaces=("ai",)),))
    assert judge(nat64, "64:ff9b::808:808") is None
    assert reason(judge(nat64, "64:ff9b::a00:1")) is RefusalReason.ADDRESS


def test_a_network_that_cannot_be_read_admits_nothing() -> None:
    broken = Egress(allow_networks=(AllowedNetwork(cidr="10.0.0.0/99", namespaces=("ai",)),))
    assert reason(judge(broken, "10.0.0.1")) is RefusalReason.ADDRESS


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "10.1.2.3", "192.168.1.1", "fd00::1", "::ffff:127.0.0.1"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_standalone_reaches_loopback_and_private_ranges(address: str, scheme: str) -> None:
    assert judge(STANDALONE, address, scheme=scheme) is None


@pytest.mark.parametrize(
    "address", ["169.254.1.1", "fe80::1", "0.0.0.0", "224.0.0.1", "64:ff9b::a00:1", "2002:a00:1::1"]
)
def test_standalone_reaches_nothing_else_that_is_not_public(address: str) -> None:
    assert reason(judge(STANDALONE, address)) is RefusalReason.ADDRESS


@pytest.mark.parametrize(
    ("pattern", "host", "matches"),
    [
        ("api.openai.com", "api.openai.com", True),
        ("api.openai.com", "API.OpenAI.com.", True),
        ("api.openai.com", "evil-api.openai.com", False),
        ("*.openai.com", "api.openai.com", True),
        ("*.openai.com", "eu.api.openai.com", True),
        ("*.openai.com", "openai.com", False),
        ("*.openai.com", "evilopenai.com", False),
        ("*.openai.com", "api.openai.com.evil.com", False),
    ],
)
def test_hosts_match_exactly_or_below_a_domain(pattern: str, host: str, matches: bool) -> None:
    assert host_matches(pattern, host) is matches


def test_allowed_hosts_narrow_public_and_lifted_addresses() -> None:
    for egress in (
        Egress(allow_hosts=("*.openai.com",)),
        Egress(allow_hosts=("*.openai.com",), deny_private_ranges=False),
    ):
        assert judge(egress, "8.8.8.8", host="api.openai.com") is None
        assert reason(judge(egress, "8.8.8.8", host="example.com")) is RefusalReason.HOST
    assert reason(judge(Egress(allow_hosts=()), "8.8.8.8")) is RefusalReason.HOST


def test_allowed_hosts_do_not_narrow_a_listed_network() -> None:
    egress = Egress(allow_hosts=("*.openai.com",), allow_networks=PRIVATE.allow_networks)
    assert judge(egress, "10.20.0.1", host="vllm.lab.svc") is None


@given(st.integers(0, 2**128 - 1) | st.integers(0, 2**32 - 1))
def test_every_address_is_judged_and_private_ones_are_never_public(number: int) -> None:
    address = ip_address(number)
    admitted = may_connect(CLOSED, "ai", "h", address, scheme="https") is None
    assert not admitted or address.is_global


LOOPBACK_URLS = [
    *(
        "http://127.0.0.1:{port}/v1",
        "http://127.0.0.1.:{port}/v1",
        "http://127.1:{port}/v1",
        "http://127.0.1:{port}/v1",
    ),
    *("http://2130706433:{port}/v1", "http://0x7f000001:{port}/v1", "http://0x7f.0.0.1:{port}/v1"),
    *("http://0177.0.0.1:{port}/v1", "http://017700000001:{port}/v1", "http://0.0.0.0:{port}/v1", "http://0:{port}/v1"),
    *("http://localhost:{port}/v1", "http://LOCALHOST:{port}/v1"),
    *("http://①②⑦.0.0.1:{port}/v1", "http://127。0。0。1:{port}/v1", "http://１２７.0.0.1:{port}/v1"),
    *("http://[::ffff:127.0.0.1]:{port}/v1", "http://[::ffff:7f00:1]:{port}/v1", "http://[::1]:{port}/v1"),
    *("http://[::]:{port}/v1", "http://[0:0:0:0:0:ffff:7f00:0001]:{port}/v1", "http://127.0.0.2:{port}/v1"),
    *("http://%31%32%37.0.0.1:{port}/v1", "https://127.0.0.1:{port}/v1", "https://localhost:{port}/v1"),
    *("http://api.openai.com@127.0.0.1:{port}/v1", "http://a:b@127.0.0.1:{port}/v1", "http://127.0.0.1:{port}/v1?x=1"),
    *(
        "http://127.0.0.1:{port}/v1#",
        "http://127.0.0.1:{port}/#@api.openai.com",
        "http://127.0.0.1:{port}#.example.com",
    ),
    *("http://127.0.0.1:{port}\\@example.com/v1", "//127.0.0.1:{port}/v1", "127.0.0.1:{port}/v1", "http:///v1", ""),
    *("file:///etc/passwd", "ftp://127.0.0.1:{port}/", "gopher://127.0.0.1:{port}/", "unix:///run/x.sock"),
    *("http://127.0.0.1:{port}:80/v1", "http://[::1/v1", "http://127.0.0.1:99999/v1", "ws://127.0.0.1:{port}/v1"),
]


@pytest.mark.parametrize("pattern", LOOPBACK_URLS)
async def test_no_spelling_of_loopback_gets_past_the_guard(pattern: str) -> None:
    async def script(peer: Peer) -> None:
        await peer.send(answer(b"secret"))

    transport = HttpTransport(lambda: CLOSED)
    async with RawServer(script) as server:
        url = pattern.format(port=server.port)
        provider = Provider(id="ai/p", type=ProviderType.OPENAI_COMPATIBLE, url=url)
        with pytest.raises(UpstreamFailure) as failed:
            await send(transport, Request(Lane(provider, "GET", "/models", ())))
        await transport.close()
        assert server.connections == 0
    assert failed.value.failure is FailureClass.UNREACHABLE


@pytest.mark.parametrize(
    "pattern", ["http://①②⑦.0.0.1:{port}/v1", "http://LOCALHOST:{port}/v1", "http://[::ffff:7f00:1]:{port}/v1"]
)
async def test_odd_spellings_reach_loopback_where_it_is_admitted(pattern: str) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(answer(b"{}"))

    transport = HttpTransport(lambda: STANDALONE)
    async with RawServer(script) as server:
        provider = Provider(id="ai/p", type=ProviderType.OPENAI_COMPATIBLE, url=pattern.format(port=server.port))
        try:
            (await send(transport, Request(Lane(provider, "GET", "/models", ())))).close()
        finally:
            await transport.close()
        assert server.connections == 1


@pytest.mark.parametrize("url", ["http://127.0.0.1:{port}/v1", "http://localhost:{port}/v1"])
async def test_a_refusal_says_which_rule_and_not_which_address(url: str) -> None:
    async def script(peer: Peer) -> None:
        await peer.send(answer(b"secret"))

    transport = HttpTransport(lambda: CLOSED)
    async with RawServer(script) as server:
        provider = Provider(id="team/p", type=ProviderType.OPENAI_COMPATIBLE, url=url.format(port=server.port))
        with pytest.raises(UpstreamFailure, match=r"egress refused.*loopback.*egress\.allowCIDRs.*namespace team"):
            await send(transport, Request(Lane(provider, "GET", "/models", ())))
        await transport.close()


LISTED = Egress(allow_networks=(AllowedNetwork(cidr="127.0.0.2/32", namespaces=("ai",)),))


async def reached(addresses: list[list[str]], calls: int = 1) -> list[str]:
    """Return what became of each call to a name that resolves so, where only 127.0.0.2 is listed."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(answer(b"{}", b"connection: close"))

    ended: list[str] = []
    transport = HttpTransport(lambda: LISTED, resolver=TableResolver({"models.test": addresses}))
    async with RawServer(script, host="0.0.0.0") as server:
        provider = Provider(id="ai/p", type=ProviderType.OPENAI_COMPATIBLE, url=f"http://models.test:{server.port}/v1")
        for _ in range(calls):
            try:
                (await send(transport, Request(Lane(provider, "GET", "/models", ())))).close()
                ended.append("reached")
            except UpstreamFailure as failed:
                ended.append(failed.detail.partition(":")[0])
    await transport.close()
    return ended


async def test_a_name_is_judged_by_what_it_resolves_to() -> None:
    assert await reached([["127.0.0.2"]]) == ["reached"]
    assert await reached([["127.0.0.1"]]) == ["egress refused"]


async def test_a_name_that_changes_its_address_is_judged_anew() -> None:
    assert await reached([["127.0.0.2"], ["127.0.0.1"], ["127.0.0.2"]], calls=3) == [
        "reached",
        "egress refused",
        "reached",
    ]


async def test_of_several_addresses_only_the_admitted_one_is_reached() -> None:
    assert await reached([["127.0.0.1", "127.0.0.2"]]) == ["reached"]
    assert await reached([["127.0.0.1", "127.0.0.3"]]) == ["egress refused"]
