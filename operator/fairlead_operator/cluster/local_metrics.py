"""The metrics of several workers as those of one: counters and histograms summed, gauges as fits each."""

from collections.abc import Iterable, Sequence

from prometheus_client.core import Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

HIGHEST_OF = (
    "_info", "_created", "_healthy", "_state", "_timestamp_seconds", "_start_time_seconds", "_max_fds",
    "_sink_up", "_unshipped_records", "_lost_records_total",
)  # fmt: skip
"""Samples by the end of their name of which the highest counts, as they are no worker's own; all others add up."""
LOWEST_OF = "_expiry_timestamp_seconds"
"""What ends first counts: a worker may not have heard of a renewal."""


class _Merged(Collector):
    """Families that are merged already, in the form in which the client library writes them out."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def merge_metrics(texts: Sequence[str]) -> bytes:
    """Return one exposition in the text format for those of all workers; the order is that of the first."""
    families: dict[str, Metric] = {}
    values: dict[str, dict[tuple[str, tuple[tuple[str, str], ...]], float]] = {}
    for text in texts:
        for family in text_string_to_metric_families(text):
            families.setdefault(family.name, Metric(family.name, family.documentation, family.type))
            into = values.setdefault(family.name, {})
            for sample in family.samples:
                key = (sample.name, tuple(sample.labels.items()))
                into[key] = _merged(sample, into.get(key))
    for name, family in families.items():
        family.samples = [Sample(own, dict(labels), value) for (own, labels), value in values[name].items()]
    return generate_latest(_Merged(families.values()))


def _merged(sample: Sample, before: float | None) -> float:
    if before is None:
        return sample.value
    if sample.name.endswith(LOWEST_OF):
        return min(before, sample.value)
    return max(before, sample.value) if sample.name.endswith(HIGHEST_OF) else before + sample.value
