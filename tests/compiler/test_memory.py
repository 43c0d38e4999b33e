"""What is remembered from one compilation to the next saves work and changes nothing else."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from doubles.compiled import published_by, read_inventory
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead_operator.compiler.compile import Compilation, CompilerMemory, compile_inventory
from fairlead_operator.compiler.memory import Kept
from fairlead_operator.inventory import Inventory

GATEWAY = """
apiVersion: fairlead.dev/v1alpha1
kind: ModelGateway
metadata: {{name: {name}, namespace: platform, generation: {generation}}}
spec:
  tenants: {{namespaceSelector: {{matchLabels: {{tenant: "true"}}}}}}
  auth: {{apiKeys: {{}}}}
  defaults: {{timeouts: {{total: {timeout}}}}}
"""
PROVIDER = """
apiVersion: fairlead.dev/v1alpha1
kind: ModelProvider
metadata: {{name: {name}, namespace: platform, generation: {generation}}}
spec:
  type: OpenAI
  gatewayRefs: [{{name: {gateway}}}]
  credentials: [{{name: a, secretRef: {{name: key, key: apiKey}}}}]
  consumers: {{namespaceSelector: {{matchLabels: {{{consumer}: "true"}}}}}}
  models: [{{name: {model}}}]
"""
POLICY = """
apiVersion: fairlead.dev/v1alpha1
kind: RoutePolicy
metadata: {{name: {name}, namespace: {namespace}, generation: {generation}, creationTimestamp: "2026-01-0{age}"}}
spec:
  gatewayRef: {{name: {gateway}, namespace: platform}}
  models: [{model}]
  {rules}:
  - name: r
    route:
      targets:
      - {{provider: {{name: {target}, namespace: platform}}, model: m}}
      - {{provider: {{name: two, namespace: platform}}, model: m, priority: 1}}
