"""What searches a cluster's output finds a canary in each kind of place, and says where; only Secrets may hold some."""

import base64
import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest
from fence.canaries import Search, disguises, make_canary
from fence.emitted import Emitted, keys_of, nothing_leaks
from fence.stage_canaries import CANARIES, KEYS, SHORTEST_KEY, Canary, Role, refuse_short_keys

from fairlead_operator.resources.fleet_names import fleet_labels
from fairlead_proxy.contract.keys import CallerKey, KeyRing, encode_keys, fingerprint
from fairlead_proxy.contract.snapshot import Fragment, FragmentHeader, pack

Json = dict[str, Any]
PLANTED = {role.name.lower(): Canary(make_canary(role.name.lower()), role) for role in Role}
SECRET = PLANTED["provider"].text
OF_FLEET = fleet_labels("main")
TENANTS = {"fairlead.dev/key": "true"}


def item(name: str = "any", labels: dict[str, str] | None = None, **content: Any) -> Json:
    metadata = {"name": name, "namespace": "team", "labels": labels or {}} | content.pop("metadata", {})
    return {"metadata": metadata, **content}


def secret(name: str = "any", labels: dict[str, str] | None = None, *, type_: str = "Opaque", **data: str) -> Json:
    encoded = {entry.replace("_", "."): base64.b64encode(text.encode()).decode() for entry, text in data.items()}
    return item(name, labels, type=type_, data=encoded)


def shard(body: str) -> str:
    header = FragmentHeader(kind="RoutePolicy", id="team/smart", uid="u-1", generation=1, hash="h")
    (packed,) = pack([Fragment(header, body.encode())])
    return base64.b64encode(packed).decode()


def listing(resource: str, *items: Json) -> Callable[[Emitted], None]:
    return lambda emitted: emitted.take_list(resource, list(items))


def piece(source: str, place: str, content: bytes) -> Callable[[Emitted], None]:
    return lambda emitted: emitted.take(source, place, content)


def looked_through(*takes: Callable[[Emitted], None]) -> Emitted:
    """Return a search of these, and of a Secret of somebody's with the canary in it."""
    emitted = Emitted(PLANTED)
    for take in (listing("secrets", secret("own", key=PLANTED["caller"].text)), *takes):
        take(emitted)
    return emitted


LEAKS: dict[str, tuple[Callable[[Emitted], None], str]] = {
    "an annotation": (
        listing("pods", item(metadata={"annotations": {"note": f"it is {SECRET}"}})),
        "pods team/any .metadata.annotations.note",
    ),
    "the name of a label": (listing("pods", item(labels={SECRET[:20]: "x"})), "pods team/any .metadata.labels"),
    "a status": (
        listing("modelproviders.fairlead.dev", item(status={"conditions": [{}, {"message": f"401: {SECRET}"}]})),
        "modelproviders.fairlead.dev team/any .status.conditions[1].message",
    ),
    "an event": (listing("events.events.k8s.io", item(note=SECRET)), "events.events.k8s.io team/any .note"),
    "a lease": (
        listing("leases.coordination.k8s.io", item(spec={"holderIdentity": SECRET[5:30]})),
        "leases.coordination.k8s.io team/any .spec.holderIdentity",
    ),
    "the environment of a pod": (
        listing("pods", item(spec={"containers": [{"env": [{"name": "KEY", "value": SECRET}]}]})),
        "pods team/any .spec.containers[0].env[0].value",
    ),
    "a ConfigMap": (listing("configmaps", item(data={"a": f"x {SECRET}"})), "configmaps team/any .data.a"),
    "what a ConfigMap holds packed": (
        listing("configmaps", item(binaryData={"a": base64.b64encode(gzip.compress(SECRET.encode())).decode()})),
        "configmaps team/any binaryData.a",
    ),
    "a snapshot": (
        listing("configmaps", item("main-config-a-0", OF_FLEET, binaryData={"a-0": shard(f'{{"x":"{SECRET}"}}')})),
        "configmaps team/main-config-a-0 RoutePolicy/team/smart",
    ),
    "another Secret of the operator": (
        listing("secrets", secret("main-other", OF_FLEET, a=SECRET)),
        "secrets team/main-other data.a",
    ),
    "a Secret whose data are in base64 once more": (
        listing("secrets", secret("main-other", OF_FLEET, a=disguises(SECRET)["base64 at 1"])),
        "secrets team/main-other data.a",
    ),
    "a line of a log": (piece("logs", "log proxy.0.log", f"refused {SECRET}\n".encode()), "log proxy.0.log"),
    "a log that is packed away": (
        piece("logs", "log 0.log.gz", gzip.compress(f"refused {SECRET}\n".encode())),
        "log 0.log.gz",
    ),
    "a metric": (piece("answers", "/metrics", b'calls{key="%s"} 1' % SECRET[4:].encode()), "/metrics"),
    "a decision record": (piece("decisions", "/debug/decisions/x", json.dumps({"a": SECRET}).encode()), "/debug/dec"),
    "the audit log": (piece("audit logs", "audit log", b'{"requestURI":"/x?key=%s"}' % SECRET.encode()), "audit log"),
}


