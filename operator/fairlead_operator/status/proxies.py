"""The proxies of one fleet as they were heard, and which of them has acknowledged what."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from fairlead_operator.heard import HeardProxy
from fairlead_operator.status.spending import FleetUsage, UsageLog

REVISIONS_KEPT = 32
SETTLING_SECONDS = 10.0
FRESH_SECONDS = 10.0
REMEMBERED_SECONDS = 60.0
WHOLE_SNAPSHOT = "snapshot"
"""The key of a refusal that concerns every fragment."""


def heard_within(proxy: HeardProxy, seconds: float, now: float) -> bool:
    return proxy.report is not None and proxy.heard_at is not None and now - proxy.heard_at <= seconds


@dataclass(frozen=True, slots=True)
class ReadyProxy:
    """A proxy that may get calls. `offered`: hashes of the revision that it has loaded; `refused`: message by key.

    `acknowledged` may still hold what is refused; `since`: when it became ready, as far as we saw.
    """

    name: str
    revision: str
    offered: frozenset[str]
    acknowledged: frozenset[str]
    refused: Mapping[str, str]
    since: float

    def serves(self, key: str, digest: str) -> bool:
        return digest in self.acknowledged and key not in self.refused

    def refusal(self, key: str, digest: str, *, late: bool) -> str | None:
        """Return why this proxy refuses this very fragment, or the whole snapshot; None where it does not.

        A refused snapshot counts only where the fragment is late: it may be the one before this.
        """
        if digest in self.offered:
            return self.refused.get(key)
        return self.refused.get(WHOLE_SNAPSHOT) if late else None


@dataclass(frozen=True, slots=True)
class FleetView:
    """One fleet at one moment: `revision` is what is published, `ready` are the proxies that may get calls.

    `behind_since`: since when some ready proxy lacks the revision; `empty_since`: since when none is ready.
    `published_at`: when each hash was first published. `address`: host:port for applications, may be empty.
    `settling`: a proxy that has just become ready has not been heard yet, so that what we know may be too little.
    `silenced`: proxies that were heard in the last minute and now have gone, or say nothing. `unknown`: the ready ones
    on a revision that we did not publish, or no longer remember: they must be asked what they have in force.
    `calling`: by provider that is draining, the proxies where attempts are under way; `unheard`: those of which that is
    not known, as they say nothing; `unaware`: those on their way out that serve their last calls by another revision,
    and so do not count what is draining by this one. `usage`: what the fleet used today.
    """

    gateway: str
    revision: str
    total: int
    ready: tuple[ReadyProxy, ...]
    behind_since: float | None = None
    empty_since: float | None = None
    published_at: Mapping[str, float] = field(default_factory=dict)
    address: str = ""
    settling: bool = False
    silenced: tuple[HeardProxy, ...] = ()
    unknown: tuple[str, ...] = ()
    calling: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unheard: tuple[str, ...] = ()
    unaware: tuple[str, ...] = ()
    usage: FleetUsage = field(default_factory=FleetUsage, repr=False, compare=False)
    _everywhere: frozenset[str] = field(init=False, repr=False, compare=False)
    _refused: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Most proxies acknowledge the same revision: that is one set, and looked at once.
        acknowledged = list({id(proxy.acknowledged): proxy.acknowledged for proxy in self.ready}.values())
        object.__setattr__(self, "_everywhere", frozenset.intersection(*acknowledged) if acknowledged else frozenset())
        object.__setattr__(self, "_refused", frozenset(key for proxy in self.ready for key in proxy.refused))

    def serves_everywhere(self, key: str, digest: str) -> bool:
        """Say whether there are ready proxies, and every one of them serves this fragment."""
        return digest in self._everywhere and key not in self._refused

    @property
    def programmed(self) -> int:
        return sum(proxy.revision == self.revision for proxy in self.ready)


class FleetLog:
    """What one fleet was given and when, and since when its proxies are ready: kept from pass to pass."""

    def __init__(self) -> None:
        self._revision = ""
        self._hashes: dict[str, frozenset[str]] = {}
        self._published_at: dict[str, float] = {}
        self._ready_since: dict[str, float] = {}
        self._behind_since: float | None = None
        self._empty_since: float | None = None
        self._heard: dict[str, HeardProxy] = {}
        self._usage = UsageLog()

    def note_published(self, revision: str, hashes: Iterable[str], now: float) -> None:
        """Note the revision that is published now; also the one that was found published at the start."""
        if revision == self._revision:
            return
        self._revision = revision
        self._hashes.pop(revision, None)
        self._hashes[revision] = frozenset(hashes)
        while len(self._hashes) > REVISIONS_KEPT:
            self._hashes.pop(next(iter(self._hashes)))
        current = self._hashes[revision]
        self._published_at = {digest: self._published_at.get(digest, now) for digest in current}

    def view(self, gateway: str, proxies: Sequence[HeardProxy], now: float, *, address: str = "") -> FleetView:
        """Return the fleet as it stands now; call it once in each pass: it notes who is ready and who is behind."""
        names = [proxy.name for proxy in proxies if proxy.ready]
        self._ready_since = {name: self._ready_since.get(name, now) for name in names}
        ready = tuple(self._ready(proxy) for proxy in proxies if proxy.ready)
        behind = any(proxy.revision != self._revision for proxy in ready)
        self._behind_since = _since(self._behind_since, behind, now)
        self._empty_since = _since(self._empty_since, not ready, now)
        return FleetView(
            gateway=gateway,
            revision=self._revision,
            total=len(proxies),
            ready=ready,
            behind_since=self._behind_since,
            empty_since=self._empty_since,
            published_at=self._published_at,
            address=address,
            settling=any(not proxy.revision and now - proxy.since < SETTLING_SECONDS for proxy in ready),
            silenced=self._silenced(proxies, now),
            unknown=tuple(proxy.name for proxy in proxies if proxy.ready and self._is_unknown(proxy)),
            calling=_calling(proxies),
            unheard=tuple(
                proxy.name
                for proxy in proxies
                if (proxy.ready or proxy.report is not None) and not heard_within(proxy, FRESH_SECONDS, now)
            ),
            unaware=tuple(proxy.name for proxy in proxies if self._is_unaware(proxy)),
            usage=self._usage.view(proxies, now),
        )

    def _silenced(self, proxies: Sequence[HeardProxy], now: float) -> tuple[HeardProxy, ...]:
        self._heard |= {proxy.name: proxy for proxy in proxies if proxy.report is not None}
        self._heard = {
            name: proxy for name, proxy in self._heard.items() if heard_within(proxy, REMEMBERED_SECONDS, now)
        }
        speaking = {proxy.name for proxy in proxies if heard_within(proxy, FRESH_SECONDS, now)}
        return tuple(proxy for name, proxy in self._heard.items() if name not in speaking)

    def _is_unknown(self, proxy: HeardProxy) -> bool:
        """Say whether this proxy serves a revision whose hashes we do not know, and has not listed them."""
        report = proxy.report
        if report is None or not report.revision or report.fragments is not None:
            return False
        return report.revision not in self._hashes

    def _is_unaware(self, proxy: HeardProxy) -> bool:
        report = proxy.report
        return not proxy.ready and report is not None and report.in_flight > 0 and report.revision != self._revision

    def _ready(self, proxy: HeardProxy) -> ReadyProxy:
        report = proxy.report
        offered = self._hashes.get(report.revision, frozenset()) if report else frozenset()
        listed = report.fragments if report else None
        return ReadyProxy(
            name=proxy.name,
            revision=report.revision if report else "",
            offered=offered,
            acknowledged=offered if listed is None else frozenset(listed.values()),
            refused={refusal.key: refusal.message for refusal in report.refused} if report else {},
            since=self._ready_since[proxy.name],
        )


def _calling(proxies: Sequence[HeardProxy]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for proxy in proxies:
        for provider in proxy.report.under_way if proxy.report else ():
            found[provider] = (*found.get(provider, ()), proxy.name)
    return found


def _since(before: float | None, holds: bool, now: float) -> float | None:
    if not holds:
        return None
    return now if before is None else before
