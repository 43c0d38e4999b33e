"""The tables of a store, as numbered migrations that SQLite and PostgreSQL both understand.

Moments are Unix milliseconds, money is nano-units of its currency, and every number is whole.
"""

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """
        create table fairlead_attempts (
            id text primary key,
            call text not null,
            attempt bigint not null,
            at bigint not null,
            duration_ms bigint not null,
            gateway text not null,
            proxy text not null,
            namespace text not null,
            caller text not null,
            policy text not null,
            rule text not null,
            provider text not null,
            credential text not null,
            model text not null,
            upstream_model text not null,
            virtual_model text not null,
            operation text not null,
            mode text not null,
            outcome text not null,
            status bigint not null,
            basis text not null,
            input_tokens bigint not null,
            cached_input_tokens bigint not null,
            cache_write_tokens bigint not null,
            cache_write_long_tokens bigint not null,
            output_tokens bigint not null,
            reasoning_tokens bigint not null,
            cost_nano bigint,
            currency text not null,
            price text not null
        )
        """,
        "create index fairlead_attempts_at on fairlead_attempts (at)",
        """
        create table fairlead_rollups (
            key text primary key,
            hour bigint not null,
            gateway text not null,
            namespace text not null,
            caller text not null,
            policy text not null,
            rule text not null,
            provider text not null,
            model text not null,
            upstream_model text not null,
            operation text not null,
            basis text not null,
            currency text not null,
            price text not null,
            attempts bigint not null,
            priced bigint not null,
            unpriced bigint not null,
            input_tokens bigint not null,
            cached_input_tokens bigint not null,
            cache_write_tokens bigint not null,
            cache_write_long_tokens bigint not null,
            output_tokens bigint not null,
            reasoning_tokens bigint not null,
            cost_nano bigint not null,
            input_cost_nano bigint not null,
            cached_input_cost_nano bigint not null,
            cache_write_cost_nano bigint not null,
            cache_write_long_cost_nano bigint not null,
            output_cost_nano bigint not null
        )
        """,
        "create index fairlead_rollups_hour on fairlead_rollups (hour)",
        """
        create table fairlead_losses (
            id text primary key,
            at bigint not null,
            proxy text not null,
            reason text not null,
            attempts bigint not null
        )
        """,
        "create index fairlead_losses_at on fairlead_losses (at)",
    ),
)
"""A migration is never changed once it has been released; a new one is put below it."""

KNOWN_VERSION = len(MIGRATIONS)

VERSION_TABLE = "fairlead_schema"
CREATE_VERSION = f"create table if not exists {VERSION_TABLE} (version bigint not null)"
READ_VERSION = f"select coalesce(max(version), 0) from {VERSION_TABLE}"  # noqa: S608 (our own name)
WRITE_VERSION = f"insert into {VERSION_TABLE} (version) values ($1)"  # noqa: S608 (our own name)


def missing_migrations(found: int) -> list[tuple[int, tuple[str, ...]]]:
    """Return what brings a store of this version up to ours, each with its number."""
    return [(number, steps) for number, steps in enumerate(MIGRATIONS, 1) if number > found]
