"""A snapshot comes back as it was packed, and nothing torn is ever taken for whole."""

import hashlib
import json
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead_proxy.contract.config import ActiveHealth, Gateway, Match, Model, Policy, Provider, Rule, Target
from fairlead_proxy.contract.names import MaintenanceState, ProbeMode, ProviderType
from fairlead_proxy.contract.price import NANO, Price, Rates
from fairlead_proxy.contract.snapshot import (
    SHARD_BYTES,
    Fragment,
    FragmentHeader,
    Packer,
    SnapshotError,
    assemble,
    check_shards,
    index_of,
    least_reader_of,
    pack,
    read_index,
    revision_of,
    unpack,
)

GATEWAY = Fragment.of(Gateway(id="ai/main"), uid="u0", generation=1)
PROVIDER = Fragment.of(Provider(id="ai/openai", type=ProviderType.OPENAI), uid="u1", generation=3)
FORMAT_1 = Path(__file__).parents[1] / "cases" / "snapshots" / "format-1"
GZIP_MAGIC = b"\x1f\x8b\x08"
names = st.text("abcdefghijklmnop-", min_size=1, max_size=20)
policies = st.builds(
    lambda namespace, name, model: Policy(
        id=f"{namespace}/{name}",
        models=(model,),
        rules=(Rule(name="r", match=(Match(models=(model,)),), targets=(Target(provider="ai/openai", model=model),)),),
    ),
    names,
    names,
    st.text(min_size=1, max_size=30),
)


@given(st.lists(policies, unique_by=lambda policy: policy.id, max_size=20))
def test_fragments_survive_packing(documents: list[Policy]) -> None:
    fragments = [Fragment.of(policy, uid="u", generation=1) for policy in documents]
    unpacked = unpack(pack(fragments))
    assert unpacked == sorted(fragments, key=lambda fragment: fragment.key)
    assert sorted((fragment.read() for fragment in unpacked), key=lambda read: read.id) == sorted(
        documents, key=lambda policy: policy.id
    )


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 199), st.sampled_from(("edit", "remove"))), max_size=5), st.integers(0, 9))
def test_a_packer_that_remembers_packs_what_a_new_one_packs(edits: list[tuple[int, str]], seed: int) -> None:
    policies = {number: policy_of(number, "m") for number in range(200)}
    packer = Packer()
    packer.pack(policies.values())
    for number, edit in edits:
        policies.pop(number, None)
        if edit == "edit":
            policies[number] = policy_of(number, f"m-{seed}")
        assert packer.pack(policies.values()) == pack(policies.values())


def test_an_edit_leaves_most_of_what_is_packed_as_it_was() -> None:
    policies = [policy_of(number, Random(number).randbytes(40).hex()) for number in range(1000)]
    before = pack(policies)[0].split(GZIP_MAGIC)
    after = pack([*policies[:500], policy_of(500, "another"), *policies[502:]])[0].split(GZIP_MAGIC)
    assert len(set(before) - set(after)) <= 3 < len(before)


def policy_of(number: int, model: str) -> Fragment:
    return Fragment.of(Policy(id=f"ns/p{number:04}", models=(model,)), uid="u", generation=1)


@given(st.permutations([GATEWAY, PROVIDER]))
def test_order_changes_neither_revision_nor_bytes(fragments: list[Fragment]) -> None:
    assert revision_of(fragments) == revision_of([GATEWAY, PROVIDER])
    assert pack(fragments) == pack([GATEWAY, PROVIDER])


def test_generation_is_outside_the_hash() -> None:
    later = Fragment.of(Gateway(id="ai/main"), uid="u0", generation=2)
    assert later.header.hash == GATEWAY.header.hash
    assert revision_of([later]) == revision_of([GATEWAY])


def test_another_body_is_another_revision() -> None:
    other = Fragment.of(Gateway(id="ai/main", max_attempts=5), uid="u0", generation=1)
    assert revision_of([other]) != revision_of([GATEWAY])


