"""What a cluster has given out, searched for canaries piece by piece: what leaked, and how much was looked at."""

import base64
import gzip
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from fence.canaries import Search
from fence.stage_canaries import SHORTEST_KEY, Canary, Role

from fairlead_operator.resources.fleet_names import (
    GATEWAY_LABEL,
    MANAGED_BY_LABEL,
    OPERATOR_NAME,
    debug_token_name,
    keys_name,
)
from fairlead_operator.resources.meta import KEY_LABEL
from fairlead_proxy.contract.keys import KEYS_FILE, debug_token, decode_keys
from fairlead_proxy.contract.snapshot import Fragment, SnapshotError, unpack

Json = dict[str, Any]

NOTHING: Final[frozenset[Role]] = frozenset()
ANY_KEY: Final = frozenset({Role.CALLER, Role.PROVIDER, Role.BYSTANDER})
"""What a Secret that somebody wrote may hold: what it holds is theirs to say."""
OF_RING: Final = frozenset({Role.PROVIDER, Role.ADMIN})
MOST_LEAKS_TOLD = 20

PRIVATE_KEY = {"a private key": Canary("PRIVATE KEY-----", Role.PROVIDER)}
"""What ends the first line of each; it need not be planted to be missed where it must not stand."""

_GZIP = b"\x1f\x8b"
_GZIP_IN_BASE64 = b"H4sI"


@dataclass(frozen=True, slots=True, order=True)
class Leak:
    """A canary, by its name, where it must not stand."""

    place: str
    canary: str
    disguise: str

    def __str__(self) -> str:
        return f"{self.place}: the canary {self.canary!r}, {self.disguise}"


class Emitted:
    """Takes piece by piece what was given out; `check` raises where a canary leaked, or little was looked at.

    `looked` counts pieces by their source; `seconds`: how long all of it took. `held` names the canaries that were
    found where they may stand: a search that does not even find those proves nothing.
    """

    def __init__(self, canaries: Mapping[str, Canary]) -> None:
        self._canaries = {**canaries, **PRIVATE_KEY}
        self._search = Search({name: canary.text for name, canary in self._canaries.items()})
        self.looked: Counter[str] = Counter()
        self.bytes = 0
        self.seconds = 0.0
        self.held: set[str] = set()
        self._leaks: set[Leak] = set()

    @property
    def leaks(self) -> list[Leak]:
        return sorted(self._leaks)

    def take(self, source: str, place: str, content: bytes, may_hold: frozenset[Role] = NOTHING) -> None:
        """Search one piece; `may_hold`: what may stand in it."""
        self.looked[source] += bool(content)
        self._judge(place, content, may_hold)

    def take_list(self, resource: str, items: list[Json]) -> None:
        """Search all objects of one kind, in full; `resource`: its plural name, with the group where it has one."""
        self.looked["kinds"] += 1
        self.looked["objects"] += len(items)
        for item in items:
            if resource == "secrets":
                self._take_secret(item)
                continue
            if resource == "configmaps":
                self._take_config_map(item)
            if found := self._findings(json.dumps(item, ensure_ascii=False).encode()):
                self._name_fields(place_of(resource, item), item, found)

    def check(self, least: Mapping[str, int]) -> None:
        """Raise AssertionError where a canary leaked, or fewer pieces of a source were searched than `least` says."""
        if self._leaks:
            more = f"\n… and {len(self._leaks) - MOST_LEAKS_TOLD} more" if len(self._leaks) > MOST_LEAKS_TOLD else ""
            told = "\n".join(map(str, self.leaks[:MOST_LEAKS_TOLD]))
            raise AssertionError(f"what must stand in Secrets alone was given out:\n{told}{more}\n{self.summary()}")
        missed = {source: count for source, count in least.items() if self.looked[source] < count}
        if missed or not self.held:
            raise AssertionError(
                f"the search looked at too little to prove anything: at least {missed or 'one key in its own Secret'} "
                f"was to be found; {self.summary()}"
            )

    def summary(self) -> str:
        """Return how much was searched."""
        looked = ", ".join(f"{count} {source}" for source, count in sorted(self.looked.items()))
        held = ", ".join(sorted(self.held)) or "none"
        much = f"{self.bytes} bytes in {self.seconds:.1f} s"
        return f"searched: {looked}; {much}; canaries found where they may stand: {held}"

    def _findings(self, content: bytes) -> dict[str, str]:
        self.bytes += len(content)
        return self._search.findings(content)

    def _judge(self, place: str, content: bytes, may_hold: frozenset[Role]) -> None:
        for layer in unwrapped(content):
            for name, disguise in self._findings(layer).items():
                if self._canaries[name].role in may_hold:
                    self.held.add(name)
                else:
                    self._note_leak(place, name, disguise)

    def _name_fields(self, place: str, item: Json, found: Mapping[str, str]) -> None:
        """Tell the fields of an object in which these canaries stand; the object, where they stand across fields."""
        untold = dict(found)
        for path, text in leaves(item):
            for name, disguise in self._search.findings(text.encode()).items():
                self._note_leak(f"{place} {path}", name, disguise)
                untold.pop(name, None)
        for name, disguise in untold.items():
            self._note_leak(place, name, disguise)

    def _note_leak(self, place: str, canary: str, disguise: str) -> None:
        if self._search.findings(place.encode()):
            # A message about a leak is no place for it either.
            place = f"{place.partition(' ')[0]}, at a name that holds it"
        self._leaks.add(Leak(place, canary, disguise))

    def _take_secret(self, item: Json) -> None:
        """Search a Secret: its data without their base64, too, and all of it only for what it may not hold."""
        place, may_hold = place_of("secrets", item), may_hold_of(item)
        self._judge(place, json.dumps(item, ensure_ascii=False).encode(), may_hold)
        for entry, value in (item.get("data") or {}).items():
            self.take("entries of Secrets", f"{place} data.{entry}", base64.b64decode(value), may_hold)

    def _take_config_map(self, item: Json) -> None:
        """Search what a ConfigMap holds packed: the fragments of a snapshot by the reader of the proxies."""
        place = place_of("configmaps", item)
        of_fleet = is_of_operator(item)
        for entry, value in (item.get("binaryData") or {}).items():
            content = base64.b64decode(value)
            self.take("binary entries", f"{place} binaryData.{entry}", content)
            for fragment in fragments_of(place, content) if of_fleet else ():
                header = str(fragment.header).encode()
                self.take("fragments", f"{place} {fragment.key}", header + b"\n" + fragment.body)


