"""What a snapshot can hold: where everything does not fit, the newest objects stay out."""

import gzip
from collections.abc import Sequence

from fairlead_proxy.contract.snapshot import HEADER_BYTES, SHARD_BYTES, SHARDS_PER_SET, Fragment, Packer

_CERTAIN_BYTES = SHARD_BYTES * SHARDS_PER_SET // 2
"""So much, uncompressed, always fits: two shards that follow each other hold more than one shard together."""


def leave_out(fixed: Sequence[Fragment], by_age: Sequence[Fragment], packer: Packer) -> frozenset[str]:
    """Return the keys of the fragments for which there is no room: those too large by themselves, then the newest.

    `fixed` always stays; the newest stand at the end of `by_age`. `packer` only saves work.
    """
    oversized = frozenset(fragment.key for fragment in by_age if _is_oversized(fragment))
    rest = [fragment for fragment in by_age if fragment.key not in oversized]
    if fits([*fixed, *rest], packer):
        return oversized
    kept, too_many = 0, len(rest)
    while too_many - kept > 1:
        middle = (kept + too_many) // 2
        if fits([*fixed, *rest[:middle]], packer):
            kept = middle
        else:
            too_many = middle
    return oversized | {fragment.key for fragment in rest[kept:]}


def fits(fragments: Sequence[Fragment], packer: Packer) -> bool:
    """Say whether these fragments, none of them oversized, can be published as one set of shards."""
    if sum(len(fragment.body) + HEADER_BYTES for fragment in fragments) <= _CERTAIN_BYTES:
        return True
    return len(packer.pack(fragments)) <= SHARDS_PER_SET


def _is_oversized(fragment: Fragment) -> bool:
    size = len(fragment.body) + HEADER_BYTES
    return size > SHARD_BYTES and len(gzip.compress(fragment.body, compresslevel=6)) + HEADER_BYTES > SHARD_BYTES