def test_much_configuration_is_cut_into_shards_that_fit() -> None:
    fragments = [
        Fragment.of(Policy(id=f"ns/p{number}", models=(f"{(number * 7919) ** 40:x}",)), uid="u", generation=1)
        for number in range(20_000)
    ]
    shards = pack(fragments)
    assert len(shards) > 1
    assert max(map(len, shards)) <= SHARD_BYTES
    assert len(unpack(shards)) == 20_000


@given(st.data())
def test_a_shard_cut_anywhere_is_refused(data: st.DataObject) -> None:
    shard = pack([GATEWAY, PROVIDER])[0]
    cut = data.draw(st.integers(min_value=0, max_value=len(shard) - 1))
    index = read_index(index_of("r-1", "a", [shard], min_reader=1))
    with pytest.raises(SnapshotError, match="torn"):
        check_shards(index, {"a-0": shard[:cut]})


def test_a_missing_shard_is_refused() -> None:
    index = read_index(index_of("r-1", "b", pack([GATEWAY]), min_reader=1))
    with pytest.raises(SnapshotError, match=r"shard b-0 of revision r-1 is missing"):
        check_shards(index, {"a-0": b""})


def test_a_snapshot_for_newer_readers_is_refused_by_name() -> None:
    with pytest.raises(SnapshotError, match="needs a reader of format 5; this proxy reads up to 4"):
        read_index(b'{"format": 5, "minReader": 5, "somethingNew": {}}')


def test_a_newer_format_that_old_readers_may_read_is_read() -> None:
    index = read_index(b'{"format": 5, "minReader": 1, "revision": "r-1", "set": "a", "shards": [], "more": 1}')
    assert index.revision == "r-1"


