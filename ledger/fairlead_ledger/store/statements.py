"""The statements that fill and clear a store: one text for SQLite and PostgreSQL, but for how they read JSON rows."""

from collections.abc import Sequence

from fairlead_ledger.store.rollups import DIMENSIONS, SUMS
from fairlead_proxy.contract.usage_record import UsageRecord

SQLITE_ROWS = "json_each($1)"
POSTGRES_ROWS = "jsonb_array_elements(cast($1 as jsonb)) as each(value)"
"""A parameter that is a JSON array of objects, as rows with the column `value`: one round trip for a whole batch."""

_WHOLE_NUMBERS = frozenset(
    {
        "attempt",
        "at",
        "duration_ms",
        "status",
        "hour",
        *(name for name in UsageRecord.__struct_fields__ if name.endswith(("_tokens", "_nano"))),
        *SUMS,
    }
)


MOST_SUM = 9 * 10**18
"""Up to here a row of sums grows: a little less than whole numbers of 64 bits hold. What has no room in a row begins
another one."""

_GROWING = tuple(name for name in SUMS if name.endswith(("_tokens", "_nano")))
"""The sums that get there; one that counts attempts never does."""


def _insert(table: str, columns: Sequence[str], rows: str) -> str:
    """`where true`: without it SQLite reads `on conflict` as a part of a join."""
    values = ", ".join(
        f"cast(value ->> '{name}' as {'bigint' if name in _WHOLE_NUMBERS else 'text'})" for name in columns
    )
    return f"insert into {table} ({', '.join(columns)}) select {values} from {rows} where true"  # noqa: S608 (our names)


class Statements:
    """The statements for stores that read JSON rows so: SQLITE_ROWS or POSTGRES_ROWS."""

    def __init__(self, rows: str) -> None:
        attempts = _insert("fairlead_attempts", UsageRecord.__struct_fields__, rows)
        self.insert_attempts = f"{attempts} on conflict (id) do nothing returning id"
        sums = ", ".join(f"{name} = fairlead_rollups.{name} + excluded.{name}" for name in SUMS)
        rollups = _insert("fairlead_rollups", ("key", *DIMENSIONS, *SUMS), rows)
        room = " and ".join(f"fairlead_rollups.{name} <= {MOST_SUM} - excluded.{name}" for name in _GROWING)
        self.add_rollups = f"{rollups} on conflict (key) do update set {sums} where {room} returning key"
        """It returns the keys of the rows that were added; the rows of the others are full."""
        keys = f"select value ->> 'key' from {rows}"  # noqa: S608 (our names)
        self.set_aside = f"update fairlead_rollups set key = key || '.' || cast($2 as text) where key in ({keys})"  # noqa: S608
        """Gives full rows a key that nothing is added to any more; $2: see aside_of."""
        losses = _insert("fairlead_losses", ("id", "at", "proxy", "reason", "attempts"), rows)
        self.add_losses = (
            f"{losses} on conflict (id) do update set attempts = excluded.attempts"
            " where excluded.attempts > fairlead_losses.attempts"
        )


PRUNE_STEP = 1_000
"""So many rows go at once: whoever writes meanwhile waits for no longer than that takes."""


def _prune(table: str, key: str, moment: str) -> str:
    chosen = f"select {key} from {table} where {moment} < $1 limit {PRUNE_STEP}"  # noqa: S608 (our names)
    return f"delete from {table} where {key} in ({chosen}) returning {key}"  # noqa: S608 (our names)


PRUNE_ATTEMPTS = _prune("fairlead_attempts", "id", "at")
PRUNE_ROLLUPS = _prune("fairlead_rollups", "key", "hour")
PRUNE_LOSSES = _prune("fairlead_losses", "id", "at")
"""Each deletes one step of what is older than $1, and returns it."""
