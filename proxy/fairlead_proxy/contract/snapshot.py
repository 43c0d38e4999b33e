"""The published form of a configuration: a sequence of fragments, one an object, packed into shards with an index."""

import gzip
import hashlib
import struct
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from fairlead_proxy.contract.config import Gateway, Policy, Provider
from fairlead_proxy.contract.format_1 import read_provider_of_format_1
from fairlead_proxy.contract.linked import GatewayConfig, Linking
from fairlead_proxy.contract.names import MaintenanceState, ProbeMode

FORMAT = 4
"""The format that this code writes, and the newest that it reads. It reads all of those before.

2: prices are whole numbers, and have tiers. 3: a provider may be in maintenance; whoever does not know that would go on
calling it. 4: a provider may be probed by real calls; whoever does not know that could not read it. A snapshot that
holds none of these is also one of format 1.
"""

_FIRST_FORMAT = 1
_IN_MAINTENANCE = tuple(
    f'"maintenance":"{state}"'.encode() for state in (MaintenanceState.CORDONED, MaintenanceState.DRAINING)
)
_PROBED_BY_CHAT = f'"mode":"{ProbeMode.CHAT}"'.encode()
_PRICE, _RATES = b'"price":{', b'"rates":'
"""What a body has if, and only if, it has a price, and one of format 2: in a text no quotation mark stands bare."""

SHARD_BYTES = 768 * 1024
SHARDS_PER_SET = 8
SETS = ("a", "b")

HEADER_BYTES = 512
"""More than the header of any fragment takes."""

BLOCK_FRAGMENTS = 32
BLOCK_BYTES = 256 * 1024
"""How much is compressed together: enough to compress well (deflate looks back 32 KiB), little enough to do again."""

INDEX_FILE = "index.json"
"""What the index is called where it is mounted; its shards are called as it names them."""

Document = Gateway | Provider | Policy
_KINDS: dict[str, type[Document]] = {"ModelGateway": Gateway, "ModelProvider": Provider, "RoutePolicy": Policy}
_KIND_OF = {document: kind for kind, document in _KINDS.items()}
_ENCODER = msgspec.json.Encoder(order="deterministic")
_LENGTH = struct.Struct(">I")


class SnapshotError(Exception):
    """A snapshot that cannot be used: torn, corrupt, or of a format that this reader does not know."""


class FragmentHeader(msgspec.Struct, frozen=True, kw_only=True):
    """Where a fragment comes from. `id` is `namespace/name`; `hash` is the SHA-256 of the body, in hex."""

    kind: str
    id: str
    uid: str
    generation: int
    hash: str


@dataclass(frozen=True, slots=True)
class Fragment:
    """One object as the proxies load it: its header, and its canonical body in JSON.

    `key` is `Kind/namespace/name`, unique in a snapshot.
    """

    header: FragmentHeader
    body: bytes
    key: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", f"{self.header.kind}/{self.header.id}")

    @classmethod
    def of(cls, document: Document, *, uid: str, generation: int) -> "Fragment":
        body = _ENCODER.encode(document)
        kind = _KIND_OF[type(document)]
        digest = hashlib.sha256(body).hexdigest()
        return cls(FragmentHeader(kind=kind, id=document.id, uid=uid, generation=generation, hash=digest), body)

    def read(self) -> Document:
        """Decode the body, of this format or of one before it; raise SnapshotError where it does not fit its kind or
        its hash.
        """
        kind = _KINDS.get(self.header.kind)
        if kind is None:
            raise SnapshotError(f"{self.key}: unknown kind {self.header.kind!r}")
        if hashlib.sha256(self.body).hexdigest() != self.header.hash:
            raise SnapshotError(f"{self.key}: the body does not match its hash")
        try:
            if kind is Provider and _PRICE in self.body and _RATES not in self.body:
                return read_provider_of_format_1(self.body)
            return msgspec.json.decode(self.body, type=kind)
        except msgspec.MsgspecError as error:
            raise SnapshotError(f"{self.key}: {error}") from error


