"""What Prometheus reads. Counts and sizes alone: no session, user or token is named."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import attrs
from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector


class _Media(Collector):
    """Reads the SFU's numbers at the moment of asking."""

    def __init__(self, read: Callable[[], object]) -> None:
        self._read = read

    def collect(self) -> Iterable[Metric]:
        load: Any = self._read()
        if not attrs.has(type(load)):
            return
        fields = attrs.asdict(load, recurse=False)
        totals: Mapping[str, int] = fields.pop("totals", {})
        yield from _by_worker(fields.pop("workers", {}))
        for name, value in fields.items():
            if attrs.has(type(value)):
                yield _histogram(f"jackfield_sfu_{name}_seconds", name, value)
            elif name not in totals:
                yield GaugeMetricFamily(f"jackfield_sfu_{name}", name.replace("_", " "), value=value)
        for name, value in totals.items():
            yield CounterMetricFamily(f"jackfield_sfu_{name}", name.replace("_", " "), value=value)


def _by_worker(workers: Mapping[str, Mapping[str, float]]) -> Iterable[Metric]:
    for name in next(iter(workers.values()), {}):
        family = GaugeMetricFamily(f"jackfield_sfu_worker_{name}", name.replace("_", " "), labels=("worker",))
        for worker, values in workers.items():
            family.add_metric((worker,), values[name])
        yield family


def _histogram(name: str, what: str, value: Any) -> HistogramMetricFamily:
    """Of an object with ``bounds_s``, ``within``, ``count`` and ``seconds``."""
    ends = [*map(str, value.bounds_s), "+Inf"]
    buckets = list(zip(ends, [*value.within, value.count], strict=True))
    return HistogramMetricFamily(name, what, buckets=buckets, sum_value=value.seconds)


class Metrics:
    """The numbers of one server."""

    def __init__(self, media: Callable[[], object]) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(_Media(media))
        labels = ("route", "status")
        self._requests = Counter("jackfield_http_requests", "HTTP requests answered", labels, registry=self.registry)
        self._given = Counter(
            "jackfield_given", "Log-ins, tokens, invites given out", ("what",), registry=self.registry
        )

    def requested(self, route: str, status: int) -> None:
        """One request was answered."""
        self._requests.labels(route, str(status)).inc()

    def given(self, what: str) -> None:
        """One log-in, token or invite was given out."""
        self._given.labels(what).inc()

    def text(self) -> bytes:
        """The page."""
        return generate_latest(self.registry)
