"""What a ledger's settings are on the command lines of those that carry it out: the proxies, and the shipper."""

from fairlead_operator.resources.ledger import LedgerSpec


def spool_options(ledger: LedgerSpec, directory: str) -> list[str]:
    """Return the options of `fairlead-proxy serve` that have it spool its records there."""
    return ["--spool", directory, "--spool-limit-mib", str(ledger.spool.size_mib)]


def ship_options(ledger: LedgerSpec, directory: str, *, postgres_file: str, json_lines: str) -> list[str]:
    """Return the options of `fairlead-ledger ship` that have it carry the records from there, and where to.

    `postgres_file` holds the database's address; `json_lines` is the file that lines go to, `-` the standard output.
    """
    options = spool_options(ledger, directory)
    options += ["--retention", ledger.retention, "--rollup-retention", ledger.rollup_retention]
    if ledger.postgres is not None:
        options += ["--postgres-file", postgres_file]
    if ledger.json_lines is not None:
        options += ["--json-lines", json_lines]
    if ledger.otlp is not None:
        options += ["--otlp", ledger.otlp.endpoint]
    return options
