"""What a snapshot can hold: where everything does not fit, the newest objects stay out."""

from collections.abc import Sequence

from fairlead_proxy.contract.snapshot import SHARD_BYTES, SHARDS_PER_SET, Fragment, pack

_CERTAIN_BYTES = SHARD_BYTES * SHARDS_PER_SET // 2
"""So much, uncompressed, always fits: two shards that came of one split hold more than one shard together."""


def fits(fragments: Sequence[Fragment]) -> bool:
    """Say whether these fragments can be published as one set of shards."""
    if sum(len(fragment.body) + 512 for fragment in fragments) <= _CERTAIN_BYTES:
        return True
    shards = pack(fragments)
    return len(shards) <= SHARDS_PER_SET and all(len(shard) <= SHARD_BYTES for shard in shards)


def leave_out(fixed: Sequence[Fragment], by_age: Sequence[Fragment]) -> frozenset[str]:
    """Return the keys of the fragments for which there is no room: the fewest from the end of `by_age`."""
    if fits([*fixed, *by_age]):
        return frozenset()
    kept, too_many = 0, len(by_age)
    while too_many - kept > 1:
        middle = (kept + too_many) // 2
        if fits([*fixed, *by_age[:middle]]):
            kept = middle
        else:
            too_many = middle
    return frozenset(fragment.key for fragment in by_age[kept:])
