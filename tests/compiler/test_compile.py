"""What the cases on disk do not show: faults of ours, room, whose Secrets matter, key material, speed."""

import time
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from doubles.compiled import published_by, read_inventory

from fairlead_operator.cluster.local_config import read_snapshot
from fairlead_operator.compiler import room
from fairlead_operator.compiler.compile import Compilation, compile_inventory, secret_namespaces
from fairlead_operator.inventory import Inventory
from fairlead_operator.resources.meta import Kind, ObjectRef
from fairlead_operator.resources.policy import ResilienceSpec, TimeoutsSpec
from fairlead_operator.verdict import Reason, Truth
from fairlead_proxy.contract.keys import fingerprint
from fairlead_proxy.contract.snapshot import SHARD_BYTES, Fragment, FragmentHeader, Packer

POLICY = ObjectRef(Kind.ROUTE_POLICY, "team", "bot")
PROVIDER = ObjectRef(Kind.MODEL_PROVIDER, "team", "sim")
GATEWAY = ObjectRef(Kind.MODEL_GATEWAY, "team", "main")
FORMAT_1 = Path(__file__).parents[1] / "cases" / "snapshots" / "format-1"
TEAM = """
apiVersion: fairlead.dev/v1alpha1
kind: ModelGateway
metadata: {name: main, namespace: team, generation: 2}
spec: {auth: {apiKeys: {}}}
---
apiVersion: fairlead.dev/v1alpha1
kind: ModelProvider
metadata: {name: sim, namespace: team, generation: 2}
spec: {type: Simulated, models: [{name: m}]}
---
apiVersion: fairlead.dev/v1alpha1
kind: ModelProvider
metadata: {name: paid, namespace: team}
spec: {type: OpenAI, models: [{name: m}], credentials: [{name: a, secretRef: {name: k, key: apiKey}}]}
---
apiVersion: fairlead.dev/v1alpha1
kind: RoutePolicy
metadata: {name: bot, namespace: team, generation: 2}
spec:
  gatewayRef: {name: main}
  models: [smart]
  rules: [{name: r, route: {targets: [{provider: {name: sim}, model: m}]}}]
---
apiVersion: v1
kind: Secret
metadata: {name: k, namespace: team}
stringData: {apiKey: "canary-upstream-key\\n"}
---
apiVersion: v1
kind: Secret
metadata: {name: caller, namespace: team, labels: {fairlead.dev/key: "true"}}
stringData: {key: canary-caller-key}
"""


def unreadable_resilience() -> ResilienceSpec:
    """Return a spec that slipped past its validation: it makes the compiler fail."""
    return ResilienceSpec.model_construct(timeouts=TimeoutsSpec.model_construct(total="soon"))


def with_broken_policy(inventory: Inventory) -> Inventory:
    found = inventory.policies[POLICY.id]
    assert found.spec is not None
    rule = found.spec.rules[0].model_copy(update={"resilience": unreadable_resilience()})
    broken = replace(found, generation=3, spec=found.spec.model_copy(update={"rules": [rule]}))
    return replace(inventory, policies={POLICY.id: broken})


def with_broken_gateway(inventory: Inventory) -> Inventory:
    found = inventory.gateways[GATEWAY.id]
    assert found.spec is not None
    spec = found.spec.model_copy(update={"defaults": unreadable_resilience()})
    return replace(inventory, gateways={GATEWAY.id: replace(found, generation=3, spec=spec)})


def with_broken_provider(inventory: Inventory) -> Inventory:
    found = inventory.providers[PROVIDER.id]
    assert found.spec is not None
    broken = replace(found, generation=3, spec=found.spec.model_copy(update={"placement": None}))
    return replace(inventory, providers={**inventory.providers, PROVIDER.id: broken})


BROKEN: dict[ObjectRef, Any] = {
    POLICY: with_broken_policy,
    GATEWAY: with_broken_gateway,
    PROVIDER: with_broken_provider,
}


