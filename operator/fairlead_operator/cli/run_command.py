"""`fairlead run`: the whole product on one machine, from files."""

from pathlib import Path
from typing import Annotated

import typer

from fairlead_operator.cli.logs import LogFormat, start_logging
from fairlead_operator.cli.options import DEFAULT_STATE, Files, Gateway, State, refuse


def run(
    file: Files,
    listen: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="For applications; default 127.0.0.1 with the gateway's first port."),
    ] = None,
    admin: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="For health, metrics and decisions.")
    ] = "127.0.0.1:9090",
    state: State = DEFAULT_STATE,
    workers: Annotated[
        int,
        typer.Option(
            min=1,
            max=64,
            help="Proxies that share the port, a process each. In status each counts as one: "
            "it has breakers of its own, and observes providers for itself.",
        ),
    ] = 1,
    gateway: Gateway = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Serve without keys on an address that others can reach.")
    ] = False,
    log_format: Annotated[LogFormat, typer.Option("--log-format", help="Of log lines.")] = LogFormat.TEXT,
) -> None:
    """Serve the objects of these files, without a cluster. Ctrl-C lets calls in flight end; a second one does not."""
    import asyncio
    import sys

    from fairlead_operator.cli.running import run_standalone
    from fairlead_operator.cli.sources import standard_input
    from fairlead_operator.cluster.local_settings import LocalSettings, StartRefused

    start_logging(log_format)
    settings = LocalSettings(
        paths=file,
        state=Path(state),
        worker_command=[sys.executable, "-P", "-m", "fairlead_proxy.cli", "serve"],
        shipper_command=[sys.executable, "-P", "-m", "fairlead_ledger.cli", "ship"],
        listen=listen,
        admin=admin,
        workers=workers,
        gateway=gateway,
        insecure=insecure,
        log_format=log_format,
        stdin=standard_input(file),
    )
    try:
        code = asyncio.run(run_standalone(settings))
    except StartRefused as refused:
        refuse(str(refused))
    if code:
        raise typer.Exit(code)