class ShardRef(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    sha256: str


class Index(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What names the shards in force. A reader older than `min_reader` keeps its last good snapshot."""

    format: int
    min_reader: int
    revision: str
    set: str
    shards: tuple[ShardRef, ...]


class _Envelope(msgspec.Struct, frozen=True, rename="camel"):
    """The one field that every format keeps, read before any other."""

    min_reader: int


def revision_of(fragments: Iterable[Fragment]) -> str:
    """Return `r-` and 12 hex digits that change when, and only when, a fragment's body does."""
    lines = sorted(f"{fragment.key} {fragment.header.hash}" for fragment in fragments)
    return "r-" + hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]


class Packer:
    """Packs snapshots that differ little from one to the next: a block with nothing new in it is compressed once.

    It belongs to whoever packs again and again. A block is a gzip member by itself, and ends after a fragment whose key
    says so: then an edit changes one block, and an object that comes or goes does not move the bounds of all others.
    """

    def __init__(self) -> None:
        self._members: dict[tuple[Fragment, ...], bytes] = {}

    def pack(self, fragments: Iterable[Fragment]) -> list[bytes]:
        """Return the fragments as gzip shards of at most SHARD_BYTES each, where each fragment allows it."""
        before, self._members = self._members, {}
        shards: list[list[bytes]] = []
        room = 0
        for block in _blocks(sorted(fragments, key=lambda fragment: fragment.key)):
            member = before.get(block) or gzip.compress(b"".join(map(_frame, block)), compresslevel=6, mtime=0)
            self._members[block] = member
            if len(member) > room:
                shards.append([])
                room = SHARD_BYTES
            shards[-1].append(member)
            room -= len(member)
        return [b"".join(members) for members in shards] or [gzip.compress(b"", mtime=0)]


def pack(fragments: Iterable[Fragment]) -> list[bytes]:
    """Return the fragments as `Packer` does, for once."""
    return Packer().pack(fragments)


def unpack(shards: Iterable[bytes]) -> list[Fragment]:
    """Return the fragments of these shards; raise SnapshotError for anything torn."""
    fragments: list[Fragment] = []
    for shard in shards:
        try:
            data = gzip.decompress(shard)
        except (OSError, EOFError) as error:
            raise SnapshotError(f"a shard is not gzip: {error}") from error
        offset = 0
        while offset < len(data):
            head, offset = _take(data, offset)
            body, offset = _take(data, offset)
            try:
                fragments.append(Fragment(msgspec.json.decode(head, type=FragmentHeader), body))
            except msgspec.MsgspecError as error:
                raise SnapshotError(f"a fragment's header is not valid: {error}") from error
    return fragments


def least_reader_of(fragments: Iterable[Fragment]) -> int:
    """Return the oldest format whose readers understand all of these fragments."""
    return max((_least_reader_of(fragment.body) for fragment in fragments), default=_FIRST_FORMAT)


def index_of(revision: str, set_name: str, shards: Sequence[bytes], *, min_reader: int) -> bytes:
    """Return the index, as JSON, of these packed shards in set `a` or `b`; `min_reader` by `least_reader_of`."""
    refs = tuple(
        ShardRef(name=f"{set_name}-{number}", sha256=hashlib.sha256(shard).hexdigest())
        for number, shard in enumerate(shards)
    )
    return msgspec.json.encode(
        Index(format=FORMAT, min_reader=min_reader, revision=revision, set=set_name, shards=refs)
    )


def read_index(data: bytes) -> Index:
    """Read an index; raise SnapshotError where it is not one, or needs a newer reader."""
    try:
        least = msgspec.json.decode(data, type=_Envelope).min_reader
        if least > FORMAT:
            raise SnapshotError(f"this snapshot needs a reader of format {least}; this proxy reads up to {FORMAT}")
        return msgspec.json.decode(data, type=Index)
    except (msgspec.MsgspecError, ValueError) as error:
        raise SnapshotError(f"the index is not valid: {error}") from error


def check_shards(index: Index, shards: Mapping[str, bytes]) -> list[bytes]:
    """Return the shards that the index names, in order; raise SnapshotError where one is missing or torn."""
    found: list[bytes] = []
    for ref in index.shards:
        shard = shards.get(ref.name)
        if shard is None:
            raise SnapshotError(f"shard {ref.name} of revision {index.revision} is missing")
        if hashlib.sha256(shard).hexdigest() != ref.sha256:
            raise SnapshotError(f"shard {ref.name} of revision {index.revision} is torn")
        found.append(shard)
    return found


def assemble(revision: str, documents: Iterable[Document], previous: GatewayConfig | None = None) -> GatewayConfig:
    """Return the configuration of these documents; raise SnapshotError unless exactly one is a gateway.

    `previous`: what was in force before; it only saves work.
    """
    gateways: list[Gateway] = []
    providers: list[Provider] = []
    policies: list[Policy] = []
    for document in documents:
        match document:
            case Gateway():
                gateways.append(document)
            case Provider():
                providers.append(document)
            case Policy():
                policies.append(document)
    if len(gateways) != 1:
        raise SnapshotError(f"a snapshot holds one gateway, this one {len(gateways)}")
    linking = Linking(revision, gateways[0], providers, previous)
    # Policy by policy, from a module that is never compiled: compiled code lets go of the interpreter only at its end.
    for policy in policies:
        linking.add(policy)
    return linking.config()


def _least_reader_of(body: bytes) -> int:
    if _PROBED_BY_CHAT in body:
        return 4
    if any(mark in body for mark in _IN_MAINTENANCE):
        return 3
    return 2 if _RATES in body else _FIRST_FORMAT


def _blocks(fragments: Iterable[Fragment]) -> Iterable[tuple[Fragment, ...]]:
    """Cut the fragments into runs of about BLOCK_FRAGMENTS, none above BLOCK_BYTES but a fragment that is so alone."""
    block: list[Fragment] = []
    size = 0
    for fragment in fragments:
        more = len(fragment.body) + HEADER_BYTES
        if block and size + more > BLOCK_BYTES:
            yield tuple(block)
            block, size = [], 0
        block.append(fragment)
        size += more
        if zlib.crc32(fragment.key.encode()) % BLOCK_FRAGMENTS == 0:
            yield tuple(block)
            block, size = [], 0
    if block:
        yield tuple(block)


def _frame(fragment: Fragment) -> bytes:
    head = _ENCODER.encode(fragment.header)
    return _LENGTH.pack(len(head)) + head + _LENGTH.pack(len(fragment.body)) + fragment.body


def _take(data: bytes, offset: int) -> tuple[bytes, int]:
    start = offset + _LENGTH.size
    if start > len(data):
        raise SnapshotError("a shard ends within a length")
    end = start + _LENGTH.unpack_from(data, offset)[0]
    if end > len(data):
        raise SnapshotError("a shard ends within a fragment")
    return data[start:end], end
