"""A snapshot comes back as it was packed, and nothing torn is ever taken for whole."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead_proxy.contract.config import Gateway, Match, Policy, Provider, Rule, Target
from fairlead_proxy.contract.names import ProviderType
from fairlead_proxy.contract.snapshot import (
    SHARD_BYTES,
    Fragment,
    Packer,
    SnapshotError,
    assemble,
    check_shards,
    index_of,
    pack,
    read_index,
    revision_of,
    unpack,
)

GATEWAY = Fragment.of(Gateway(id="ai/main"), uid="u0", generation=1)
PROVIDER = Fragment.of(Provider(id="ai/openai", type=ProviderType.OPENAI), uid="u1", generation=3)
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
    index = read_index(index_of("r-1", "a", [shard]))
    with pytest.raises(SnapshotError, match="torn"):
        check_shards(index, {"a-0": shard[:cut]})


def test_a_missing_shard_is_refused() -> None:
    index = read_index(index_of("r-1", "b", pack([GATEWAY])))
    with pytest.raises(SnapshotError, match=r"shard b-0 of revision r-1 is missing"):
        check_shards(index, {"a-0": b""})


def test_a_snapshot_for_newer_readers_is_refused_by_name() -> None:
    with pytest.raises(SnapshotError, match="needs a reader of format 3; this proxy reads up to 2"):
        read_index(b'{"format": 3, "minReader": 3, "somethingNew": {}}')


def test_a_newer_format_that_old_readers_may_read_is_read() -> None:
    index = read_index(b'{"format": 3, "minReader": 1, "revision": "r-1", "set": "a", "shards": [], "more": 1}')
    assert index.revision == "r-1"


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
