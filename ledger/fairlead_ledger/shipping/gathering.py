"""Takes from the spool what one store has not been given yet, and notices what was lost on the way."""

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct, structs

from fairlead_ledger.shipping.cursor import Cursor, Place
from fairlead_ledger.spool.instances import Life, find_lives
from fairlead_ledger.spool.reading import LifeReader, Read
from fairlead_ledger.store.batch import Batch, Loss, Reason

BATCH_RECORDS = 1_000


class Gathered(Struct, frozen=True):
    """A batch, and the cursor that holds once it is in the store."""

    batch: Batch
    cursor: Cursor


class Gatherer:
    """Reads for one store. What it has handed out it does not hand out again: keep the batch until it is in."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._readers: dict[str, LifeReader] = {}

    def gather(self, cursor: Cursor, now_ms: int) -> Gathered:
        """Return what comes next; the same cursor where there is nothing. Raises OSError, then nothing was taken."""
        try:
            return self._gather(cursor, now_ms)
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """Forget what was read: the next batch begins where its cursor says."""
        while self._readers:
            self._readers.popitem()[1].close()

    def _gather(self, cursor: Cursor, now_ms: int) -> Gathered:
        lives = find_lives(self._root)
        here = {life.name for life in lives}
        places = {name: place for name, place in cursor.places.items() if name in here}
        for name in self._readers.keys() - here:
            self._readers.pop(name).close()
        records: list[Read] = []
        losses: list[Loss] = []
        lost = dict(cursor.lost)
        room = BATCH_RECORDS
        for life in lives:
            place = places.get(life.name, Place())
            if place.settled or room <= 0:
                continue
            reader = self._readers.setdefault(life.name, LifeReader(life, place.next))
            over = life.is_over(now_ms)
            read = reader.read(room, over=over)
            room -= read.position - place.next
            found = _losses_of(life, read, now_ms)
            dropped, told = _dropped(life, place, now_ms)
            ended = over and room > 0
            if ended:
                told += _never_spooled(life, read.position, now_ms)
                self._readers.pop(life.name).close()
            records.append(read)
            losses += found + told
            _count(lost, found + told, {Reason.SPOOL_FAILED: place.dropped})
            places[life.name] = Place(read.position, dropped, ended)
        batch = Batch(tuple(record for read in records for record in read.records), tuple(losses))
        shipped = cursor.shipped + len(batch.records)
        return Gathered(batch, structs.replace(cursor, places=places, shipped=shipped, lost=lost))


def first_cursor(root: Path) -> Cursor:
    """Return where a new store begins: with what there still is. What was deleted before its time is no loss."""
    return Cursor(places={life.name: Place(next=_oldest(life)) for life in find_lives(root)})


def resumed_cursor(root: Path, paused: Cursor) -> Cursor:
    """Return where a store goes on that was not named for a while: what was deleted meanwhile is no loss of its own."""
    places = dict(paused.places)
    for life in find_lives(root):
        place = places.get(life.name, Place())
        places[life.name] = structs.replace(place, next=max(place.next, _oldest(life)))
    return structs.replace(paused, places=places)


def unshipped(lives: list[Life], places: Mapping[str, Place]) -> int:
    """Return how many records are spooled that a store has not been given yet."""
    waiting = 0
    for life in lives:
        place, counters = places.get(life.name, Place()), life.counters()
        if counters is not None and not place.settled:
            waiting += max(0, counters.spooled - place.next)
    return waiting


def _oldest(life: Life) -> int:
    segments, counters = life.segments(), life.counters()
    if segments:
        return segments[0].first
    return counters.spooled if counters is not None else 0


def _losses_of(life: Life, read: Read, now_ms: int) -> list[Loss]:
    gaps = [
        Loss(id=f"{life.name}/{gap.first}", at=now_ms, proxy=life.name, reason=Reason.SPOOL_FULL, attempts=gap.records)
        for gap in read.gaps
    ]
    unreadable = [
        Loss(id=f"{life.name}/{number}", at=now_ms, proxy=life.name, reason=Reason.UNREADABLE, attempts=1)
        for number in read.unreadable
    ]
    return gaps + unreadable


def _dropped(life: Life, place: Place, now_ms: int) -> tuple[int, list[Loss]]:
    """Return how many the process says it never spooled, and the loss if that has grown."""
    counters = life.counters()
    if counters is None or counters.dropped <= place.dropped:
        return place.dropped, []
    loss = Loss(
        id=f"{life.name}/dropped",
        at=now_ms,
        proxy=life.name,
        reason=Reason.SPOOL_FAILED,
        attempts=counters.dropped,
    )
    return counters.dropped, [loss]


def _never_spooled(life: Life, position: int, now_ms: int) -> list[Loss]:
    """Return the attempts of a life that is over which began and left nothing: neither a record nor a counted drop."""
    counters = life.counters()
    missing = 0 if counters is None else counters.began - position - counters.dropped
    if missing <= 0:
        return []
    return [Loss(id=f"{life.name}/killed", at=now_ms, proxy=life.name, reason=Reason.KILLED, attempts=missing)]


def _count(lost: dict[str, int], losses: list[Loss], before: Mapping[Reason, int]) -> None:
    """Add losses to the counts; of those that grow, what has come since."""
    for loss in losses:
        lost[loss.reason] = lost.get(loss.reason, 0) + loss.attempts - before.get(loss.reason, 0)