@pytest.mark.parametrize("where", LEAKS)
def test_a_canary_that_is_planted_in_any_kind_of_place_is_found_and_the_place_is_told(where: str) -> None:
    take, place = LEAKS[where]
    emitted = looked_through(take)
    assert {leak.canary for leak in emitted.leaks} == {"provider"}
    with pytest.raises(AssertionError) as raised:
        emitted.check({})
    told = str(raised.value)
    assert place in told
    assert "the canary 'provider'" in told
    assert Search({"provider": SECRET}).hits(told.encode()) == set()


def test_what_holds_no_canary_is_no_leak_and_is_counted() -> None:
    emitted = looked_through(
        listing("pods", item("a"), item("b")),
        listing("configmaps", item("main-config-a-0", OF_FLEET, binaryData={"a-0": shard('{"x":"y"}')})),
        piece("logs", "log", b"level=info\n"),
        piece("logs", "an empty log", b""),
    )
    emitted.check({"objects": 4, "kinds": 3, "fragments": 1, "logs": 1, "entries of Secrets": 1})
    assert emitted.leaks == []
    assert emitted.held == {"caller"}
    assert emitted.bytes > 500


def test_a_private_key_needs_no_planting() -> None:
    emitted = looked_through(piece("logs", "log", b"-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE"))
    assert [leak.canary for leak in emitted.leaks] == ["a private key"]


@pytest.mark.parametrize(
    ("held", "may"),
    [
        (secret("own", key=SECRET), {"caller", "provider", "bystander"}),
        (secret("main-keys", OF_FLEET, keys_json="{}"), {"provider", "admin"}),
        (secret("main-debug-token", OF_FLEET, token="t"), {"debug"}),
        (secret("main-other", OF_FLEET, token="t"), set()),
        (secret("other-keys", OF_FLEET, token="t"), set()),
        (secret("sh.helm.release.v1.f.v1", type_="helm.sh/release.v1", release="r"), {"caller"}),
    ],
    ids=["somebody's", "a key ring", "a debug token", "another of the operator", "a ring's by name", "a release"],
)
def test_each_secret_may_hold_what_it_is_for_and_nothing_else(held: Json, may: set[str]) -> None:
    everything = base64.b64encode("\n".join(canary.text for canary in PLANTED.values()).encode()).decode()
    emitted = Emitted(PLANTED)
    emitted.take_list("secrets", [{**held, "data": {"any": everything}}])
    assert emitted.held == may
    assert {leak.canary for leak in emitted.leaks} == set(PLANTED) - may


def test_a_secret_is_the_operators_whatever_its_labels_where_the_api_server_knows_it() -> None:
    taken = secret("main-keys", key=SECRET)
    taken["metadata"]["managedFields"] = [{"manager": "fairlead-operator"}]
    assert looked_through(listing("secrets", taken)).leaks != []


