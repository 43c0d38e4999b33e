"""What the chart renders for a Prometheus and a Grafana: nothing unasked, and objects that select what they are to."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from cluster.charts.rendered import CHART, Json, Rendered, render, render_case, values_file
from cluster.helm import Helm
from doubles.case_files import input_of

from fairlead_operator.fleet.pods import CONTAINER
from fairlead_operator.fleet.render import selector_of
from fairlead_operator.resources.fleet_names import fleet_labels
from fairlead_operator.resources.gateway import ADMIN_PORT

NAMESPACE = "fairlead-system"
GROUP = "monitoring.coreos.com/v1"
SWITCHES = {
    "serviceMonitor": {("Service", "fairlead-metrics"), ("ServiceMonitor", "fairlead-operator")},
    "podMonitor": {("PodMonitor", "fairlead-proxies")},
    "prometheusRule": {("PrometheusRule", "fairlead")},
    "dashboards": {
        ("ConfigMap", f"fairlead-dashboard-{name}") for name in ("cost", "gateway", "operation", "providers")
    },
}
RELABELING = {"sourceLabels": [str], "targetLabel": str, "regex": str, "replacement": str, "action": str}
ENDPOINT = {
    "path": str,
    "interval": str,
    "honorLabels": bool,
    "relabelings": [RELABELING],
    "metricRelabelings": [RELABELING],
}
SELECTION = {"selector": {"matchLabels": None}, "namespaceSelector": {"matchNames": [str]}}
RULE = {"record": str, "alert": str, "expr": str, "for": str, "labels": None, "annotations": None}
SPECS: Mapping[str, Any] = {
    "ServiceMonitor": {**SELECTION, "endpoints": [{**ENDPOINT, "port": str}]},
    "PodMonitor": {**SELECTION, "podMetricsEndpoints": [{**ENDPOINT, "targetPort": int}]},
    "PrometheusRule": {"groups": [{"name": str, "rules": [RULE]}]},
}
"""The fields of the kinds that the API server here does not know, with their types; None: a map of strings.

