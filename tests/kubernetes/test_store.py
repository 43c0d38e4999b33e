"""The store of our objects: the newest state wins, however events and answers are ordered."""

from typing import Any

from fairlead_operator.cluster.kubernetes_store import ObjectStore
from fairlead_operator.resources.meta import Kind, ObjectRef

REF = ObjectRef(Kind.MODEL_PROVIDER, "ai", "sim")


def provider(version: int, *, uid: str = "u1", generation: int = 1, **content: Any) -> dict[str, Any]:
    return {
        "apiVersion": "fairlead.dev/v1alpha1",
        "kind": "ModelProvider",
        "metadata": {
            "name": "sim",
            "namespace": "ai",
            "uid": uid,
            "resourceVersion": str(version),
            "generation": generation,
            "creationTimestamp": "2026-11-22T10:00:00Z",
            "managedFields": [{"manager": "kubectl"}],
        },
        "spec": {"type": "Simulated", "models": [{"name": "small"}]},
        **content,
    }


class Wakes:
    def __init__(self) -> None:
        self.number = 0

    def __call__(self) -> None:
        self.number += 1


def store_with(*contents: dict[str, Any]) -> tuple[ObjectStore, Wakes]:
    wakes = Wakes()
    store = ObjectStore(wakes)
    for content in contents:
        store.note(content)
    return store, wakes


def models_in(store: ObjectStore) -> list[str]:
    (found,) = store.found()
    assert found.spec is not None
    return [model.name for model in found.spec.models]


def version_in(store: ObjectStore) -> str | None:
    content = store.get(REF)
    return content["metadata"]["resourceVersion"] if content else None


def test_older_state_never_replaces_a_newer_one() -> None:
    store, wakes = store_with(provider(7), provider(6))
    assert version_in(store) == "7"
    assert wakes.number == 1


def test_event_of_what_is_known_already_wakes_nobody() -> None:
    _, wakes = store_with(provider(7), provider(7))
    assert wakes.number == 1


def test_what_we_wrote_ourselves_is_kept_and_wakes_nobody() -> None:
    store, wakes = store_with(provider(7))
    store.note(provider(8), is_news=False)
    assert version_in(store) == "8"
    assert wakes.number == 1


def test_deleted_object_is_forgotten() -> None:
    store, _ = store_with(provider(7))
    store.forget(provider(8))
    assert store.get(REF) is None
    assert store.found() == []


def test_late_deletion_does_not_hit_a_successor_of_the_same_name() -> None:
    store, _ = store_with(provider(7), provider(9, uid="u2"))
    store.forget(provider(8))
    assert version_in(store) == "9"


def test_new_listing_drops_what_is_no_longer_there() -> None:
    store, _ = store_with(provider(7))
    store.replace([], [Kind.MODEL_PROVIDER])
    assert store.get(REF) is None


def test_new_listing_does_not_take_back_a_newer_state() -> None:
    store, _ = store_with(provider(9))
    store.replace([provider(8)], [Kind.MODEL_PROVIDER])
    assert version_in(store) == "9"


def test_kind_that_is_not_listed_keeps_its_objects() -> None:
    store, _ = store_with(provider(7))
    store.replace([], [Kind.ROUTE_POLICY])
    assert version_in(store) == "7"


def test_status_write_does_not_parse_the_spec_again() -> None:
    store, _ = store_with(provider(7))
    (before,) = store.found()
    store.note(provider(8, status={"health": {"state": "Healthy"}}))
    (after,) = store.found()
    assert after.spec is before.spec
    assert (after.resource_version, after.status) == ("8", {"health": {"state": "Healthy"}})


def test_edit_is_parsed() -> None:
    store, _ = store_with(provider(7))
    store.found()
    store.note({**provider(8, generation=2), "spec": {"type": "Simulated", "models": [{"name": "big"}]}})
    assert models_in(store) == ["big"]


def test_object_of_the_same_generation_but_another_uid_is_parsed() -> None:
    store, _ = store_with(provider(7))
    store.found()
    store.note({**provider(8, uid="u2"), "spec": {"type": "Simulated", "models": [{"name": "big"}]}})
    assert models_in(store) == ["big"]


def test_invalid_object_is_found_with_its_problems() -> None:
    store, _ = store_with({**provider(7), "spec": {"type": "Simulated", "modles": []}})
    (found,) = store.found()
    assert found.spec is None
    assert found.problems


def test_namespaces_are_known_by_their_labels() -> None:
    store, _ = store_with(
        {
            "kind": "Namespace",
            "metadata": {"name": "ai", "uid": "n1", "resourceVersion": "3", "labels": {"team": "x"}},
        }
    )
    assert store.namespaces() == {"ai": {"team": "x"}}
