"""Laws that hold for every inventory: order does not matter, and one bad object harms only itself."""

import random
from dataclasses import replace
from typing import Any

from doubles.case_files import case_names, input_of
from doubles.compiled import published_by, read_case
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead_operator.compiler.compile import Compilation, compile_inventory
from fairlead_operator.inventory import Inventory
from fairlead_operator.resources.found import Found
from fairlead_operator.resources.meta import Kind, ObjectRef
from fairlead_operator.resources.policy import RoutePolicySpec
from fairlead_proxy.contract.keys import encode_keys

CASES = {name: read_case(input_of("compile", name)) for name in case_names("compile")}
NAMESPACES = ("ai-platform", "team-a", "team-b", "nowhere")


def everything(inventory: Inventory) -> list[Found[Any]]:
    return [*inventory.providers.values(), *inventory.policies.values(), *inventory.gateways.values()]


def shuffled(inventory: Inventory, seed: int) -> Inventory:
    rng = random.Random(seed)
    found = everything(inventory)
    secrets = list(inventory.secrets.values())
    namespaces = list(inventory.namespaces.items())
    for each in (found, secrets, namespaces):
        rng.shuffle(each)
    return Inventory.of(
        found,
        namespaces=dict(namespaces),
        secrets=secrets,
        readable=inventory.readable,
        gateway_namespaces=inventory.gateway_namespaces,
    )


def bytes_of(compilation: Compilation) -> dict[str, tuple[list[bytes], bytes]]:
    return {
        key: ([fragment.body for fragment in gateway.fragments], encode_keys(gateway.keys))
        for key, gateway in compilation.gateways.items()
    }


@settings(max_examples=60, deadline=None)
@given(name=st.sampled_from(sorted(CASES)), seed=st.integers(0, 10_000))
def test_the_order_of_the_inventory_changes_no_byte_and_no_verdict(name: str, seed: int) -> None:
    inventory, last_good = CASES[name]
    before, after = compile_inventory(inventory, last_good), compile_inventory(shuffled(inventory, seed), last_good)
    assert bytes_of(after) == bytes_of(before)
    assert after.verdicts == before.verdicts


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(sorted(CASES)),
    namespace=st.sampled_from(NAMESPACES),
    created=st.sampled_from(("", "2020-01-01T00:00:00Z", "2030-01-01T00:00:00Z")),
)
def test_an_invalid_policy_changes_nothing_else(name: str, namespace: str, created: str) -> None:
    inventory, last_good = CASES[name]
    ref = ObjectRef(Kind.ROUTE_POLICY, namespace, "invalid-newcomer")
    bad: Found[RoutePolicySpec] = Found(ref, "uid-of-the-newcomer", 1, "1", created, None, ("spec: is missing",))
    with_bad = Inventory.of(
        [*everything(inventory), bad],
        namespaces=inventory.namespaces,
        secrets=inventory.secrets.values(),
        readable=inventory.readable,
        gateway_namespaces=inventory.gateway_namespaces,
    )
    before, after = compile_inventory(inventory, last_good), compile_inventory(with_bad, last_good)
    assert bytes_of(after) == bytes_of(before)
    assert {key: verdict for key, verdict in after.verdicts.items() if key != ref} == before.verdicts


@settings(max_examples=60, deadline=None)
@given(name=st.sampled_from(sorted(CASES)), seed=st.integers(0, 10_000))
def test_a_policy_that_breaks_while_it_is_served_changes_no_byte(name: str, seed: int) -> None:
    inventory, last_good = CASES[name]
    before = compile_inventory(inventory, last_good)
    served = [verdict.ref.id for verdict in before.verdicts.values() if verdict.fragments and verdict.rules]
    broken = {
        key: replace(inventory.policies[key], spec=None, generation=99, problems=("spec: broken",))
        for key in random.Random(seed).sample(served, k=min(1, len(served)))
    }
    after = compile_inventory(replace(inventory, policies={**inventory.policies, **broken}), published_by(before))
    assert bytes_of(after) == bytes_of(before)


def test_what_is_published_compiles_to_itself() -> None:
    for inventory, last_good in CASES.values():
        first = compile_inventory(inventory, last_good)
        assert bytes_of(compile_inventory(inventory, published_by(first))) == bytes_of(first)
