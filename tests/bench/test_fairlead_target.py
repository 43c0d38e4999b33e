"""What Fairlead is measured with: objects that are valid, and a route for each thing that is measured."""

from pathlib import Path

import pytest

from fairlead_bench.mock import ROLES, Upstreams
from fairlead_bench.targets.fairlead_objects import TEAM, objects
from fairlead_bench.targets.target import BREAKING, CHAT, FAILOVER, MANY, TLS, Place
from fairlead_operator.cli.sources import Sources, read_sources
from fairlead_operator.verdict import Truth


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    upstreams = Upstreams({role: 9000 + place for place, role in enumerate(ROLES)}, 9100, tmp_path / "ca.pem")
    written = tmp_path / "objects.yaml"
    written.write_text(objects(Place(tmp_path, 8080, 8081, upstreams, many=2), ROLES[0]))
    return read_sources([str(written)], {})


def test_the_objects_are_valid(sources: Sources) -> None:
    assert sources.problems == ()
    assert all(verdict.accepted.truth is Truth.TRUE for verdict in sources.compilation.verdicts.values())


def test_every_route_is_served(sources: Sources) -> None:
    models = sources.config(None).virtual_models(TEAM)
    assert models == tuple(sorted((CHAT, TLS, FAILOVER, BREAKING, f"{MANY}0", f"{MANY}1")))


def test_a_caller_needs_its_key(sources: Sources) -> None:
    compiled = sources.gateway(None)
    assert [caller.tenant for caller in compiled.keys.callers] == [TEAM]
    assert sources.config(None).gateway.api_keys


def test_a_policy_of_many_has_five_rules(sources: Sources) -> None:
    assert len(sources.config(None).policies[f"{TEAM}/{MANY}0"].rules) == 5