@pytest.mark.parametrize("ref", BROKEN, ids=str)
def test_a_fault_of_ours_keeps_the_last_good_version_of_that_object_alone(ref: ObjectRef) -> None:
    inventory = read_inventory(TEAM)
    before = compile_inventory(inventory)
    after = compile_inventory(BROKEN[ref](inventory), published_by(before))
    assert after.gateways["team/main"].fragments == before.gateways["team/main"].fragments
    verdict = after.verdicts[ref]
    assert (verdict.accepted.truth, verdict.accepted.reason) == (Truth.UNKNOWN, Reason.INTERNAL_ERROR)
    assert verdict.rolled_back_to == 2
    others = {other: each for other, each in after.verdicts.items() if other != ref}
    assert others == {other: each for other, each in before.verdicts.items() if other != ref}


@pytest.mark.parametrize("ref", BROKEN, ids=str)
def test_a_fault_of_ours_without_a_last_good_version_withdraws_the_object(ref: ObjectRef) -> None:
    verdict = compile_inventory(BROKEN[ref](read_inventory(TEAM))).verdicts[ref]
    assert verdict.withdrawn
    assert not verdict.fragments


def test_a_provider_whose_last_good_version_an_older_operator_published_stays_in_force() -> None:
    text = (FORMAT_1 / "objects.yaml").read_text()
    before = read_snapshot(FORMAT_1)
    assert before is not None
    last_good = {"team/main": {fragment.key: fragment for fragment in before.fragments}}
    inventory = read_inventory(text.replace("generation: 3", "generation: 4").replace("OpenAICompatible", "Nobody"))
    assert inventory.providers["team/lab"].spec is None
    compilation = compile_inventory(inventory, last_good)
    verdict = compilation.verdicts[ObjectRef(Kind.MODEL_PROVIDER, "team", "lab")]
    assert (verdict.accepted.truth, verdict.rolled_back_to) == (Truth.FALSE, 3)
    assert last_good["team/main"]["ModelProvider/team/lab"] in compilation.gateways["team/main"].fragments


def test_a_torn_last_good_fragment_is_as_good_as_none() -> None:
    header = FragmentHeader(kind="RoutePolicy", id="team/bot", uid="RoutePolicy-team/bot", generation=2, hash="0" * 64)
    inventory = read_inventory(TEAM)
    bad = replace(inventory.policies["team/bot"], spec=None, problems=("spec: is missing",))
    last_good = {"team/main": {"RoutePolicy/team/bot": Fragment(header, b"{")}}
    compilation = compile_inventory(replace(inventory, policies={"team/bot": bad}), last_good)
    assert compilation.verdicts[POLICY].withdrawn


def test_key_material_stands_in_the_key_ring_and_nowhere_else() -> None:
    compilation = compile_inventory(read_inventory(TEAM))
    keys = compilation.gateways["team/main"].keys
    assert keys.credentials == {"team/paid/a": "canary-upstream-key"}
    assert [caller.sha256 for caller in keys.callers] == [fingerprint("canary-caller-key")]
    bodies = b"".join(fragment.body for fragment in compilation.gateways["team/main"].fragments)
    assert b"canary" not in bodies
    assert "canary" not in repr(compilation)


def test_a_new_secret_value_changes_keys_but_no_fragment() -> None:
    before = compile_inventory(read_inventory(TEAM)).gateways["team/main"]
    after = compile_inventory(read_inventory(TEAM.replace("canary-upstream-key", "rotated-key"))).gateways["team/main"]
    assert after.revision == before.revision
    assert after.keys.credentials == {"team/paid/a": "rotated-key"}


