"""The command line of the ledger: `fairlead-ledger ship`."""

import argparse
import re
import resource
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fairlead_ledger.sinks.sink import Sink

USAGE_EXIT = 2
_DURATION = re.compile(r"([0-9]+)(ms|s|m|h)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return 0, or 2 after one line that says what to change."""
    told = _parser().parse_args(arguments)
    if told.version:
        from importlib.metadata import version

        sys.stdout.write(f"fairlead-ledger {version('fairlead')}\n")
        return 0
    if told.command is None:
        _parser().print_usage(sys.stderr)
        return USAGE_EXIT
    _forbid_core_dumps()
    return _ship(told)


def _ship(told: argparse.Namespace) -> int:
    if not any((told.sqlite, told.postgres_file, told.json_lines, told.otlp)):
        return _refuse("no store is named; give at least one of --sqlite, --postgres-file, --json-lines, --otlp")
    if told.otlp and not told.otlp.startswith(("http://", "https://")):
        return _refuse(f"--otlp {told.otlp}: is no URL of a receiver; write it like http://collector:4318")
    import asyncio
    import os
    from pathlib import Path

    from fairlead_ledger.shipping.log import set_up_log
    from fairlead_ledger.shipping.settings import ShipSettings
    from fairlead_ledger.shipping.ship import ShipRefused, ship

    settings = ShipSettings(
        spool=Path(told.spool),
        retention_seconds=told.retention,
        rollup_retention_seconds=told.rollup_retention,
        spool_limit_mib=told.spool_limit_mib,
        die_with_parent=told.die_with_parent,
    )
    set_up_log(told.log_format)

    async def ship_and_end() -> None:
        await ship(settings, _sinks(told))
        # A store whose disk or reader is stuck holds a thread for good; the end does not wait for it.
        sys.stderr.flush()
        os._exit(0)

    try:
        asyncio.run(ship_and_end())
    except ShipRefused as refused:
        return _refuse(str(refused))
    return 0


def _forbid_core_dumps() -> None:
    """Keep this process, and all that it starts, from leaving its memory behind: keys are in it.

    Linux writes no file below a page, but hands a dump of whatever limit to a program if the node names one, except at
    exactly 1, which is kept for such programs themselves. Source: fs/coredump.c of Linux, do_coredump.
    """
    _, highest = resource.getrlimit(resource.RLIMIT_CORE)
    limit = 0 if highest == 0 else 1
    resource.setrlimit(resource.RLIMIT_CORE, (limit, limit))


def _sinks(told: argparse.Namespace) -> "list[Sink]":
    """Return the stores that are named; what only some of them need is imported for those alone."""
    from pathlib import Path

    sinks: list[Sink] = []
    if told.sqlite:
        from fairlead_ledger.sinks.sqlite import SqliteSink

        sinks.append(SqliteSink(Path(told.sqlite)))
    if told.postgres_file:
        from fairlead_ledger.sinks.postgres import PostgresSink

        sinks.append(PostgresSink(Path(told.postgres_file)))
    if told.json_lines:
        from fairlead_ledger.sinks.json_lines import JsonLinesFile, JsonLinesOutput

        sinks.append(JsonLinesOutput() if told.json_lines == "-" else JsonLinesFile(Path(told.json_lines)))
    if told.otlp:
        from fairlead_ledger.sinks.otlp import OtlpSink

        sinks.append(OtlpSink(told.otlp))
    return sinks


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fairlead-ledger", description="Carries what proxies have spooled into the ledger's stores."
    )
    parser.add_argument("--version", action="store_true", help="print the version and end")
    commands = parser.add_subparsers(dest="command")
    ship = commands.add_parser("ship", help="ship until SIGTERM")
    add = ship.add_argument
    add("--spool", required=True, metavar="DIR", help="the directory that proxies spool to")
    add("--sqlite", metavar="FILE", help="keep the records in this SQLite file")
    add("--postgres-file", metavar="FILE", help="keep them in PostgreSQL; the file holds its postgres:// URL")
    add("--json-lines", metavar="FILE", help="write each as a line of JSON; - is the standard output")
    add("--otlp", metavar="URL", help="send each to a receiver of OpenTelemetry logs; /v1/logs is appended")
    add("--retention", type=_duration, default="2160h", metavar="DURATION", help="keep records so long (default 2160h)")
    add(
        "--rollup-retention",
        type=_duration,
        default="17520h",
        metavar="DURATION",
        help="keep the sums of each hour so long (default 17520h)",
    )
    add("--log-format", choices=("text", "json"), default="json")
    add("--die-with-parent", action="store_true", help="end when the process that started this one ends")
    add("--spool-limit-mib", type=_positive, default=256, metavar="N", help="the proxies' bound (default 256)")
    return parser


def _duration(text: str) -> float:
    """Return seconds; the same form as in the custom resources."""
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise argparse.ArgumentTypeError(f"{text!r} is not a duration; write it like 90s or 2160h")
    return sum(int(number) * _SECONDS[unit] for number, unit in parts)


def _positive(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return int(text)


def _refuse(line: str) -> int:
    sys.stderr.write(f"fairlead-ledger: {line}\n")
    return USAGE_EXIT


if __name__ == "__main__":
    sys.exit(main())
