"""Records as log records of OpenTelemetry, in the JSON form of OTLP.

Sources: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding (64-bit integers are strings), and for the
names that begin with gen_ai https://github.com/open-telemetry/semantic-conventions-genai.
"""

from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any

import msgspec

from fairlead_ledger.store.batch import Batch, Loss
from fairlead_ledger.store.rollups import KINDS
from fairlead_proxy.contract.usage_record import UsageRecord

ATTEMPT_EVENT, LOSS_EVENT = "fairlead.attempt", "fairlead.loss"
INFO, ERROR = (9, "INFO"), (17, "ERROR")
"""Severity numbers of https://opentelemetry.io/docs/specs/otel/logs/data-model/#field-severitynumber."""

_NANO_PER_MS = 1_000_000
_OPERATIONS = {"chat": "chat", "responses": "chat"}
"""What gen_ai.operation.name calls our operations; another is called as we do."""

_TOLD_ELSEWHERE = {"at", "gateway", "proxy", "operation", "virtual_model", "upstream_model", "reasoning_tokens"}


def request_of(batch: Batch) -> bytes:
    """Return an ExportLogsServiceRequest: a resource for each proxy."""
    made = [((record.gateway, record.proxy), _attempt(record)) for record in batch.records]
    made += [(("", loss.proxy), _loss(loss)) for loss in batch.losses]
    made.sort(key=lambda each: each[0])
    resources = [
        {
            "resource": {"attributes": _attributes(_resource(*who))},
            "scopeLogs": [{"scope": {"name": "fairlead.ledger"}, "logRecords": [log for _, log in logs]}],
        }
        for who, logs in groupby(made, key=lambda each: each[0])
    ]
    return msgspec.json.encode({"resourceLogs": resources})


def _resource(gateway: str, proxy: str) -> dict[str, str]:
    told = {"service.name": "fairlead", "service.instance.id": proxy}
    return told | {"fairlead.gateway": gateway} if gateway else told


def _attempt(record: UsageRecord) -> dict[str, Any]:
    """The whole input is one figure by the conventions, the kinds that do not overlap stand beside it; a cost that is
    unknown is not there.
    """
    told: dict[str, Any] = {
        "gen_ai.operation.name": _OPERATIONS.get(record.operation, record.operation),
        "gen_ai.request.model": record.virtual_model,
        "gen_ai.response.model": record.upstream_model,
        "gen_ai.usage.input_tokens": sum(getattr(record, f"{kind}_tokens") for kind in KINDS if kind != "output"),
        "gen_ai.usage.cache_read.input_tokens": record.cached_input_tokens,
        "gen_ai.usage.cache_creation.input_tokens": record.cache_write_tokens + record.cache_write_long_tokens,
        "gen_ai.usage.output_tokens": record.output_tokens,
        "gen_ai.usage.reasoning.output_tokens": record.reasoning_tokens,
        "fairlead.operation": record.operation,
    }
    own = msgspec.structs.asdict(record)
    told |= {f"fairlead.{name}": value for name, value in own.items() if name not in _TOLD_ELSEWHERE}
    return _log(record.at + record.duration_ms, ATTEMPT_EVENT, INFO, told)


def _loss(loss: Loss) -> dict[str, Any]:
    told = {"fairlead.id": loss.id, "fairlead.lost": loss.attempts, "fairlead.reason": str(loss.reason)}
    return _log(loss.at, LOSS_EVENT, ERROR, told)


def _log(at_ms: int, event: str, severity: tuple[int, str], told: Mapping[str, Any]) -> dict[str, Any]:
    moment = str(at_ms * _NANO_PER_MS)
    return {
        "timeUnixNano": moment,
        "observedTimeUnixNano": moment,
        "severityNumber": severity[0],
        "severityText": severity[1],
        "eventName": event,
        "body": {"stringValue": event},
        "attributes": _attributes(told),
    }


def _attributes(told: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    return [
        {"key": key, "value": {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}}
        for key, value in told.items()
        if value is not None
    ]