def test_a_snapshot_that_an_older_operator_wrote_is_read_with_its_prices() -> None:
    fragments = written_in_format_1()
    assert [fragment.key for fragment in fragments] == [
        "ModelGateway/team/main", "ModelProvider/team/lab", "RoutePolicy/team/bot",
    ]  # fmt: skip
    provider = fragments[1].read()
    assert isinstance(provider, Provider)
    assert {model.name: model.price for model in provider.models} == {
        "all": Price(
            currency="EUR",
            rates=Rates(input=5 * NANO // 4, cached_input=0, cache_write=1_562_500_000, output=10 * NANO),
        ),
        "extreme": Price(rates=Rates(input=1, output=NANO**2 - 1)),
        "unknown": None,
    }
    assert Fragment.of(provider, uid="u", generation=3).read() == provider
    config = assemble("r-1", (fragment.read() for fragment in fragments))
    assert config.virtual_models("team") == ("smart",)


@pytest.mark.parametrize(
    "price", ['{"input":"dear"}', '{"input":"1","output":[]}', '{"input":"Infinity"}', '"1"', "[]"]
)
def test_a_price_of_an_older_operator_that_is_none_is_refused(price: str) -> None:
    body = f'{{"id":"a/b","type":"OpenAI","models":[{{"name":"m","upstream_name":"m","price":{price}}}]}}'.encode()
    with pytest.raises(SnapshotError, match=r"ModelProvider/ai/openai: .*price"):
        fragment_of(body).read()


def test_a_provider_that_is_none_in_any_format_is_refused() -> None:
    for body in (b"[]", b"{", b'{"models":[{"price":{}}]}', b'{"id":"a/b","type":"Nobody","models":[{"price":{}}]}'):
        with pytest.raises(SnapshotError, match="ModelProvider/ai/openai: "):
            fragment_of(body).read()


def test_readers_of_the_first_format_read_whatever_has_no_price_of_the_second() -> None:
    assert least_reader_of([GATEWAY, PROVIDER, *written_in_format_1()]) == 1
    assert least_reader_of([GATEWAY, PROVIDER, fragment_with("")]) == 1
    assert least_reader_of([GATEWAY, fragment_with("", Price(rates=Rates()))]) == 2


@pytest.mark.parametrize(
    ("state", "format_"),
    [(MaintenanceState.ACTIVE, 1), (MaintenanceState.CORDONED, 3), (MaintenanceState.DRAINING, 3)],
)
def test_readers_that_know_no_maintenance_do_not_load_a_provider_that_is_in_it(
    state: MaintenanceState, format_: int
) -> None:
    provider = Provider(id="ai/a", type=ProviderType.OPENAI, maintenance=state)
    assert least_reader_of([GATEWAY, Fragment.of(provider, uid="u", generation=1)]) == format_


@pytest.mark.parametrize(("mode", "format_"), [(ProbeMode.NONE, 1), (ProbeMode.LIST_MODELS, 1), (ProbeMode.CHAT, 4)])
def test_readers_that_know_no_probes_by_real_calls_do_not_load_a_provider_that_wants_them(
    mode: ProbeMode, format_: int
) -> None:
    provider = Provider(id="ai/a", type=ProviderType.OPENAI, active=ActiveHealth(mode=mode))
    assert least_reader_of([GATEWAY, Fragment.of(provider, uid="u", generation=1)]) == format_


def test_what_somebody_wrote_is_taken_for_no_price_no_maintenance_and_no_probe() -> None:
    written = ('{"rates":{}}', '"maintenance":"Cordoned"', '"mode":"Chat"')
    assert least_reader_of([fragment_with(text) for text in written]) == 1


def test_how_many_calls_a_proxy_remembers_needs_no_newer_reader() -> None:
    gateway = Gateway(id="ai/main", decision_ring=0)
    assert least_reader_of([Fragment.of(gateway, uid="u0", generation=1), PROVIDER]) == 1


@pytest.mark.parametrize(
    ("body", "ring"),
    [(b'{"id":"ai/main"}', 10_000), (b'{"id":"ai/main","decision_ring":7,"of_a_later_version":{"a":[1]}}', 7)],
)
def test_a_gateway_of_an_older_or_a_newer_operator_is_read(body: bytes, ring: int) -> None:
    digest = hashlib.sha256(body).hexdigest()
    header = FragmentHeader(kind="ModelGateway", id="ai/main", uid="u0", generation=1, hash=digest)
    assert Fragment(header, body).read() == Gateway(id="ai/main", decision_ring=ring)


def test_an_index_says_who_can_read_it() -> None:
    index = read_index(index_of("r-1", "a", [], min_reader=1))
    assert (index.format, index.min_reader) == (4, 1)
    assert json.loads(index_of("r-1", "a", [], min_reader=2))["minReader"] == 2


def written_in_format_1() -> list[Fragment]:
    index = read_index((FORMAT_1 / "index.json").read_bytes())
    return unpack(check_shards(index, {ref.name: (FORMAT_1 / ref.name).read_bytes() for ref in index.shards}))


def fragment_of(body: bytes) -> Fragment:
    digest = hashlib.sha256(body).hexdigest()
    return Fragment(FragmentHeader(kind="ModelProvider", id="ai/openai", uid="u", generation=1, hash=digest), body)


def fragment_with(upstream_name: str, price: Price | None = None) -> Fragment:
    models = (Model(name="m", upstream_name=upstream_name, price=price),)
    return Fragment.of(Provider(id="ai/a", type=ProviderType.OPENAI, models=models), uid="u", generation=1)


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b"nothing", b'{"minReader": "x"}'])
def test_what_is_no_index_is_refused(text: bytes) -> None:
    with pytest.raises(SnapshotError):
        read_index(text)


def test_a_body_that_does_not_match_its_hash_is_refused() -> None:
    with pytest.raises(SnapshotError, match="does not match its hash"):
        Fragment(GATEWAY.header, PROVIDER.body).read()


def test_a_snapshot_without_gateway_is_refused() -> None:
    with pytest.raises(SnapshotError, match="holds one gateway, this one 0"):
        assemble("r-1", [PROVIDER.read()])
