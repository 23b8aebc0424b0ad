"""Medians, ratios, and the bounds that they are held to."""

from dataclasses import dataclass, field
from statistics import median

import peers


@dataclass
class Result:
    """All rounds of one peer."""

    name: str
    about: str
    whole: bool
    rows: int = 0
    seconds: list = field(default_factory=list)
    largest_kib: list = field(default_factory=list)
    sum_kib: list = field(default_factory=list)
    requests: list = field(default_factory=list)
    connections: list = field(default_factory=list)
    # Of the two stand-ins.
    most_in_flight: list = field(default_factory=lambda: [0, 0])
    # Why it has no figures.
    left_out: str | None = None

    def middle(self, what):
        """The median; None of nothing, and where a figure is missing."""
        values = getattr(self, what)
        return median(values) if values and None not in values else None


def ratio(what, one, other):
    """Median over the rounds of one's figure in terms of the other's in the same round: a machine that does other things, too, is
    not always as fast. None where either has no figures."""
    pairs = list(zip(getattr(one, what), getattr(other, what)))
    if not pairs or any(a is None or not b for a, b in pairs):
        return None
    return median(a / b for a, b in pairs)


@dataclass
class Bound:
    """A figure beside the most that it may be; without a figure it is not judged."""

    what: str
    most: float
    figure: float | None

    @property
    def holds(self):
        return None if self.figure is None else self.figure <= self.most


def bounds(results, latency_ms, in_flight):
    """Those bounds that such a run can judge."""
    by_name = {result.name: result for result in results if result.left_out is None}

    def of(what, one, other):
        return ratio(what, by_name[one], by_name[other]) if one in by_name and other in by_name else None

    if latency_ms:
        sequential = [by_name[name] for name in peers.SEQUENTIAL if name in by_name]
        best = min(sequential, key=lambda result: result.middle("seconds"), default=None)
        name = best.name if best else "the best sequential peer"
        found = [Bound(f"time at its default in flight, of {name}'s", 1 / 3, of("seconds", "ours-default", name))]
        if in_flight == 6:
            workers = [Bound(f"time at 6 in flight, of {name}'s", 0.7, of("seconds", "ours", name)) for name in peers.WORKERS]
            found = workers + found
        return found
    return [
        Bound("time, of gitbeaker's", 0.6, of("seconds", "ours", "gitbeaker")),
        Bound("memory of the largest process, of gitbeaker's", 0.2, of("largest_kib", "ours", "gitbeaker")),
        Bound("time, of native's", 1.5, of("seconds", "ours", "native")),
    ]
