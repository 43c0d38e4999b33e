"""When which credential is probed next."""

from collections.abc import Collection, Iterable
from random import Random

from fairlead_proxy.contract.config import Credential, Provider
from fairlead_proxy.contract.names import BreakerState, ProbeMode
from fairlead_proxy.contract.report import Observation, ProbeResult

AILING_INTERVAL_SECONDS = 5.0
"""Design, section 5.3: while not healthy, the elected prober probes every 5 s."""

ANSWER_HOLDS_SECONDS = 45.0
"""For so long an answer to a call makes a probe by a real call needless, where the interval is not shorter: a little
less than the 60 s for which it is evidence, so that none is missing in between.
"""

JITTER = 0.1

_Key = tuple[str, str]


class ProbeSchedule:
    """When which credential is probed next. Pure; instants are Unix seconds.

    A probe that is a real call tells no more than a caller's: each answer to one puts it off.
    """

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._probed_at: dict[_Key, float] = {}
        self._spread: dict[_Key, float] = {}
        self._held_until: dict[_Key, float] = {}
        self._under_way: set[_Key] = set()

    def due(
        self, providers: Iterable[Provider], observations: Iterable[Observation], elsewhere: Collection[str], now: float
    ) -> list[tuple[Provider, Credential]]:
        """Return what is to be probed now, and take it as probed. `providers`: those of this proxy's duties.

        `elsewhere`: credentials, as `provider/credential`, that another proxy waits for. Each returned ends in `over`.
        """
        seen_here = _State(observations)
        found: list[tuple[Provider, Credential]] = []
        seen: set[_Key] = set()
        for provider in providers:
            for credential in provider.credentials:
                key = (provider.id, credential.name)
                seen.add(key)
                interval, needless_until = provider.active.interval_seconds, 0.0
                if self._is_awaited(key, seen_here) or f"{provider.id}/{credential.name}" in elsewhere:
                    interval = min(interval, AILING_INTERVAL_SECONDS)
                elif provider.active.mode is ProbeMode.CHAT and key in seen_here.answered:
                    needless_until = seen_here.answered[key] + min(interval, ANSWER_HOLDS_SECONDS)
                held_until = max(seen_here.held.get(key, 0.0), self._held_until.get(key, 0.0))
                next_at = max(self._next_at(key, interval), needless_until, held_until)
                if now >= next_at and key not in self._under_way:
                    found.append((provider, credential))
                    self._under_way.add(key)
                    self._probed_at[key] = now
                    self._spread[key] = self._rng.uniform(0.0, JITTER)
        for memory in (self._probed_at, self._spread, self._held_until):
            for key in [key for key in memory if key not in seen]:
                del memory[key]
        return found

    def learn(self, result: ProbeResult) -> None:
        """Take a probe's result: a failed one is repeated sooner, though never before the time that it was given."""
        key = (result.provider, result.credential)
        if result.reason is None:
            self._held_until.pop(key, None)
        else:
            self._held_until[key] = result.until or 0.0

    def over(self, provider: Provider, credential: Credential) -> None:
        """A probe has ended, or was not made."""
        self._under_way.discard((provider.id, credential.name))

    def _next_at(self, key: _Key, interval: float) -> float:
        before = self._probed_at.get(key)
        return 0.0 if before is None else before + interval * (1.0 + self._spread.get(key, 0.0))

    def _is_awaited(self, key: _Key, seen_here: "_State") -> bool:
        return key in seen_here.ailing or key in self._held_until


class _State:
    """What was seen here: the credentials that are not well, until when a provider forbade to ask, and when each
    answered last.
    """

    def __init__(self, observations: Iterable[Observation]) -> None:
        self.ailing: set[_Key] = set()
        self.held: dict[_Key, float] = {}
        self.answered: dict[_Key, float] = {}
        for seen in observations:
            key = (seen.provider, seen.credential)
            if seen.breaker is not BreakerState.CLOSED or seen.overdue:
                self.ailing.add(key)
            if seen.retry_after and seen.until is not None:
                self.held[key] = max(self.held.get(key, 0.0), seen.until)
            if seen.last_success is not None:
                self.answered[key] = max(self.answered.get(key, 0.0), seen.last_success)
