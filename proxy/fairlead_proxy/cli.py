"""The command line of the proxy: `fairlead-proxy serve`."""

import argparse
import re
import resource
import sys
from collections.abc import Sequence

USAGE_EXIT = 2
MIB = 1024 * 1024
_DURATION = re.compile(r"([0-9]+)(ms|s|m|h)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return 0, or 2 after one line that says what to change."""
    told = _parser().parse_args(arguments)
    if told.version:
        from importlib.metadata import version

        sys.stdout.write(f"fairlead-proxy {version('fairlead')}\n")
        return 0
    if told.command is None:
        _parser().print_usage(sys.stderr)
        return USAGE_EXIT
    _forbid_core_dumps()
    return _serve(told)


def _serve(told: argparse.Namespace) -> int:
    from fairlead_proxy.server.address import Address, ListenError

    option = "--listen"
    try:
        listen = tuple(Address.of(text) for text in told.listen)
        option = "--listen-tls"
        listen_tls = tuple(
            (name, Address.of(text)) for name, _, text in (each.partition("=") for each in told.listen_tls)
        )
        option = "--admin"
        admin = Address.of(told.admin) if told.admin else None
    except ListenError as error:
        return _refuse(f"{option} {error}; give HOST:PORT")

    if not (listen or listen_tls):
        return _refuse("--listen or --listen-tls is needed; give HOST:PORT, or NAME=HOST:PORT")
    from pathlib import Path

    import uvloop

    from fairlead_proxy.server.limits import Limits
    from fairlead_proxy.server.process import serve
    from fairlead_proxy.server.process_log import set_up_log
    from fairlead_proxy.server.settings import Settings, StartRefused

    limits = Limits()
    settings = Settings(
        config=Path(told.config),
        listen=listen,
        listen_tls=listen_tls,
        admin=admin,
        name=told.name,
        standalone=told.standalone,
        reuse_port=told.reuse_port,
        drain_delay_seconds=told.drain_delay,
        log_format=told.log_format,
        die_with_parent=told.die_with_parent,
        spool=Path(told.spool) if told.spool else None,
        spool_limit_bytes=told.spool_limit_mib * MIB,
        limits=Limits(
            max_in_flight=told.max_in_flight or limits.max_in_flight,
            max_connections=told.max_connections or limits.max_connections,
        ),
    )
    set_up_log(settings.log_format)
    try:
        uvloop.run(serve(settings))
    except StartRefused as refused:
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fairlead-proxy", description="Serves model calls from a mounted configuration."
    )
    parser.add_argument("--version", action="store_true", help="print the version and end")
    commands = parser.add_subparsers(dest="command")
    serve = commands.add_parser("serve", help="serve calls until SIGTERM")
    add = serve.add_argument
    add("--config", required=True, metavar="DIR", help="directory with index.json, its shards and keys.json")
    add("--listen", action="append", default=[], metavar="HOST:PORT", help="where calls come in; may be repeated")
    add(
        "--listen-tls",
        action="append",
        default=[],
        metavar="NAME=HOST:PORT",
        help="the same over TLS, with the certificate that the key ring holds under this name",
    )
    add("--admin", metavar="HOST:PORT|unix:PATH", help="health, metrics, reports; none if omitted")
    add("--name", default="proxy", help="what this proxy is called in reports")
    add("--standalone", action="store_true", help="serve a gateway that has no authentication method to everyone")
    add("--reuse-port", action="store_true", help="share the port with other workers")
    add("--drain-delay", type=_duration, default="8s", metavar="DURATION", help="go on taking calls after SIGTERM")
    add("--log-format", choices=("json", "text"), default="json")
    add("--max-in-flight", type=_positive, metavar="N", help="calls served at once; more are answered 503")
    add("--max-connections", type=_positive, metavar="N", help="connections held at once; more are answered 503")
    add("--spool", metavar="DIR", help="book every attempt there, for whoever ships it; nowhere if omitted")
    add("--spool-limit-mib", type=_positive, default=256, metavar="N", help="room of the spool; the oldest goes first")
    add("--die-with-parent", action="store_true", help="end when the process that started this one ends")
    return parser


def _duration(text: str) -> float:
    """Return seconds; the same form as in the custom resources."""
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise argparse.ArgumentTypeError(f"{text!r} is not a duration; write it like 8s or 1m30s")
    return sum(int(number) * _SECONDS[unit] for number, unit in parts)


def _positive(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return int(text)


def _refuse(line: str) -> int:
    sys.stderr.write(f"fairlead-proxy: {line}\n")
    return USAGE_EXIT


if __name__ == "__main__":
    sys.exit(main())
