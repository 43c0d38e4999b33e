"""No url of a tenant's provider leads where it must not: seventy of them and three resolvers, judged at the socket."""

import itertools

import pytest
from doubles.compiled import read_inventory
from doubles.raw_server import Peer, RawServer, answer
from fence.reach import Names, Reached, call, on_noting_loop, reach
from fence.urls import BAD_URLS, GOOD_URLS, IN_CLUSTER, Bad, RefusedBy

from fairlead_operator.compiler.compile import compile_inventory
from fairlead_operator.resources.meta import Kind, ObjectRef
from fairlead_operator.verdict import Ruling, Truth
from fairlead_proxy.contract.config import AllowedNetwork, Egress
from fairlead_proxy.upstream.resolver import FRESH_SECONDS, Resolver

OPEN = Egress(allow_networks=(AllowedNetwork(cidr="127.0.0.0/8", namespaces=("team",)),))
ONE_HOST = Egress(allow_networks=(AllowedNetwork(cidr="127.0.0.2/32", namespaces=("team",)),))
PUBLIC = "104.18.6.192"
NAME = "models.attacker.example"
ADDRESSES = sorted({bad.leads_to for bad in BAD_URLS if bad.leads_to and "%" not in bad.leads_to})
OBJECTS = """
apiVersion: fairlead.dev/v1alpha1
kind: ModelGateway
metadata: {name: main, namespace: team}
spec: {auth: {apiKeys: {}}}
---
apiVersion: fairlead.dev/v1alpha1
kind: ModelProvider
metadata: {name: p, namespace: team}
spec: {type: OpenAICompatible, endpoint: {url: "URL"}, models: [{name: m}]}
"""


def accepted(url: str) -> Ruling:
    """Return what the operator rules on a provider with this url."""
    escaped = url.replace("\\", "\\\\").replace("\r", "\\r").replace("\n", "\\n").replace("\t", "\\t")
    compilation = compile_inventory(read_inventory(OBJECTS.replace("URL", escaped)))
    return compilation.verdicts[ObjectRef(Kind.MODEL_PROVIDER, "team", "p")].accepted


def names() -> Names:
    return Names({name: [address] for name, address in IN_CLUSTER.items()})


def test_the_table_is_as_large_as_it_claims() -> None:
    assert len({bad.url for bad in BAD_URLS}) == len(BAD_URLS) >= 70


@pytest.mark.parametrize("bad", BAD_URLS, ids=lambda bad: ascii(bad.url))
def test_a_url_never_gets_as_far_as_a_connect(bad: Bad) -> None:
    """Also where the operator refuses it: a proxy does not rely on that."""
    reached = reach(bad.url, names())
    assert (reached.connected, reached.connections) == ([], 0)
    assert reached.ended[0].startswith("Unreachable: ")


@pytest.mark.parametrize("bad", BAD_URLS, ids=lambda bad: ascii(bad.url))
def test_the_operator_refuses_what_is_no_plain_url_and_says_where_and_what_to_do(bad: Bad) -> None:
    ruling = accepted(bad.url.replace("{port}", "8443"))
    by = RefusedBy.GUARD if ruling.truth is Truth.TRUE else RefusedBy.OPERATOR
    told = ruling.message.startswith("spec.endpoint.url: ") and len(ruling.message) > len("spec.endpoint.url: ")
    assert (by, told) == (bad.by, bad.by is RefusedBy.OPERATOR)


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_name_that_leads_to_such_an_address_is_refused_at_the_socket(address: str, scheme: str) -> None:
    reached = reach(f"{scheme}://{NAME}:{{port}}/v1", Names({NAME: [address]}))
    assert (reached.connected, reached.connections) == ([], 0)
    assert "egress refused" in reached.ended[0]


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_name_that_is_public_first_and_such_an_address_next_is_judged_at_each_connect(address: str) -> None:
    reached = reach(f"https://{NAME}:{{port}}/v1", Names({NAME: [PUBLIC, address]}), calls=3)
    assert (reached.connected, reached.connections) == ([PUBLIC], 0)
    assert ["egress refused" in ended for ended in reached.ended] == [False, True, True]


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_name_with_both_addresses_at_once_is_connected_to_at_the_public_one_only(address: str) -> None:
    first, second = Names({NAME: [PUBLIC]}), Names({NAME: [address]})

    async def both(host: str, port: int) -> list[object]:
        return [*await second(host, port), *await first(host, port)]

    reached = reach(f"https://{NAME}:{{port}}/v1", both)  # type: ignore[arg-type]  # infos of either family
    assert (reached.connected, reached.connections) == ([PUBLIC], 0)


def test_an_answer_that_is_kept_is_judged_as_a_fresh_one_is() -> None:
    """The resolver that gateways have keeps answers, and asks anew beside a call: neither gets past the guard."""
    clock = itertools.count(0, 2 * FRESH_SECONDS)
    resolver = Resolver(Names({NAME: [PUBLIC, "127.0.0.1"]}), clock=lambda: float(next(clock)))
    reached = reach(f"https://{NAME}:{{port}}/v1", resolver, calls=6)
    assert set(reached.connected) == {PUBLIC}
    assert reached.connections == 0
    assert "egress refused" in reached.ended[-1]


@pytest.mark.parametrize("url", GOOD_URLS)
def test_a_public_address_is_connected_to(url: str) -> None:
    resolve = Names({name: [PUBLIC] for name in ("api.openai.com", "api.openai.com.")})
    assert reach(url, resolve).connected == [GOOD_URLS[url]]
    assert accepted(url).truth is Truth.TRUE


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:{port}/v1", "http://①②⑦.0.0.1:{port}/v1", "http://2130706433:{port}"]
)
def test_the_listener_is_reached_where_its_address_is_listed(url: str) -> None:
    """Else nothing above would mean anything."""
    assert reach(url, names(), egress=OPEN) == Reached(["200"], ["127.0.0.1"], 1)


@pytest.mark.parametrize("status", [b"301 Moved", b"302 Found", b"303 See", b"307 Temporary", b"308 Permanent"])
@pytest.mark.parametrize(
    "location", ["http://127.0.0.1:{port}/", "//127.0.0.1:{port}/", "http://127.0.0.2:{port}/other", "/other"]
)
def test_a_redirect_leads_nowhere(status: bytes, location: str) -> None:
    """Neither to where egress would refuse it, nor to where it would not, nor to the provider itself."""

    async def main() -> Reached:
        async def target(peer: Peer) -> None:
            await peer.send(answer(b"secret"))

        async with RawServer(target, host="0.0.0.0") as other:

            async def script(peer: Peer) -> None:
                await peer.request()
                to = location.replace("{port}", str(other.port)).encode()
                await peer.send(answer(b"", b"location: " + to, b"connection: close", status=status))

            async with RawServer(script, host="127.0.0.2") as provider:
                ended = await call(f"http://127.0.0.2:{provider.port}/v1", names(), ONE_HOST)
                assert provider.connections == 1
                return Reached(ended, [], other.connections)

    assert on_noting_loop(main) == Reached([status[:3].decode()], ["127.0.0.2"], 0)
