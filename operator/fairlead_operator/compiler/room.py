"""What a snapshot can hold: where everything does not fit, the newest objects of those who take most stay out."""

import gzip
from collections.abc import Iterable, Sequence

from fairlead_proxy.contract.snapshot import HEADER_BYTES, SHARD_BYTES, SHARDS_PER_SET, Fragment, Packer

_CERTAIN_BYTES = SHARD_BYTES * SHARDS_PER_SET // 2
"""So much, uncompressed, always fits: two shards that follow each other hold more than one shard together."""

SHARES = tuple(SHARD_BYTES * 100 * 4**step // 5**step for step in range(40))
"""What one namespace may take where not everything fits, uncompressed, the most first.

Fixed steps, and not the last byte that fits: an edit seldom moves the bound, so the same objects stay out as before,
and what was packed for a step can be used again.
"""


class Room:
    """The room of one gateway's snapshot; what it remembers of the last time only saves work."""

    def __init__(self) -> None:
        self._packers: dict[int, Packer] = {}
        self._oversized: dict[str, bool] = {}

    def leave_out(self, fixed: Sequence[Fragment], by_age: Sequence[Fragment]) -> frozenset[str]:
        """Return the keys of the fragments for which there is no room: those too large by themselves, then the newest
        of the namespaces that take more than their share.

        The share is the largest of SHARES with which the rest fits, and the same for all: who takes less loses nothing
        to who takes more, however old the objects of either are. `fixed` always stays; the newest stand at the end of
        `by_age`.
        """
        before, self._packers = self._packers, {}
        oversized = self._too_large_alone(by_age)
        rest = [fragment for fragment in by_age if fragment.key not in oversized]

        def has_room(step: int) -> bool:
            self._packers[step] = before.get(step, Packer())
            return fits([*fixed, *_within(rest, SHARES[step])], self._packers[step])

        low, high = 0, len(SHARES) - 1
        if has_room(low):
            high = low
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if has_room(middle) else (middle, high)
        kept = frozenset(fragment.key for fragment in _within(rest, SHARES[high]))
        return oversized | {fragment.key for fragment in rest if fragment.key not in kept}

    def _too_large_alone(self, fragments: Iterable[Fragment]) -> frozenset[str]:
        """Return the keys of those that no shard holds. Only trying says so of a large one: once for each body."""
        before, self._oversized = self._oversized, {}
        oversized: set[str] = set()
        for fragment in fragments:
            if len(fragment.body) + HEADER_BYTES <= SHARD_BYTES:
                continue
            digest = fragment.header.hash
            known = before.get(digest)
            self._oversized[digest] = is_oversized = _is_oversized(fragment) if known is None else known
            if is_oversized:
                oversized.add(fragment.key)
        return frozenset(oversized)


def fits(fragments: Sequence[Fragment], packer: Packer) -> bool:
    """Say whether these fragments, none of them oversized, can be published as one set of shards."""
    if sum(len(fragment.body) + HEADER_BYTES for fragment in fragments) <= _CERTAIN_BYTES:
        return True
    return len(packer.pack(fragments)) <= SHARDS_PER_SET


def _within(by_age: Sequence[Fragment], share: int) -> list[Fragment]:
    """Return the oldest fragments of each namespace, as many as its share holds."""
    taken: dict[str, int] = {}
    kept: list[Fragment] = []
    for fragment in by_age:
        namespace = fragment.header.id.partition("/")[0]
        total = taken.get(namespace, 0) + len(fragment.body) + HEADER_BYTES
        taken[namespace] = total
        if total <= share:
            kept.append(fragment)
    return kept


def _is_oversized(fragment: Fragment) -> bool:
    return len(gzip.compress(fragment.body, compresslevel=6)) + HEADER_BYTES > SHARD_BYTES