def keys_of(secrets: Iterable[Json], planted: Mapping[str, Canary]) -> dict[str, Canary]:
    """Return what is planted, and beside it every key that these Secrets hold and that is none of the planted ones.

    These are callers' keys by their label, and the providers' keys and admin tokens of key rings. So what a test has
    made up itself is searched for as well, as long as it has SHORTEST_KEY characters.
    """
    found = dict(planted)
    listed = list(secrets)
    for name, text, role in (*_callers_keys(listed), *_keys_of_rings(listed)):
        if len(text) >= SHORTEST_KEY and text not in {canary.text for canary in found.values()}:
            found[name] = Canary(text, role)
    return found


def may_hold_of(secret: Json) -> frozenset[Role]:
    """Return what may stand in a Secret.

    In a fleet's key ring the keys of providers and the admin tokens, but of callers' keys only hashes; in the Secret of
    the debug token, that; in what Helm
    keeps of a release, the key that the chart has generated; in what somebody else wrote, keys, but never an admin
    token. A prompt may stand in none.
    """
    metadata = secret["metadata"]
    gateway = str((metadata.get("labels") or {}).get(GATEWAY_LABEL, ""))
    if is_of_operator(secret):
        rings = {keys_name(gateway): OF_RING, debug_token_name(gateway): frozenset({Role.DEBUG})}
        return rings.get(metadata["name"], NOTHING)
    if secret.get("type") == "helm.sh/release.v1":
        return frozenset({Role.CALLER})
    return ANY_KEY


def is_of_operator(item: Json) -> bool:
    """Return whether the operator has written an object, by its label or by what the API server knows of it."""
    metadata = item["metadata"]
    managers = {each.get("manager") for each in metadata.get("managedFields") or []}
    labels = metadata.get("labels") or {}
    return OPERATOR_NAME in managers or labels.get(MANAGED_BY_LABEL) == OPERATOR_NAME


def place_of(resource: str, item: Json) -> str:
    metadata = item["metadata"]
    return f"{resource} {metadata.get('namespace', '')}/{metadata['name']}"


def fragments_of(place: str, shard: bytes) -> list[Fragment]:
    """Return what the proxies read of a shard; raise AssertionError where it cannot be read, and so not be searched."""
    try:
        return unpack([shard])
    except SnapshotError as error:
        raise AssertionError(f"{place}: {error}") from error


def leaves(content: object, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield the path and the text of every value of an object, and of every name of a field."""
    match content:
        case dict():
            for name, value in content.items():
                yield f"{path or '.'} (a name in it)", str(name)
                yield from leaves(value, f"{path}.{name}")
        case list():
            for place, value in enumerate(content):
                yield from leaves(value, f"{path}[{place}]")
        case _:
            yield path, str(content)


def unwrapped(content: bytes) -> Iterator[bytes]:
    """Yield these bytes, and what is in them where they are compressed, as they are or in base64."""
    yield content
    if content.startswith(_GZIP_IN_BASE64):
        content = base64.b64decode(content)
        yield content
    if content.startswith(_GZIP):
        yield gzip.decompress(content)


@contextmanager
def nothing_leaks(look: Callable[[], None]) -> Iterator[None]:
    """Look for leaks when the block ends, after a failure too: that is raised, with what was found as a note."""
    try:
        yield
    except BaseException as failure:
        try:
            look()
        except Exception as found:
            failure.add_note(f"and at the end of the stage: {found}")
        raise
    look()


def _callers_keys(secrets: Iterable[Json]) -> Iterator[tuple[str, str, Role]]:
    for secret in secrets:
        labels = secret["metadata"].get("labels") or {}
        value = (secret.get("data") or {}).get("key")
        if labels.get(KEY_LABEL) == "true" and value:
            text = base64.b64decode(value).decode(errors="replace")
            yield f"the key in {place_of('secrets', secret)}", text, Role.CALLER


def _keys_of_rings(secrets: Iterable[Json]) -> Iterator[tuple[str, str, Role]]:
    for secret in secrets:
        value = (secret.get("data") or {}).get(KEYS_FILE)
        if value and is_of_operator(secret):
            place, ring = place_of("secrets", secret), decode_keys(base64.b64decode(value))
            for credential, text in ring.credentials.items():
                yield f"the key of {credential} in {place}", text, Role.PROVIDER
            for number, text in enumerate(ring.admin_tokens):
                yield f"admin token {number} in {place}", text, Role.ADMIN
                yield f"debug token {number} of {place}", debug_token(text), Role.DEBUG
