"""Portkey's gateway on Node; its configuration comes with each call, in a header."""

import json
from typing import Any

from fairlead_bench.install import node_packages
from fairlead_bench.load import Call
from fairlead_bench.mock import BACKUP, FAULTY, OK
from fairlead_bench.places import BENCH
from fairlead_bench.targets.target import FAILOVER, TLS, TRY_SECONDS, UPSTREAM_KEY, Place, Target

PACKAGE = "@portkey-ai/gateway"


class Portkey(Target):
    name = "portkey"
    cannot = frozenset({"W8", "W9"})

    def install(self) -> str:
        self._package = node_packages(BENCH / "portkey" / "package-lock.json") / PACKAGE
        version: str = json.loads((self._package / "package.json").read_text())["version"]
        return version

    def configure(self, place: Place) -> None:
        """Nothing to configure."""

    def command(self, place: Place) -> list[str]:
        program = self._package / "build" / "start-server.js"
        return ["node", str(program), f"--port={place.port}", "--headless"]

    def environment(self, place: Place) -> dict[str, str]:
        return {
            "NODE_ENV": "production",
            "TRUSTED_CUSTOM_HOSTS": "127.0.0.1,localhost",
            "NODE_EXTRA_CA_CERTS": str(place.upstreams.ca),
        }

    def call(self, place: Place, route: str) -> Call:
        plain = super().call(place, route)
        config = json.dumps(_config(place, route), separators=(",", ":"))
        return Call(plain.url, plain.model, (*plain.headers, f"x-portkey-config: {config}"))


def _config(place: Place, route: str) -> dict[str, Any]:
    upstreams = place.upstreams
    if route == FAILOVER:
        first = _target(upstreams.url(FAULTY), request_timeout=TRY_SECONDS * 1000)
        return {"strategy": {"mode": "fallback"}, "targets": [first, _target(upstreams.url(BACKUP))]}
    return _target(upstreams.tls_url if route == TLS else upstreams.url(OK))


def _target(url: str, **more: object) -> dict[str, Any]:
    return {"provider": "openai", "api_key": UPSTREAM_KEY, "custom_host": url, **more}
