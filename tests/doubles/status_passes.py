"""Passes of the operator as plain data: what was published and heard at which second, and what status follows.

A case holds `verdict`, and `passes` with `at` (seconds), `publish` (gateway: revision and hashes), and `proxies`
(gateway: name, ready, report). What a pass does not give stays as it was; `heard` is `at` unless given. All instants
in reports are seconds of the case's clock. `restarted: true`: from this pass on it is another operator, who knows only
what stands in the status.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from doubles.compiled import NOW

from fairlead_operator.heard import HeardProxy
from fairlead_operator.resources.meta import Kind, ObjectRef
from fairlead_operator.status.facts import Facts
from fairlead_operator.status.health import merge_reports
from fairlead_operator.status.proxies import FleetLog, FleetView
from fairlead_operator.status.spending import DaysUsage
from fairlead_operator.status.status_of import status_of
from fairlead_operator.verdict import Reason, RuleView, Ruling, Truth, Verdict
from fairlead_proxy.contract.report import ProxyReport

INSTANTS = ("now", "until", "last_attempt", "last_success", "at", "started_at")
TRUE = {"truth": "True"}


def run_passes(case: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the status after each pass: `held` where it is too early for one, `unchanged` where it is the same."""
    logs: dict[str, FleetLog] = {}
    spending = DaysUsage()
    proxies: dict[str, list[dict[str, Any]]] = {}
    verdict = _verdict(case["verdict"])
    status: Mapping[str, Any] = case.get("previous", {})
    shown: list[dict[str, Any]] = []
    for each in case["passes"]:
        now = NOW + each["at"]
        if each.get("restarted"):
            logs, spending = {}, DaysUsage()
        verdict = _verdict({**case["verdict"], **each.get("verdict", {})})
        for gateway, published in each.get("publish", {}).items():
            log = logs.setdefault(gateway, FleetLog())
            log.note_published(published["revision"], published["hashes"], now)
        proxies |= each.get("proxies", {})
        heard = {gateway: [_heard(proxy, each["at"]) for proxy in listed] for gateway, listed in proxies.items()}
        views: dict[str, FleetView] = {
            gateway: logs.setdefault(gateway, FleetLog()).view(gateway, listed, now, address="main.platform.svc:8080")
            for gateway, listed in heard.items()
        }
        everyone = [proxy for listed in heard.values() for proxy in listed]
        used = spending.shown(verdict.ref, verdict.uid, status, (view.usage for view in views.values()), now)
        if verdict.ref.kind is Kind.MODEL_GATEWAY:
            used = None
        found = status_of(verdict, Facts(now, views, merge_reports(everyone, now)), status, used)
        shown.append({"at": each["at"], "status": _shown(found, status)})
        status = status if found is None else found
    return shown


def _shown(found: dict[str, Any] | None, before: Mapping[str, Any]) -> Any:
    if found is None:
        return "held"
    return "unchanged" if found == before else found


def _verdict(given: Mapping[str, Any]) -> Verdict:
    rules = [RuleView(**{**rule, "targets": tuple(rule["targets"])}) for rule in given.get("rules", ())]
    plain: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in given.items()
        if name not in ("kind", "namespace", "name", "accepted", "resolved_refs", "redundant", "rules")
    }
    redundant = given.get("redundant")
    return Verdict(
        ref=ObjectRef(Kind(given["kind"]), given["namespace"], given["name"]),
        uid="uid",
        accepted=_ruling(given.get("accepted", {**TRUE, "reason": "Accepted"})),
        resolved_refs=_ruling(given.get("resolved_refs", {**TRUE, "reason": "ResolvedRefs"})),
        redundant=_ruling(redundant) if redundant else None,
        rules=tuple(rules),
        **plain,
    )


def _ruling(given: Mapping[str, str]) -> Ruling:
    return Ruling(Truth(given["truth"]), Reason(given["reason"]), given.get("message", ""))


def _heard(given: Mapping[str, Any], at: float) -> HeardProxy:
    report = given.get("report")
    if report is None:
        return HeardProxy(given["name"], given.get("ready", True))
    full = {"proxy": given["name"], "sequence": 1, "now": given.get("heard", at), **report}
    return HeardProxy(
        given["name"],
        given.get("ready", True),
        msgspec.convert(_moved(full), ProxyReport),
        NOW + given.get("heard", at),
    )


def _moved(value: Any) -> Any:
    """Return the value with every instant moved to the case's clock, and `plain` where no mode is given."""
    if isinstance(value, Mapping):
        moved = {
            name: NOW + item if name in INSTANTS and item is not None else _moved(item) for name, item in value.items()
        }
        return {"mode": "plain", **moved} if "model" in moved else moved
    return [_moved(item) for item in value] if isinstance(value, list) else value
