"""LiteLLM's proxy: stock, one worker, a master key, no database, nothing fetched from the internet."""

import json
from importlib.metadata import distributions
from typing import Any

from fairlead_bench.install import REQUIREMENTS, python_environment
from fairlead_bench.mock import BACKUP, FAULTY, OK
from fairlead_bench.targets.target import (
    BREAKING,
    CHAT,
    FAILOVER,
    MANY,
    SENT_KEY,
    TLS,
    TRY_SECONDS,
    UPSTREAM_KEY,
    Place,
    Target,
)

SPARE = "failover-backup"


class LiteLLM(Target):
    name = "litellm"
    cannot = frozenset({"W9"})

    def install(self) -> str:
        self._bin = python_environment(REQUIREMENTS / "litellm.txt")
        libraries = [str(path) for path in self._bin.parent.glob("lib/*/site-packages")]
        return next(each.version for each in distributions(path=libraries) if each.name == "litellm")

    def configure(self, place: Place) -> None:
        upstreams = place.upstreams
        models = [
            _model(CHAT, upstreams.url(OK)),
            _model(BREAKING, upstreams.url(OK)),
            _model(TLS, upstreams.tls_url),
            _model(FAILOVER, upstreams.url(FAULTY), timeout=TRY_SECONDS),
            _model(SPARE, upstreams.url(BACKUP)),
            *(_model(f"{MANY}{number}", upstreams.url(OK)) for number in range(place.many)),
        ]
        settings = {
            "model_list": models,
            "router_settings": {
                "fallbacks": [{FAILOVER: [SPARE]}],
                "num_retries": 0,
                "allowed_fails": 3,
                "cooldown_time": 30,
            },
            "litellm_settings": {"telemetry": False, "request_timeout": 600},
            "general_settings": {"master_key": SENT_KEY},
        }
        (place.directory / "config.yaml").write_text(json.dumps(settings))  # JSON is YAML

    def command(self, place: Place) -> list[str]:
        config = str(place.directory / "config.yaml")
        return [str(self._bin / "litellm"), "--config", config, "--host", "127.0.0.1", "--port", str(place.port)]

    def environment(self, place: Place) -> dict[str, str]:
        return {
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "LITELLM_MODE": "PRODUCTION",
            "LITELLM_LOG": "ERROR",
            "LITELLM_TELEMETRY": "False",
            "DISABLE_ADMIN_UI": "True",
            "NO_DOCS": "True",
            "SSL_CERT_FILE": str(place.upstreams.ca),
        }


def _model(name: str, url: str, **more: object) -> dict[str, Any]:
    upstream = {"model": "openai/mock", "api_base": url, "api_key": UPSTREAM_KEY, **more}
    return {"model_name": name, "litellm_params": upstream}