Source: https://prometheus-operator.dev/docs/api-reference/api/
"""


def faults(content: Any, shape: Any, place: str) -> Iterator[str]:
    """Yield each place where the content is not of this shape."""
    if shape is None:
        if not all(isinstance(text, str) for pair in content.items() for text in pair):
            yield f"{place}: not a map of strings"
    elif isinstance(shape, type):
        if not isinstance(content, shape):
            yield f"{place}: not a {shape.__name__}"
    elif isinstance(shape, list):
        for number, each in enumerate(content):
            yield from faults(each, shape[0], f"{place}[{number}]")
    else:
        for name, each in content.items():
            if name in shape:
                yield from faults(each, shape[name], f"{place}.{name}")
            else:
                yield f"{place}.{name}: unknown"


@pytest.fixture(scope="module")
def everything(offline_helm: Helm, tmp_path_factory: pytest.TempPathFactory) -> Rendered:
    return render_case(offline_helm, input_of("charts", "monitoring"), tmp_path_factory.mktemp("values"))


def names(rendered: Rendered) -> set[tuple[str, str]]:
    return {(each["kind"], each["metadata"]["name"]) for each in rendered.objects}


def selects(labels: Json, content: Json) -> bool:
    return set(labels.items()) <= set(content.items())


@pytest.mark.parametrize("switch", SWITCHES)
def test_a_switch_adds_its_own_objects_and_nothing_else(switch: str, offline_helm: Helm, tmp_path: Path) -> None:
    without = render(offline_helm, CHART, "fairlead", NAMESPACE)
    values = values_file(tmp_path, {"monitoring": {switch: {"enabled": True}}})
    added = names(render(offline_helm, CHART, "fairlead", NAMESPACE, "-f", str(values))) - names(without)
    assert added == SWITCHES[switch]


@pytest.mark.parametrize("kind", SPECS)
def test_kinds_of_the_prometheus_operator_hold_only_fields_that_it_reads(kind: str, everything: Rendered) -> None:
    (content,) = everything.of_kind(kind)
    assert content["apiVersion"] == GROUP
    assert list(faults(content["spec"], SPECS[kind], kind)) == []


def test_a_field_that_is_not_read_is_found() -> None:
    spec = {"endpoints": [{"port": 9091, "paths": "/metrics"}], "selector": {"matchLabels": {"a": 1}}}
    assert list(faults(spec, SPECS["ServiceMonitor"], "x")) == [
        "x.endpoints[0].port: not a str",
        "x.endpoints[0].paths: unknown",
        "x.selector.matchLabels: not a map of strings",
    ]


@pytest.mark.parametrize("kind", SPECS)
def test_the_labels_that_a_prometheus_selects_by_are_there(kind: str, everything: Rendered) -> None:
    (content,) = everything.of_kind(kind)
    labels = content["metadata"]["labels"]
    assert labels["release"] == "kube-prometheus-stack"
    assert labels["app.kubernetes.io/part-of"] == "fairlead"


def test_the_service_monitor_finds_the_service_and_that_the_operator(everything: Rendered) -> None:
    (monitor,) = everything.of_kind("ServiceMonitor")
    service = everything.one("Service", "fairlead-metrics", NAMESPACE)
    template = everything.one("Deployment", "fairlead-operator", NAMESPACE)["spec"]["template"]
    assert selects(monitor["spec"]["selector"]["matchLabels"], service["metadata"]["labels"])
    assert not selects(monitor["spec"]["selector"]["matchLabels"], template["metadata"]["labels"])
    assert selects(service["spec"]["selector"], template["metadata"]["labels"])
    assert monitor["spec"]["namespaceSelector"] == {"matchNames": [NAMESPACE]}
    (endpoint,), (port,) = monitor["spec"]["endpoints"], service["spec"]["ports"]
    (listening,) = template["spec"]["containers"][0]["ports"]
    assert endpoint["port"] == port["name"]
    assert port["targetPort"] == listening["name"]
    assert service["spec"]["clusterIP"] == "None"


def test_the_pod_monitor_finds_every_fleet_of_every_gateway_namespace(everything: Rendered) -> None:
    (monitor,) = everything.of_kind("PodMonitor")
    spec = monitor["spec"]
    assert selects(spec["selector"]["matchLabels"], fleet_labels("main"))
    assert spec["namespaceSelector"] == {"matchNames": ["ai-platform", "ai-lab"]}
    (endpoint,) = spec["podMetricsEndpoints"]
    assert endpoint["targetPort"] == ADMIN_PORT
    assert endpoint["honorLabels"] is True
    made = {each["targetLabel"]: each["sourceLabels"] for each in endpoint["relabelings"]}
    assert made == {
        "gateway_namespace": ["__meta_kubernetes_namespace"],
        "gateway": ["__meta_kubernetes_pod_label_fairlead_dev_gateway"],
        "node": ["__meta_kubernetes_pod_node_name"],
    }
    assert "fairlead.dev/gateway" in selector_of("main")
    assert CONTAINER == "proxy"


def test_who_scrapes_may_reach_the_proxies_in_each_gateway_namespace(everything: Rendered) -> None:
    for namespace in ("ai-platform", "ai-lab"):
        spec = everything.one("NetworkPolicy", "fairlead-metrics", namespace)["spec"]
        assert selects(spec["podSelector"]["matchLabels"], fleet_labels("main"))
        (ingress,) = spec["ingress"]
        assert ingress["ports"] == [{"port": ADMIN_PORT, "protocol": "TCP"}]
        assert [set(peer) for peer in ingress["from"]] == [{"namespaceSelector", "podSelector"}]


def test_rules_are_those_of_the_file(everything: Rendered) -> None:
    (rule,) = everything.of_kind("PrometheusRule")
    assert rule["spec"] == yaml.safe_load((CHART / "files/rules.yaml").read_text())


def test_dashboards_are_those_of_the_files_where_the_sidecar_of_grafana_looks(everything: Rendered) -> None:
    maps = everything.of_kind("ConfigMap")
    for content in maps:
        assert content["metadata"]["labels"]["grafana_dashboard"] == "1"
        assert content["metadata"]["annotations"] == {"grafana_folder": "Fairlead"}
    shipped = {f"fairlead-{path.name}": json.loads(path.read_text()) for path in CHART.glob("dashboards/*.json")}
    assert {name: json.loads(text) for each in maps for name, text in each["data"].items()} == shipped


def test_the_names_of_services_fit_under_the_longest_name(offline_helm: Helm, tmp_path: Path) -> None:
    values = values_file(tmp_path, {"fullnameOverride": "a" * 50, "monitoring": {"serviceMonitor": {"enabled": True}}})
    rendered = render(offline_helm, CHART, "fairlead", NAMESPACE, "-f", str(values))
    assert max(len(each["metadata"]["name"]) for each in rendered.of_kind("Service")) <= 63
