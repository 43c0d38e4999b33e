"""What a person reads once a standalone run is ready: where it is, what it offers, how to try it and look at it."""

import os
import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from fairlead_operator.cli.options import DEFAULT_STATE
from fairlead_operator.cluster.local_cluster import LocalCluster
from fairlead_operator.cluster.local_settings import LocalSettings
from fairlead_operator.inventory import Inventory

_SHOWN_NAMESPACES = 8
_BODY = '{{"model": "{model}", "messages": [{{"role": "user", "content": "Hello"}}]}}'


def banner_of(cluster: LocalCluster, settings: LocalSettings) -> str:
    """Return the banner; with keys demanded, the key is left for the reader to fill in."""
    inventory = cluster.inventory()
    gateway = inventory.gateways[cluster.gateway]
    keys = gateway.spec is not None and gateway.spec.auth.api_keys is not None
    base = cluster.base_url
    models = models_by_namespace(inventory, cluster.gateway)
    lines = ["", f"Fairlead is ready on {base}, admin on http://{cluster.admin_address}", ""]
    for namespace, names in list(models.items())[:_SHOWN_NAMESPACES]:
        lines.append(f"  models   {', '.join(names)}  (namespace {namespace})")
    lines += [*_attempts(base, models, keys=keys), f"  status   {_status_command(settings)}"]
    lines += [f"  problem  {line}" for line in cluster.problems]
    return "\n".join([*lines, ""])


def models_by_namespace(inventory: Inventory, gateway: str) -> dict[str, list[str]]:
    """Return the virtual models that the valid policies of a gateway offer, `default` first."""
    models: dict[str, set[str]] = {}
    for policy in inventory.policies.values():
        if policy.spec is not None and policy.spec.gateway_ref.id(policy.ref.namespace) == gateway:
            models.setdefault(policy.ref.namespace, set()).update(policy.spec.models)
    return {name: sorted(models[name]) for name in sorted(models, key=lambda name: (name != "default", name))}


def _attempts(base: str, models: dict[str, list[str]], *, keys: bool) -> Iterator[str]:
    if not models:
        yield "  models   none: no valid RoutePolicy refers to this gateway"
        return
    namespace, names = next(iter(models.items()))
    headers = "-H 'content-type: application/json'"
    if keys:
        headers += ' -H "authorization: Bearer $KEY"'
    elif namespace != "default":
        headers += f" -H 'x-fairlead-namespace: {namespace}'"
    body = _BODY.format(model=names[0])
    yield f"  curl     curl -s {base}/v1/chat/completions {headers} -d '{body}'"
    more = "" if keys or namespace == "default" else f', default_headers={{"x-fairlead-namespace": "{namespace}"}}'
    key = 'os.environ["KEY"]' if keys else '"none"'
    yield f"  python   import {'os, ' if keys else ''}openai"
    yield f'           client = openai.OpenAI(base_url="{base}/v1", api_key={key}{more})'
    message = '{"role": "user", "content": "Hello"}'
    yield f'           client.chat.completions.create(model="{names[0]}", messages=[{message}])'


def program_of(on_path: str | None, python: str) -> str:
    """Return how a shell in this directory calls fairlead: by its name, by the path beside this Python, or by it."""
    if on_path is not None:
        return "fairlead"
    beside = Path(python).parent / "fairlead"
    return os.path.relpath(beside) if beside.exists() else f"{shlex.quote(python)} -m fairlead_operator.cli.main"


def _status_command(settings: LocalSettings) -> str:
    program = program_of(shutil.which("fairlead"), sys.executable)
    state = "" if settings.state == DEFAULT_STATE else f" --state {shlex.quote(str(settings.state))}"
    return f"{program} get all -A{state}"
