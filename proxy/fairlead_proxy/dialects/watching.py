"""What a relay notes of a stream on its way, and holds back of it: content, its end, what it took."""

import msgspec

from fairlead_proxy.contract.names import FailureClass
from fairlead_proxy.dialects.dialect import BYTES_PER_TOKEN
from fairlead_proxy.dialects.failures import malformed
from fairlead_proxy.exchange.completion import ChoiceEnded, Ended, PartGrew, Stop, StreamEvent, UsageTold, is_content
from fairlead_proxy.exchange.errors import Relayed, UpstreamFailure
from fairlead_proxy.exchange.usage import Usage

MAX_HELD_BYTES = 4 * 1024 * 1024
"""How much may come before the first content, where no frame may be larger than that. A default."""

_FILTERED = frozenset({Stop.FILTERED, Stop.REFUSED})


class Watching:
    """`has_content`: what the caller asked for has begun to come. `filtered`: it ended, and nothing had come."""

    __slots__ = ("_counted_bytes", "_stopped", "content_bytes", "filtered", "has_content", "usage")

    def __init__(self) -> None:
        self.has_content = False
        self.filtered = False
        self.content_bytes = 0
        self.usage: Usage | None = None
        self._counted_bytes = 0
        """How much content had come when `usage` was told."""
        self._stopped = False

    def note(self, event: StreamEvent) -> None:
        if isinstance(event, PartGrew):
            self.content_bytes += len(event.text)
        if isinstance(event, UsageTold):
            self.usage = event.usage
            self._counted_bytes = self.content_bytes
            return
        if isinstance(event, Ended):
            self._stopped = True
        elif isinstance(event, ChoiceEnded):
            self._stopped = True
            if event.stop in _FILTERED and not self.has_content:
                self.filtered = True
                return
        if is_content(event):
            self.has_content = True

    def usage_so_far(self, prompt_tokens: int) -> Usage:
        """See Relay."""
        uncounted = self.content_bytes - self._counted_bytes
        return so_far(self.usage, prompt_tokens, uncounted, whole=self._stopped)

    def ended_without_content(self, held: bytes) -> UpstreamFailure:
        """Return what it means; `held`: all that came. A stream that was filtered its caller may have as it is."""
        if not self.filtered:
            return malformed("the stream ended without content")
        return UpstreamFailure(
            FailureClass.CONTENT_FILTERED,
            "the answer was filtered before its first content",
            status=200,
            relayed=Relayed(200, "text/event-stream", held),
        )


def so_far(counted: Usage | None, prompt_tokens: int, uncounted_bytes: int, *, whole: bool) -> Usage:
    """Return what was used by an answer that is not, or may not be, complete.

    `counted`: what the provider told last, `uncounted_bytes`: the text that came after it, or all. `whole`: the answer
    had its last content. Some vendors tell a first count with the first event, which is not yet what they will charge.
    """
    if counted is None:
        return Usage(prompt_tokens, -(-uncounted_bytes // BYTES_PER_TOKEN), estimated=True)
    if whole and uncounted_bytes <= 0:
        return counted
    output = counted.output_tokens + -(-max(uncounted_bytes, 0) // BYTES_PER_TOKEN)
    return msgspec.structs.replace(counted, output_tokens=output, estimated=True)


class HoldingRelay:
    """The part of a relay that holds back what is to be sent until the first content has come; see Relay.

    Who feeds it appends to `_held`, tells `_watching` every event, and asks `_let_through`.
    """

    __slots__ = ("_held", "_max_held_bytes", "_unfinished_bytes", "_watching", "committed", "ended")

    def __init__(self, max_held_bytes: int = MAX_HELD_BYTES) -> None:
        self._max_held_bytes = max_held_bytes
        self._unfinished_bytes = 0
        """How much of a frame that is still coming is held elsewhere."""
        self._watching = Watching()
        self._held = bytearray()
        self.committed = False
        self.ended = False

    @property
    def usage(self) -> Usage | None:
        return self._watching.usage

    def usage_so_far(self, prompt_tokens: int) -> Usage:
        return self._watching.usage_so_far(prompt_tokens)

    def take_rest(self) -> bytes:
        rest = bytes(self._held)
        self._held.clear()
        return rest

    def _let_through(self) -> bytes:
        """Return what may be sent now; raise the failure of an end without content, and of too much before any."""
        if self._watching.has_content:
            self.committed = True
            return self.take_rest()
        if self.ended:
            raise self._watching.ended_without_content(self.take_rest())
        if len(self._held) + self._unfinished_bytes > self._max_held_bytes:
            raise malformed("too much came before any content")
        return b""