def test_secrets_matter_where_providers_have_credentials_and_where_policies_of_a_keyed_gateway_stand() -> None:
    text = """
apiVersion: fairlead.dev/v1alpha1
kind: ModelGateway
metadata: {name: keyed, namespace: platform}
spec: {auth: {apiKeys: {}}, tenants: {namespaceSelector: {}}}
---
apiVersion: fairlead.dev/v1alpha1
kind: ModelGateway
metadata: {name: open, namespace: other-platform}
spec: {tenants: {namespaceSelector: {}}}
---
apiVersion: fairlead.dev/v1alpha1
kind: ModelProvider
metadata: {name: paid, namespace: payer}
spec: {type: OpenAI, models: [{name: m}], credentials: [{name: a, secretRef: {name: k, key: apiKey}}]}
---
apiVersion: fairlead.dev/v1alpha1
kind: ModelProvider
metadata: {name: free, namespace: keyless}
spec: {type: Simulated, models: [{name: m}]}
---
apiVersion: fairlead.dev/v1alpha1
kind: RoutePolicy
metadata: {name: p, namespace: tenant}
spec:
  gatewayRef: {name: keyed, namespace: platform}
  models: [smart]
  rules: [{name: r, route: {targets: [{provider: {name: free, namespace: keyless}, model: m}]}}]
---
apiVersion: fairlead.dev/v1alpha1
kind: RoutePolicy
metadata: {name: p, namespace: tenant-of-open}
spec:
  gatewayRef: {name: open, namespace: other-platform}
  models: [smart]
  rules: [{name: r, route: {targets: [{provider: {name: free, namespace: keyless}, model: m}]}}]
"""
    assert secret_namespaces(read_inventory(text)) == {"payer", "platform", "tenant"}


def test_secrets_matter_where_a_provider_without_a_key_names_its_authorities() -> None:
    text = """
apiVersion: fairlead.dev/v1alpha1
kind: ModelProvider
metadata: {name: own, namespace: private}
spec: {type: OpenAI, models: [{name: m}], endpoint: {caRef: {name: authorities}}}
---
apiVersion: fairlead.dev/v1alpha1
kind: ModelProvider
metadata: {name: own, namespace: public}
spec: {type: OpenAI, models: [{name: m}], endpoint: {url: "https://models.example/v1"}}
"""
    assert secret_namespaces(read_inventory(text)) == {"private"}


def test_an_unreadable_namespace_still_matters() -> None:
    assert secret_namespaces(read_inventory(TEAM, unreadable=["team"])) == {"team"}


def noise(key: str, size: int) -> Fragment:
    """Return a fragment that does not compress."""
    body = Random(key).randbytes(size)
    return Fragment(FragmentHeader(kind="RoutePolicy", id=key, uid="", generation=1, hash=f"{key}-{size}"), body)


def test_what_fits_is_left_whole() -> None:
    fragments = [noise(f"n/{number}", 100_000) for number in range(20)]
    assert room.Room().leave_out(fragments[:1], fragments[1:]) == frozenset()


