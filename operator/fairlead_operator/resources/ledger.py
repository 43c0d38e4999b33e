"""ModelGateway.spec.ledger: where one record of every attempt is kept, and for how long."""

from typing import Annotated

from pydantic import Field

from fairlead_operator.resources.fields import BASE_URL, URL_PATTERN, within
from fairlead_operator.resources.meta import Duration, Resource
from fairlead_operator.resources.provider import SecretKeyReference

LEAST_KEPT, MOST_KEPT = "1h", "87600h"


class SpoolSpec(Resource):
    """What a proxy has recorded and no store has yet, on the disk beside it."""

    size_mib: Annotated[
        int,
        Field(
            alias="sizeMiB",
            description="MiB that wait at most in one pod, or in one `fairlead run`, while a store is down; a record "
            "takes about 100 bytes. Beyond it the oldest records are dropped and counted; no call waits.",
            ge=16,
            le=16_384,
        ),
    ] = 256


class PostgresSpec(Resource):
    """A PostgreSQL database that keeps the records, for `fairlead cost` and for your own queries."""

    secret_ref: Annotated[
        SecretKeyReference,
        Field(
            description="The Secret of this namespace that holds the address, as "
            "postgres://USER:PASSWORD@HOST:PORT/DATABASE. It is mounted beside the proxies and sent nowhere; a pod "
            "starts without it too, and what was recorded waits in its spool."
        ),
    ]


class JsonLinesSpec(Resource):
    """One JSON object a line: on the standard output of the container `ledger`; of `fairlead run` in a file."""


class OtlpSpec(Resource):
    """A receiver of OpenTelemetry logs over HTTP."""

    endpoint: Annotated[
        str,
        Field(
            description="Base URL of the receiver, for example https://collector.example:4318; /v1/logs is appended.",
            max_length=512,
            pattern=URL_PATTERN,
        ),
        BASE_URL,
    ]


class LedgerSpec(Resource):
    """The records of what each attempt used and cost. In a cluster at least one of the three stores must be given."""

    spool: Annotated[SpoolSpec, Field(description="What waits beside the proxies until a store has it.")] = SpoolSpec()
    retention: Annotated[
        Duration,
        within(LEAST_KEPT, MOST_KEPT),
        Field(description="How long SQLite and PostgreSQL keep each record."),
    ] = "2160h"
    rollup_retention: Annotated[
        Duration,
        within(LEAST_KEPT, MOST_KEPT),
        Field(description="How long SQLite and PostgreSQL keep the sums of each hour."),
    ] = "17520h"
    postgres: Annotated[
        PostgresSpec | None, Field(description="A PostgreSQL database that keeps the records; omitted: none.")
    ] = None
    json_lines: Annotated[
        JsonLinesSpec | None,
        Field(
            description="{} writes each record as a line of JSON: in a cluster to the standard output of the container "
            "`ledger` in each proxy's pod, for the cluster's log collector; with `fairlead run` to `ledger.jsonl` in "
            "its state directory. Omitted: no lines."
        ),
    ] = None
    otlp: Annotated[
        OtlpSpec | None, Field(description="A receiver of OpenTelemetry logs over HTTP; omitted: none.")
    ] = None

    @property
    def has_store(self) -> bool:
        """Say whether the records go anywhere without SQLite, which only `fairlead run` has."""
        return self.postgres is not None or self.json_lines is not None or self.otlp is not None
