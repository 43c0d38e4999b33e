"""A receiver that notes what it is told, and does within its methods what a test wants."""

from collections.abc import Callable

from fairlead_proxy.exchange.errors import UpstreamFailure
from fairlead_proxy.upstream.transport import Errand, Headers


class TellingReceiver:
    """`told` holds the methods with the essence of their arguments. `deepest`: how many were under way at once."""

    errand: Errand

    def __init__(self) -> None:
        self.told: list[str] = []
        self.chunks: list[bytes] = []
        self.deepest = 0
        self._depth = 0
        self._acts: dict[str, list[Callable[[], object]]] = {}

    @property
    def called(self) -> set[str]:
        return {word.split(" ")[0] for word in self.told}

    def on(self, method: str, act: Callable[[], object]) -> None:
        """Do this within the method, each time."""
        self._acts.setdefault(method, []).append(act)

    def fail_in(self, method: str, error: Exception) -> None:
        def fail() -> None:
            raise error

        self.on(method, fail)

    def head(self, status: int, headers: Headers) -> None:
        self._note("head", f"head {status}")

    def chunk(self, data: bytes) -> None:
        assert data
        self.chunks.append(data)
        self._note("chunk", f"chunk {data[:20].decode('latin-1')}")

    def end(self) -> None:
        self._note("end", "end")

    def lost(self, failure: UpstreamFailure) -> None:
        self._note("lost", f"lost {failure.failure}")

    def _note(self, method: str, word: str) -> None:
        self.told.append(word)
        self._depth += 1
        self.deepest = max(self.deepest, self._depth)
        try:
            for act in self._acts.get(method, ()):
                act()
        finally:
            self._depth -= 1