def test_the_newest_stay_out_where_a_snapshot_would_be_too_large() -> None:
    fragments = [noise(f"n/{number:02}", 500_000) for number in range(14)]
    left_out = room.Room().leave_out(fragments[:1], fragments[1:])
    kept = fragments[: 14 - len(left_out)]
    assert left_out == {fragment.key for fragment in fragments[len(kept) :]}
    assert room.fits(kept, Packer())
    assert not room.fits(fragments[: len(kept) * 5 // 4 + 1], Packer())


def test_who_fills_a_snapshot_takes_no_room_from_others_though_theirs_is_newer() -> None:
    flood = [noise(f"flood/{number:02}", 500_000) for number in range(20)]
    others = [noise(f"team-{number}/policy", 100_000) for number in range(5)]
    left_out = room.Room().leave_out([], [*flood, *others])
    assert left_out == {fragment.key for fragment in flood[20 - len(left_out) :]}


def test_what_a_room_remembers_changes_nothing() -> None:
    kept = room.Room()
    header = FragmentHeader(kind="RoutePolicy", id="n/plain", uid="", generation=1, hash="plain")
    for size in (300_000, 500_000, 900_000, 900_000, 400_000):
        fragments = [Fragment(header, b"a" * 900_000), *(noise(f"n/{number:02}", size) for number in range(30))]
        assert kept.leave_out([], fragments) == room.Room().leave_out([], fragments)


def test_one_object_that_fills_more_than_a_shard_stays_out() -> None:
    assert room.Room().leave_out([], [noise("n/huge", SHARD_BYTES * 5)]) == {"RoutePolicy/n/huge"}


def test_an_object_without_room_is_accepted_and_harms_only_itself() -> None:
    inventory = read_inventory(TEAM)
    found = inventory.policies["team/bot"]
    assert found.spec is not None
    huge = found.spec.model_copy(update={"models": [Random(0).randbytes(SHARD_BYTES).hex()]})
    older = replace(found, ref=ObjectRef(Kind.ROUTE_POLICY, "team", "huge"), created="", spec=huge)
    policies = {"team/bot": found, "team/huge": older}
    compilation = compile_inventory(replace(inventory, policies=policies))
    verdict = compilation.verdicts[older.ref]
    assert (verdict.accepted.truth, verdict.too_large) == (Truth.TRUE, ("team/main",))
    assert compilation.verdicts[POLICY].too_large == ()
    keys = [fragment.key for fragment in compilation.gateways["team/main"].fragments]
    assert "RoutePolicy/team/bot" in keys
    assert "RoutePolicy/team/huge" not in keys
    assert compilation.verdicts[GATEWAY].policies == 1


def large_gateway(policies: int) -> Inventory:
    providers = [
        f"""
apiVersion: fairlead.dev/v1alpha1
kind: ModelProvider
metadata: {{name: p{number}, namespace: platform}}
spec: {{type: Simulated, models: [{{name: m}}], consumers: {{namespaceSelector: {{}}}}}}
"""
        for number in range(6)
    ]
    gateway = """
apiVersion: fairlead.dev/v1alpha1
kind: ModelGateway
metadata: {name: main, namespace: platform}
spec: {tenants: {namespaceSelector: {}}}
"""
    inventory = read_inventory("---".join([gateway, *providers, one_policy()]))
    model = inventory.policies["team-0/bot"]
    copies = {
        f"team-{number}/bot": replace(model, ref=ObjectRef(Kind.ROUTE_POLICY, f"team-{number}", "bot"), uid=str(number))
        for number in range(policies)
    }
    namespaces: dict[str, dict[str, str]] = {f"team-{number}": {} for number in range(policies)}
    return replace(inventory, policies=copies, namespaces=namespaces)


def one_policy() -> str:
    rules = "".join(
        f"""
  - name: r{number}
    match: [{{headers: {{x-task: t{number}}}}}]
    route:
      targets:
      - {{provider: {{name: p{number}, namespace: platform}}, model: m}}
      - {{provider: {{name: p{number + 1}, namespace: platform}}, model: m, priority: 1}}
    resilience: {{timeouts: {{total: 1m30s}}}}"""
        for number in range(5)
    )
    return f"""
apiVersion: fairlead.dev/v1alpha1
kind: RoutePolicy
metadata: {{name: bot, namespace: team-0}}
spec:
  gatewayRef: {{name: main, namespace: platform}}
  models: [smart]
  rules:{rules}
"""


def cpu_seconds(inventory: Inventory) -> tuple[float, Compilation]:
    started = time.process_time()
    compilation = compile_inventory(inventory)
    return time.process_time() - started, compilation


def test_a_thousand_policies_of_five_rules_compile_in_half_a_second_of_cpu() -> None:
    inventory = large_gateway(1000)
    best, compilation = min((cpu_seconds(inventory) for _ in range(5)), key=lambda run: run[0])
    assert len(compilation.gateways["platform/main"].fragments) == 1007
    assert best < 0.5
