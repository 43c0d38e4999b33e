"""How many connections there may be, to one origin and in all; who waits for one is served in the order of coming."""

import asyncio
from collections import deque
from typing import NamedTuple, Protocol

from fairlead_proxy.upstream.http_connection import HttpConnection

MAX_PER_ORIGIN = 4096
MAX_TOTAL = 8192
"""Defaults, far above what is needed: calls are limited where they come in, to 4,096 at a time. These hold whatever
happens there, and let a burst to one origin leave room for the others."""


class Owner(Protocol):
    """A pool, as far as its share is concerned."""

    idle: dict[HttpConnection, None]
    """Idle connections; the one that waits longest comes first."""
    held: int
    """How many slots it has."""

    def took_back(self, connection: HttpConnection) -> None: ...


class _Waiter(NamedTuple):
    number: int
    fresh: bool
    granted: asyncio.Future[HttpConnection | None]


class Slots:
    """Each connection takes a slot from when it is begun until it is lost. Who is granted one, gives it back.

    `waiting` is empty where nobody waits: then there is nothing to `serve`.
    """

    def __init__(self, *, per_origin: int = MAX_PER_ORIGIN, total: int = MAX_TOTAL) -> None:
        self.held = 0
        self._per_origin = per_origin
        self._total = total
        self._owners: set[Owner] = set()
        self.waiting: dict[Owner, deque[_Waiter]] = {}
        self._number = 0
        self._serving = False

    def admit(self, owner: Owner) -> None:
        self._owners.add(owner)

    def dismiss(self, owner: Owner, error: Exception) -> None:
        """Forget an owner; whoever waits on its behalf is told why."""
        self._owners.discard(owner)
        for waiter in self.waiting.pop(owner, ()):
            if not waiter.granted.done():
                waiter.granted.set_exception(error)

    async def grant(self, owner: Owner, *, fresh: bool) -> HttpConnection | None:
        """Return a connection of the owner that has just become free, or None for a slot to make one in.

        `fresh`: a slot it must be. Waits for either as long as it takes: to be called under a deadline.
        """
        if owner not in self.waiting and self._has_room(owner):
            self._take(owner)
            return None
        self._number += 1
        granted: asyncio.Future[HttpConnection | None] = asyncio.get_running_loop().create_future()
        self.waiting.setdefault(owner, deque()).append(_Waiter(self._number, fresh, granted))
        try:
            return await granted
        except BaseException:
            if granted.done() and not granted.cancelled() and granted.exception() is None:
                self._return(owner, granted.result())
            raise

    def give_back(self, owner: Owner) -> None:
        """A connection is lost, or was never made."""
        owner.held -= 1
        self.held -= 1
        self.serve()

    def serve(self) -> None:
        """Give what has become free to those who have waited longest for it."""
        if not self.waiting or self._serving:
            return
        self._serving = True
        while (owner := self._next()) is not None:
            waiter = self.waiting[owner].popleft()
            if owner.idle and not waiter.fresh:
                waiter.granted.set_result(owner.idle.popitem()[0])
            else:
                if not self._has_room(owner):
                    owner.idle.popitem()[0].abort()
                self._take(owner)
                waiter.granted.set_result(None)
        self._serving = False

    def _next(self) -> Owner | None:
        """Return the owner whose first waiter has waited longest among those that can be served now."""
        for owner, queue in list(self.waiting.items()):
            while queue and queue[0].granted.done():
                queue.popleft()
            if not queue:
                del self.waiting[owner]
        in_order = sorted(self.waiting, key=lambda owner: self.waiting[owner][0].number)
        return next((owner for owner in in_order if owner.idle or self._has_room(owner)), None)

    def _has_room(self, owner: Owner) -> bool:
        """Say whether the owner may have one more; an idle connection elsewhere is closed for it."""
        if owner.held >= self._per_origin:
            return False
        if self.held < self._total:
            return True
        others = [other for other in self._owners if other.idle and other is not owner]
        if not others:
            return False
        oldest = min((next(iter(other.idle)) for other in others), key=lambda connection: connection.idle_since)
        oldest.abort()
        return self.held < self._total

    def _take(self, owner: Owner) -> None:
        owner.held += 1
        self.held += 1

    def _return(self, owner: Owner, granted: HttpConnection | None) -> None:
        if granted is None:
            self.give_back(owner)
        elif granted.usable:
            owner.took_back(granted)
