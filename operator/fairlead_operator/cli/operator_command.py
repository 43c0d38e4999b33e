"""`fairlead operator`: the operator of a cluster."""

from typing import Annotated

import typer

from fairlead_operator.cli.logs import LogFormat, start_logging
from fairlead_operator.cli.options import refuse


def operator(
    proxy_image: Annotated[str, typer.Option(metavar="IMAGE", help="Image of the proxies.")],
    gateway_namespaces: Annotated[
        str, typer.Option(metavar="NS,...|all", help="Where ModelGateways are honoured; default: --namespace.")
    ] = "",
    namespace: Annotated[str, typer.Option(help="Where this operator, and its Lease, are.")] = "fairlead-system",
    service_account: Annotated[
        str, typer.Option(metavar="NAME", help="Our service account, named in hints about missing rights.")
    ] = "fairlead-operator",
    proxy_pull_policy: Annotated[str, typer.Option(metavar="POLICY", help="Of the proxies' image.")] = "IfNotPresent",
    proxy_pull_secret: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="For the proxies' image, in gateway namespaces; repeatable."),
    ] = None,
    kubeconfig: Annotated[
        str | None, typer.Option(metavar="PATH", help="Default: this pod's account, then $KUBECONFIG, ~/.kube/config.")
    ] = None,
    leader_election: Annotated[
        bool, typer.Option("--leader-election/--no-leader-election", help="Act only while holding the Lease.")
    ] = True,
    metrics: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="For /healthz, /readyz and /metrics.")
    ] = "0.0.0.0:9091",
    log_format: Annotated[LogFormat, typer.Option("--log-format", help="Of log lines.")] = LogFormat.JSON,
) -> None:
    """Run the fleets of a cluster: compile its objects, publish to the proxies, tell in status what they observe."""
    import asyncio
    import logging
    import os
    import random
    import socket
    import time
    import uuid

    try:
        from fairlead_operator.handlers.operate import HealthPortTaken, Instruments, OperatorSettings, operate
    except ModuleNotFoundError as error:
        refuse(f"{error.name} is not installed: the operator needs the extra, pip install 'fairlead[operator]'")
    from fairlead_operator.cluster.kubernetes_access import find_access
    from fairlead_operator.cluster.kubernetes_errors import AccessError
    from fairlead_operator.fleet.render import FleetSettings

    host, _, port = metrics.rpartition(":")
    if not port.isdecimal() or int(port) > 65535:
        refuse(f"--metrics {metrics}: not HOST:PORT; write for example 0.0.0.0:9091")
    try:
        access = find_access(kubeconfig, os.environ)
        access.ssl_context()
    except AccessError as error:
        refuse(str(error))
    start_logging(log_format)
    logging.getLogger("kopf").setLevel(logging.ERROR)
    everywhere = gateway_namespaces == "all"
    named = frozenset(each.strip() for each in (gateway_namespaces or namespace).split(",") if each.strip())
    settings = OperatorSettings(
        access=access,
        identity=f"{socket.gethostname()}_{uuid.uuid4().hex[:8]}",
        namespace=namespace,
        account=f"{namespace}:{service_account}",
        gateway_namespaces=None if everywhere else named,
        fleet=FleetSettings(
            image=proxy_image,
            image_pull_policy=proxy_pull_policy,
            image_pull_secrets=tuple(proxy_pull_secret or ()),
            operator_namespace=namespace,
        ),
        leader_election=leader_election,
        health_host=host.strip("[]"),
        health_port=int(port),
    )
    instruments = Instruments(clock=time.time, monotonic=time.monotonic, rng=random.Random(), exit_now=os._exit)
    try:
        code = asyncio.run(operate(settings, instruments))
    except HealthPortTaken as taken:
        refuse(f"--metrics {metrics}: {taken}; give another address")
    if code:
        raise typer.Exit(code)