"""
NAMESPACE = """
apiVersion: v1
kind: Namespace
metadata: {{name: {name}, labels: {{tenant: "{tenant}", vip: "{vip}"}}}}
"""
SECRET = """
apiVersion: v1
kind: Secret
metadata: {{name: key, namespace: platform, labels: {{fairlead.dev/key: "{labelled}"}}}}
stringData: {{{entry}: {value}, key: "a-caller-key-of-some-length"}}
"""

Fields = dict[str, Any]
TRUTHS = st.sampled_from(("true", "false"))
GENERATIONS = st.integers(1, 2)
GATEWAYS = st.sampled_from(("main", "other"))


def optional(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Fields | None]:
    """An object with these fields, or none; what is shrunk to is that it is there."""
    return st.one_of(st.fixed_dictionaries(fields), st.none())


def gateways(name: str) -> st.SearchStrategy[Fields | None]:
    timeouts = st.sampled_from(("1m", "2m", "never"))
    return optional(name=st.just(name), generation=GENERATIONS, timeout=timeouts)


def providers(name: str) -> st.SearchStrategy[Fields | None]:
    consumers, models = st.sampled_from(("tenant", "vip")), st.sampled_from(("m", "n", "-no-name-"))
    return optional(name=st.just(name), generation=GENERATIONS, gateway=GATEWAYS, consumer=consumers, model=models)


def policies(name: str, namespace: str) -> st.SearchStrategy[Fields | None]:
    return optional(
        name=st.just(name),
        namespace=st.just(namespace),
        generation=GENERATIONS,
        age=st.integers(1, 3),
        gateway=GATEWAYS,
        model=st.sampled_from(("smart", "fast")),
        rules=st.sampled_from(("rules", "rules", "rulez")),
        target=st.sampled_from(("one", "two", "three")),
    )


OBJECTS: dict[str, tuple[str, st.SearchStrategy[Fields | None]]] = {
    "main": (GATEWAY, gateways("main")),
    "other": (GATEWAY, gateways("other")),
    "one": (PROVIDER, providers("one")),
    "two": (PROVIDER, providers("two")),
    "a": (POLICY, policies("a", "team-a")),
    "b": (POLICY, policies("b", "team-a")),
    "c": (POLICY, policies("c", "team-b")),
    "team-a": (NAMESPACE, optional(name=st.just("team-a"), tenant=TRUTHS, vip=TRUTHS)),
    "team-b": (NAMESPACE, optional(name=st.just("team-b"), tenant=TRUTHS, vip=TRUTHS)),
    "key": (SECRET, optional(labelled=TRUTHS, entry=st.sampled_from(("apiKey", "wrong")), value=st.just("k-1"))),
}
EDITS = st.sampled_from(sorted(OBJECTS)).flatmap(lambda name: st.tuples(st.just(name), OBJECTS[name][1]))
WORLD: dict[str, Fields | None] = {
    "main": {"name": "main", "generation": 1, "timeout": "1m"},
    "one": {"name": "one", "generation": 1, "gateway": "main", "consumer": "tenant", "model": "m"},
    "a": {
        "name": "a",
        "namespace": "team-a",
        "generation": 1,
        "age": 1,
        "gateway": "main",
        "model": "smart",
        "rules": "rules",
        "target": "one",
    },
    "two": {"name": "two", "generation": 1, "gateway": "main", "consumer": "tenant", "model": "m"},
    "team-a": {"name": "team-a", "tenant": "true", "vip": "false"},
    "key": {"labelled": "true", "entry": "apiKey", "value": "k-1"},
}
WORLDS = st.one_of(st.just(WORLD), st.fixed_dictionaries({name: strategy for name, (_, strategy) in OBJECTS.items()}))
READABLE = st.lists(st.sampled_from(("platform", "team-a")), max_size=1)


def text_of(world: dict[str, Fields | None]) -> str:
    return "---".join(OBJECTS[name][0].format(**fields) for name, fields in world.items() if fields is not None)


def states(world: dict[str, Fields | None], edits: list[tuple[str, Fields | None]]) -> Iterator[str]:
    """Yield the world as YAML, before all edits and after each."""
    yield text_of(world)
    for name, fields in edits:
        world = {**world, name: fields}
        yield text_of(world)


def watched(before: Inventory, now: Inventory) -> Inventory:
    """Return what there is now as a watch has it: what nobody has edited is the very same as before."""
    policies = {
        key: before.policies[key] if key in before.policies and before.policies[key] == found else found
        for key, found in now.policies.items()
    }
    return replace(now, policies=policies)


def facts(compilation: Compilation) -> Any:
    return compilation.verdicts, compilation.gateways


@settings(max_examples=60, deadline=None)
@given(world=WORLDS, edits=st.lists(EDITS, min_size=1, max_size=6), unreadable=READABLE)
def test_a_long_memory_compiles_what_none_compiles(
    world: dict[str, Fields | None], edits: list[tuple[str, Fields | None]], unreadable: list[str]
) -> None:
    memory = CompilerMemory()
    last_good: Any = {}
    inventory = read_inventory("")
    for text in states(world, edits):
        inventory = watched(inventory, read_inventory(text, unreadable=unreadable))
        remembering = compile_inventory(inventory, last_good, memory=memory)
        assert facts(remembering) == facts(compile_inventory(inventory, last_good))
        last_good = published_by(remembering)


def test_a_new_status_alone_compiles_nothing_anew() -> None:
    memory = CompilerMemory()
    inventory = read_inventory(text_of(WORLD))
    before = compile_inventory(inventory, memory=memory)
    written = {
        key: replace(found, resource_version="2", status={"rules": []}) for key, found in inventory.policies.items()
    }
    after = compile_inventory(replace(inventory, policies=written), memory=memory)
    assert [id(verdict) for ref, verdict in after.verdicts.items() if verdict.rules] == [
        id(verdict) for ref, verdict in before.verdicts.items() if verdict.rules
    ]


def test_what_is_equal_is_computed_once_and_what_raises_is_not_kept() -> None:
    kept: Kept[int, int] = Kept()
    asked: list[int] = []

    def divide(number: int) -> int:
        asked.append(number)
        return 100 // number

    answers = [kept.result("a", 5, divide), kept.result("a", 5, divide), kept.result("a", 2, divide)]
    faults = [_fault(kept, divide) for _ in range(2)]
    kept.forget_others({"b"})
    answers.append(kept.result("a", 2, divide))
    assert (answers, asked) == ([20, 20, 50, 50], [5, 2, 0, 0, 2])
    assert faults == [ZeroDivisionError, ZeroDivisionError]


def _fault(kept: Kept[int, int], divide: Any) -> type[Exception] | None:
    try:
        kept.result("b", 0, divide)
    except ZeroDivisionError as error:
        return type(error)
    return None
