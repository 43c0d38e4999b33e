"""The state directory: what it keeps, from whom, and where sockets go when its path is long."""

from pathlib import Path
from typing import Any

import pytest

from fairlead_operator.cluster.local_state import StateDirectory, known_of, read_objects
from fairlead_operator.resources.meta import Kind, ObjectRef

FAST = ObjectRef(Kind.MODEL_PROVIDER, "default", "fast")
CONTENT: dict[str, Any] = {
    "apiVersion": "fairlead.dev/v1alpha1",
    "kind": "ModelProvider",
    "metadata": {
        "name": "fast",
        "namespace": "default",
        "generation": 3,
        "creationTimestamp": "2026-11-22T10:00:00Z",
        "annotations": {"odd": "on", "time": "1:30", "number": "1e3", "text": "zwölf"},
    },
    "spec": {"type": "Simulated"},
    "status": {"observedGeneration": 3},
}


@pytest.fixture
def state(tmp_path: Path) -> StateDirectory:
    return StateDirectory(tmp_path / "state")


def test_an_object_is_read_back_as_it_was_written(state: StateDirectory) -> None:
    state.write_object(FAST, CONTENT)
    assert list(read_objects(state.path)) == [CONTENT]


def test_the_next_process_learns_age_generation_and_status(state: StateDirectory) -> None:
    ref, known = known_of(CONTENT)
    assert ref == FAST
    assert (known.generation, known.created) == (3, "2026-11-22T10:00:00Z")
    assert (known.spec, known.status) == ({"type": "Simulated"}, {"observedGeneration": 3})


@pytest.mark.parametrize(
    "text",
    [
        "kind: [",
        "",
        "kind: RoutePolicy\nmetadata: {name: fast, namespace: default, generation: 1, creationTimestamp: 'x'}\n",
        "kind: ModelProvider\nmetadata: {name: ../../up, namespace: default, generation: 1, creationTimestamp: 'x'}\n",
        "kind: ModelProvider\nmetadata: {name: fast, namespace: default}\n",
    ],
)
def test_a_file_that_is_not_one_of_ours_is_passed_over(state: StateDirectory, text: str) -> None:
    state.write_object(FAST, CONTENT)
    (state.path / "ModelProvider/default/fast.yaml").write_text(text)
    assert list(read_objects(state.path)) == []


def test_a_removed_object_leaves_no_empty_directory(state: StateDirectory) -> None:
    state.write_object(FAST, CONTENT)
    state.remove_object(FAST)
    assert not (state.path / "ModelProvider/default").exists()


def test_sockets_stand_elsewhere_when_the_path_is_long_and_go_with_the_process(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path / ("long-" * 20) / "state")
    state.open()
    path = state.socket_path("worker-0")
    assert len(str(path)) < 100
    assert path.parent.stat().st_mode & 0o777 == 0o700
    state.close()
    assert not path.parent.exists()


def test_keys_that_a_killed_process_left_are_removed_at_the_next_start(state: StateDirectory) -> None:
    left = state.config_directory("default/main") / "keys.json"
    left.write_text("{}")
    state.open()
    assert not left.exists()
    state.close()


def test_each_start_has_a_token_of_its_own(tmp_path: Path) -> None:
    assert StateDirectory(tmp_path).admin_token != StateDirectory(tmp_path).admin_token
