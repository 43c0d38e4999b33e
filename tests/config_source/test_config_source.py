"""What is mounted is served; what cannot be read never replaces what could."""

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from doubles.mounted_config import (
    PlainDirectory,
    ProjectedVolume,
    caller,
    fragments_of,
    gateway,
    key_ring,
    policy,
    provider,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fairlead_proxy.config_source import ConfigSource, Loaded
from fairlead_proxy.contract.report import Refusal
from fairlead_proxy.contract.snapshot import Fragment, FragmentHeader, index_of, pack, revision_of

GOOD = fragments_of(gateway(), provider(), policy())


@dataclass
class Watched:
    """A ConfigSource and what it told."""

    directory: Path
    patience_seconds: float = 0.0
    swaps: list[Loaded] = field(default_factory=list)
    refusals: list[tuple[Refusal, ...]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.source = ConfigSource(
            self.directory,
            on_swap=self.swaps.append,
            on_refused=self.refusals.append,
            patience_seconds=self.patience_seconds,
            poll_seconds=0.0,
        )

    @property
    def loaded(self) -> Loaded:
        loaded = self.source.current()
        assert loaded is not None
        return loaded


@pytest.fixture
def plain(tmp_path: Path) -> PlainDirectory:
    return PlainDirectory(tmp_path / "config")


def broken(fragment: Fragment, body: bytes = b"{}") -> Fragment:
    """The same object with a body that does not match its hash."""
    return Fragment(fragment.header, body)


def publish_torn(plain: PlainDirectory) -> None:
    """The index of a revision whose shard has not arrived."""
    later = fragments_of(gateway(max_attempts=2), provider())
    plain.write("index.json", index_of(revision_of(later), "b", pack(later), min_reader=1))


async def test_a_directory_is_loaded_whole(plain: PlainDirectory) -> None:
    revision = plain.publish(GOOD)
    version = plain.publish_keys(key_ring(caller()))
    watched = Watched(plain.path)
    await watched.source.refresh()
    assert watched.loaded.revision == revision
    assert watched.loaded.keys_version == version
    assert watched.loaded.config.virtual_models("default") == ("smart",)
    assert watched.loaded.fragment_hashes == {fragment.key: fragment.header.hash for fragment in GOOD}
    assert watched.source.refused == ()


async def test_nothing_is_in_force_before_the_first_snapshot(plain: PlainDirectory) -> None:
    watched = Watched(plain.path)
    await watched.source.refresh()
    assert watched.source.current() is None


async def test_an_empty_directory_is_told_once_patience_ends(plain: PlainDirectory) -> None:
    watched = Watched(plain.path)
    await watched.source.refresh()
    assert watched.refusals == [(Refusal(key="snapshot", message="index.json: No such file or directory"),)]


async def test_the_first_snapshot_is_picked_up_when_it_comes(plain: PlainDirectory) -> None:
    watched = Watched(plain.path)
    await watched.source.refresh()
    plain.publish(GOOD)
    await watched.source.refresh()
    assert watched.loaded.config.gateway.id == "default/main"
    assert watched.refusals[-1] == ()


async def test_looking_again_at_the_same_directory_swaps_nothing(plain: PlainDirectory) -> None:
    plain.publish(GOOD)
    watched = Watched(plain.path)
    await watched.source.refresh()
    await watched.source.refresh()
    assert len(watched.swaps) == 1


async def test_the_same_revision_in_the_other_set_swaps_nothing(plain: PlainDirectory) -> None:
    plain.publish(GOOD)
    watched = Watched(plain.path)
    await watched.source.refresh()
    plain.publish(GOOD)
    await watched.source.refresh()
    assert len(watched.swaps) == 1


async def test_an_edit_comes_into_force_and_reuses_what_did_not_change(plain: PlainDirectory) -> None:
    plain.publish(GOOD)
    watched = Watched(plain.path)
    await watched.source.refresh()
    before = watched.loaded.config
    revision = plain.publish(fragments_of(gateway(), provider(), policy("chat", "smart", "quick")))
    await watched.source.refresh()
    after = watched.loaded.config
    assert watched.loaded.revision == revision
    assert after.virtual_models("default") == ("quick", "smart")
    assert after.providers["default/sim"] is before.providers["default/sim"]
    assert after.policies["default/chat"] is not before.policies["default/chat"]


async def test_a_deleted_object_goes(plain: PlainDirectory) -> None:
    plain.publish(GOOD)
    watched = Watched(plain.path)
    await watched.source.refresh()
    plain.publish(fragments_of(gateway(), provider()))
    await watched.source.refresh()
    assert watched.loaded.config.policies == {}
    assert "RoutePolicy/default/chat" not in watched.loaded.fragment_hashes


async def test_a_torn_snapshot_keeps_the_last_good_one(plain: PlainDirectory) -> None:
    revision = plain.publish(GOOD)
    watched = Watched(plain.path)
    await watched.source.refresh()
    publish_torn(plain)
    await watched.source.refresh()
    assert watched.loaded.revision == revision
    assert [refusal.key for refusal in watched.source.refused] == ["snapshot"]


async def test_a_short_disorder_is_not_told(plain: PlainDirectory) -> None:
    plain.publish(GOOD)
    watched = Watched(plain.path, patience_seconds=60.0)
    await watched.source.refresh()
    publish_torn(plain)
    await watched.source.refresh()
    plain.publish(fragments_of(gateway(max_attempts=2), provider()))
    await watched.source.refresh()
    assert watched.refusals == []
    assert watched.loaded.config.gateway.max_attempts == 2


async def test_a_torn_snapshot_is_read_again_although_no_file_changes_its_name(plain: PlainDirectory) -> None:
    plain.publish(GOOD)
    watched = Watched(plain.path)
    await watched.source.refresh()
    later = fragments_of(gateway(max_attempts=2), provider())
    shards = pack(later)
    (plain.path / "b-0").write_bytes(shards[0][:-5])
    plain.write("index.json", index_of(revision_of(later), "b", shards, min_reader=1))
    await watched.source.refresh()
    assert watched.loaded.config.gateway.max_attempts == 4
    (plain.path / "b-0").write_bytes(shards[0])
    await watched.source.refresh()
    assert watched.loaded.config.gateway.max_attempts == 2


async def test_a_bad_fragment_is_refused_alone_and_its_last_good_stays(plain: PlainDirectory) -> None:
    plain.publish(GOOD)
    watched = Watched(plain.path)
    await watched.source.refresh()
    edited = fragments_of(gateway(max_attempts=2), provider(), policy("chat", "renamed"))
    plain.publish([edited[0], edited[1], broken(edited[2])])
    await watched.source.refresh()
    assert watched.loaded.config.gateway.max_attempts == 2
    assert watched.loaded.config.virtual_models("default") == ("smart",)
    assert [refusal.key for refusal in watched.source.refused] == ["RoutePolicy/default/chat"]
    assert watched.loaded.fragment_hashes["RoutePolicy/default/chat"] == GOOD[2].header.hash


async def test_a_bad_fragment_without_a_last_good_is_left_out(plain: PlainDirectory) -> None:
    plain.publish([*GOOD[:2], broken(GOOD[2])])
    watched = Watched(plain.path)
    await watched.source.refresh()
    assert watched.loaded.config.policies == {}
    assert "RoutePolicy/default/chat" not in watched.loaded.fragment_hashes
    assert len(watched.source.refused) == 1


async def test_a_mended_fragment_ends_its_refusal(plain: PlainDirectory) -> None:
    plain.publish([*GOOD[:2], broken(GOOD[2])])
    watched = Watched(plain.path)
    await watched.source.refresh()
    plain.publish(GOOD)
    await watched.source.refresh()
    assert watched.refusals[-1] == ()
    assert watched.loaded.config.virtual_models("default") == ("smart",)


async def test_a_fragment_of_an_unknown_kind_is_refused_alone(plain: PlainDirectory) -> None:
    header = FragmentHeader(kind="ModelQuota", id="a/b", uid="u", generation=1, hash="0" * 64)
    plain.publish([*GOOD, Fragment(header, b"{}")])
    watched = Watched(plain.path)
    await watched.source.refresh()
    assert watched.loaded.config.virtual_models("default") == ("smart",)
    assert [refusal.key for refusal in watched.source.refused] == ["ModelQuota/a/b"]


async def test_a_snapshot_without_a_gateway_keeps_the_last_good_one(plain: PlainDirectory) -> None:
    revision = plain.publish(GOOD)
    watched = Watched(plain.path)
    await watched.source.refresh()
    plain.publish(GOOD[1:])
    await watched.source.refresh()
    assert watched.loaded.revision == revision
    assert watched.source.refused[0].key == "snapshot"


async def test_a_snapshot_for_a_newer_reader_keeps_the_last_good_one_and_says_so(plain: PlainDirectory) -> None:
    revision = plain.publish(GOOD)
    watched = Watched(plain.path)
    await watched.source.refresh()
    index = json.loads((plain.path / "index.json").read_bytes())
    plain.write("index.json", json.dumps({**index, "minReader": 99, "revision": "r-new"}).encode())
    await watched.source.refresh()
    assert watched.loaded.revision == revision
    assert "99" in watched.source.refused[0].message


async def test_an_index_that_names_a_path_is_refused(plain: PlainDirectory, tmp_path: Path) -> None:
    shards = pack(GOOD)
    (tmp_path / "a-0").write_bytes(shards[0])
    index = json.loads(index_of("r-1", "a", shards, min_reader=1))
    index["shards"][0]["name"] = "../a-0"
    plain.write("index.json", json.dumps(index).encode())
    watched = Watched(plain.path)
    await watched.source.refresh()
    assert watched.source.current() is None


async def test_what_an_older_operator_published_is_served() -> None:
    watched = Watched(Path(__file__).parents[1] / "cases" / "snapshots" / "format-1")
    await watched.source.refresh()
    assert watched.source.refused == ()
    assert [model.price is None for model in watched.loaded.config.providers["team/lab"].models] == [False, False, True]


async def test_keys_are_replaced_without_touching_the_configuration(plain: PlainDirectory) -> None:
    plain.publish(GOOD)
    plain.publish_keys(key_ring(caller()))
    watched = Watched(plain.path)
    await watched.source.refresh()
    before = watched.loaded
    version = plain.publish_keys(key_ring(caller("sk-another-key-0123456789")))
    await watched.source.refresh()
    assert watched.loaded.keys_version == version
    assert watched.loaded.keys != before.keys
    assert watched.loaded.config is before.config


async def test_a_bad_key_ring_keeps_the_last_good_one_and_quotes_nothing(plain: PlainDirectory) -> None:
    plain.publish(GOOD)
    version = plain.publish_keys(key_ring(caller()))
    watched = Watched(plain.path)
    await watched.source.refresh()
    plain.write("keys.json", b'{"credentials": {"a/b/c": "sk-secret"')
    await watched.source.refresh()
    assert watched.loaded.keys_version == version
    assert watched.source.refused[0].key == "keys"
    assert "sk-secret" not in watched.source.refused[0].message


async def test_a_key_ring_that_vanishes_stays_in_force(plain: PlainDirectory) -> None:
    plain.publish(GOOD)
    version = plain.publish_keys(key_ring(caller()))
    watched = Watched(plain.path)
    await watched.source.refresh()
    (plain.path / "keys.json").unlink()
    await watched.source.refresh()
    assert watched.loaded.keys_version == version
    assert watched.source.refused[0].key == "keys"


async def test_a_gateway_that_asks_for_keys_is_complete_only_with_a_key_ring(plain: PlainDirectory) -> None:
    plain.publish(fragments_of(gateway(api_keys=True)))
    watched = Watched(plain.path)
    await watched.source.refresh()
    assert not watched.loaded.complete
    plain.publish_keys(key_ring())
    await watched.source.refresh()
    assert watched.loaded.complete


async def test_a_projected_volume_is_read_through_its_one_link(tmp_path: Path) -> None:
    volume = ProjectedVolume(tmp_path / "config")
    volume.refresh(ProjectedVolume.files_of(GOOD, key_ring(caller())))
    watched = Watched(volume.path)
    await watched.source.refresh()
    later = fragments_of(gateway(max_attempts=2), provider())
    volume.refresh(ProjectedVolume.files_of(later, key_ring(), "b"))
    await watched.source.refresh()
    assert watched.loaded.revision == revision_of(later)
    assert watched.loaded.keys.callers == ()
    assert watched.refusals == []


async def test_nothing_of_a_key_ring_is_logged(plain: PlainDirectory, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    plain.publish(GOOD)
    plain.publish_keys(key_ring(caller(), **{"a/b/c": "sk-upstream-canary"}))
    watched = Watched(plain.path)
    await watched.source.refresh()
    assert [record.message for record in caplog.records] != []
    assert "canary" not in "".join(repr(record.__dict__) for record in caplog.records)


edits = st.lists(
    st.sampled_from(["good", "torn", "keys", "bad keys", "bad policy", "no gateway", "garbage index"]), max_size=8
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edits)
async def test_whatever_is_written_the_last_good_is_served_and_a_good_one_always_comes_through(
    tmp_path_factory: pytest.TempPathFactory, history: list[str]
) -> None:
    plain = PlainDirectory(tmp_path_factory.mktemp("history"))
    plain.publish(GOOD)
    watched = Watched(plain.path)
    await watched.source.refresh()
    writes: dict[str, Callable[[], object]] = {
        "good": lambda: plain.publish(fragments_of(gateway(max_attempts=len(history)), provider(), policy())),
        "torn": lambda: publish_torn(plain),
        "keys": lambda: plain.publish_keys(key_ring(caller())),
        "bad keys": lambda: plain.write("keys.json", b"{"),
        "bad policy": lambda: plain.publish([*GOOD[:2], broken(GOOD[2])]),
        "no gateway": lambda: plain.publish(GOOD[1:]),
        "garbage index": lambda: plain.write("index.json", b"\x00\xff"),
    }
    for edit in history:
        writes[edit]()
        await watched.source.refresh()
        assert watched.loaded.config.virtual_models("default") == ("smart",)
    final = plain.publish(fragments_of(gateway(max_attempts=9), provider(), policy("chat", "last")))
    version = plain.publish_keys(key_ring(caller("sk-final-0123456789")))
    await watched.source.refresh()
    assert (watched.loaded.revision, watched.loaded.keys_version) == (final, version)
    assert watched.source.refused == ()