def test_a_callers_key_in_a_key_ring_is_found_and_its_hash_is_none() -> None:
    text = PLANTED["caller"].text
    hashed = KeyRing(callers=(CallerKey(sha256=fingerprint(text), tenant="team", name="caller"),))
    plain = KeyRing(credentials={"team/p/main": text})
    for ring, found in ((hashed, set()), (plain, {"caller"})):
        held = secret("main-keys", OF_FLEET, keys_json=encode_keys(ring).decode())
        leaks = {leak.canary for leak in looked_through(listing("secrets", held)).leaks}
        assert leaks == found


def test_the_keys_that_secrets_hold_are_searched_for_though_nobody_has_planted_them() -> None:
    made_up, token = "a" * SHORTEST_KEY, "t" * 40
    ring = KeyRing(credentials={"team/p/main": "p" * 30, "team/p/short": "p" * 5}, admin_tokens=(token,))
    secrets = [secret("own", TENANTS, key=made_up), secret("main-keys", OF_FLEET, keys_json=encode_keys(ring).decode())]
    found = keys_of(secrets, PLANTED)
    assert {name: canary.role for name, canary in found.items() if name not in PLANTED} == {
        "the key in secrets team/own": Role.CALLER,
        "the key of team/p/main in secrets team/main-keys": Role.PROVIDER,
        "admin token 0 in secrets team/main-keys": Role.ADMIN,
        "debug token 0 of secrets team/main-keys": Role.DEBUG,
    }
    emitted = Emitted(found)
    emitted.take("logs", "log", f"authorization: Bearer {token}".encode())
    assert [leak.canary for leak in emitted.leaks] == ["admin token 0 in secrets team/main-keys"]


def test_a_place_whose_name_holds_the_canary_is_not_told() -> None:
    emitted = looked_through(listing("pods", item(SECRET[9:24])))
    assert {leak.place for leak in emitted.leaks} == {"pods, at a name that holds it"}


def test_a_search_of_too_little_proves_nothing() -> None:
    with pytest.raises(AssertionError, match=r"too little to prove anything: at least \{'logs': 2\} was to be found"):
        looked_through(piece("logs", "log", b"x")).check({"logs": 2, "objects": 1})
    nothing_held = Emitted(PLANTED)
    nothing_held.take("logs", "log", b"x")
    with pytest.raises(AssertionError, match="one key in its own Secret"):
        nothing_held.check({"logs": 1})


def test_a_shard_that_cannot_be_read_is_no_shard_without_a_leak() -> None:
    torn = base64.b64encode(b"no gzip").decode()
    with pytest.raises(AssertionError, match="configmaps team/main-config-a-0: a shard is not gzip"):
        looked_through(listing("configmaps", item("main-config-a-0", OF_FLEET, binaryData={"a-0": torn})))


def leaking() -> None:
    raise AssertionError("a key was given out")


def test_a_leak_fails_what_has_gone_well() -> None:
    with pytest.raises(AssertionError, match="a key was given out"), nothing_leaks(leaking):
        pass


def test_a_leak_does_not_hide_what_failed_before() -> None:
    with pytest.raises(LookupError, match="the first failure") as raised, nothing_leaks(leaking):
        raise LookupError("the first failure")
    assert raised.value.__notes__ == ["and at the end of the stage: a key was given out"]


def test_a_key_that_is_too_short_to_be_searched_for_is_refused() -> None:
    with pytest.raises(ValueError, match=r"Secret upstream, apiKey: a key of 8 characters .* take one of"):
        refuse_short_keys("upstream", (), {"apiKey": "sk-first"})
    with pytest.raises(ValueError, match="Secret caller, key: a key of 3 characters"):
        refuse_short_keys("caller", TENANTS, {"key": "abc"})
    refuse_short_keys("any", (), {"key": "abc", "bundle": "x"})
    refuse_short_keys("caller", TENANTS, {"key": KEYS["caller"], "apiKey": KEYS["first"]})


def test_eight_keys_and_a_prompt_are_planted() -> None:
    assert len(KEYS) == 8
    assert [name for name, canary in CANARIES.items() if canary.role is Role.PROMPT] == ["prompt"]
    assert all(len(canary.text) >= SHORTEST_KEY for canary in CANARIES.values())
