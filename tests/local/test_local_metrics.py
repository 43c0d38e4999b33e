"""Metrics of several workers become those of one."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from fairlead_operator.cluster.local_metrics import merge_metrics


def worker(calls: float, seconds: float, in_flight: float, healthy: float, revision: str) -> str:
    registry = CollectorRegistry()
    Counter("fairlead_requests", "Calls.", ["code"], registry=registry).labels("200").inc(calls)
    Histogram("fairlead_request_duration_seconds", "Time.", registry=registry, buckets=(1, 2)).observe(seconds)
    Gauge("fairlead_inflight_requests", "Now.", registry=registry).set(in_flight)
    Gauge("fairlead_provider_healthy", "Health.", ["provider"], registry=registry).labels("a/b").set(healthy)
    Gauge("fairlead_config_info", "Revision.", ["revision"], registry=registry).labels(revision).set(1)
    return generate_latest(registry).decode()


def merged(*texts: str) -> dict[str, float]:
    families = text_string_to_metric_families(merge_metrics(texts).decode())
    return {
        sample.name + "".join(f"[{value}]" for value in sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
    }


def test_counters_and_histograms_add_up() -> None:
    values = merged(worker(3, 0.5, 0, 1, "r-1"), worker(4, 1.5, 0, 1, "r-1"))
    assert values["fairlead_requests_total[200]"] == 7
    assert values["fairlead_request_duration_seconds_bucket[1.0]"] == 1
    assert values["fairlead_request_duration_seconds_bucket[+Inf]"] == 2
    assert values["fairlead_request_duration_seconds_sum"] == 2


def test_calls_in_flight_add_up_and_health_and_information_do_not() -> None:
    values = merged(worker(1, 1, 2, 1, "r-1"), worker(1, 1, 3, 0, "r-1"))
    assert values["fairlead_inflight_requests"] == 5
    assert values["fairlead_provider_healthy[a/b]"] == 1
    assert values["fairlead_config_info[r-1]"] == 1


def test_of_a_certificate_that_a_worker_has_not_renewed_the_earlier_end_counts() -> None:
    name = "fairlead_certificate_expiry_timestamp_seconds"
    texts = []
    for ends in (1_800_000_000.0, 1_790_000_000.0, 1_800_000_000.0):
        registry = CollectorRegistry()
        Gauge(name, "End.", ["listener"], registry=registry).labels("https").set(ends)
        texts.append(generate_latest(registry).decode())
    assert merged(*texts) == {f"{name}[https]": 1_790_000_000.0}


def test_workers_at_two_revisions_are_both_seen() -> None:
    values = merged(worker(1, 1, 0, 1, "r-1"), worker(1, 1, 0, 1, "r-2"))
    assert values["fairlead_config_info[r-1]"] == values["fairlead_config_info[r-2]"] == 1


def test_the_merged_text_keeps_help_and_type() -> None:
    text = merge_metrics([worker(1, 1, 0, 1, "r-1"), worker(1, 1, 0, 1, "r-1")]).decode()
    assert "# HELP fairlead_requests_total Calls.\n# TYPE fairlead_requests_total counter\n" in text
