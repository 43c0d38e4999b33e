"""No gateway at all: what the load side itself can do."""

from fairlead_bench.load import Call
from fairlead_bench.mock import OK
from fairlead_bench.targets.target import Place, Target


class Direct(Target):
    name = "direct"
    cannot = frozenset({"W4", "W8", "W9", "W-TLS"})

    def install(self) -> str:
        return "no gateway"

    def configure(self, place: Place) -> None:
        """Nothing to configure."""

    def command(self, place: Place) -> list[str]:
        return []

    def call(self, place: Place, route: str) -> Call:
        return Call(f"{place.upstreams.url(OK)}/chat/completions", route)
