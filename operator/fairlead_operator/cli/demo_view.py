"""How `fairlead demo` is shown: a live table where somebody looks on, plain lines elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from fairlead_operator.cli.demo import Story, View

_COLOURS = {"Healthy": "green", "Degraded": "yellow", "Unavailable": "red", "Serving": "green", "FallenBack": "yellow"}


@contextmanager
def view(console: Console | None = None) -> Iterator[View]:
    """Give what shows the demo until the block ends. `console`: where a table would stand; else standard output."""
    console = console or Console()
    if not console.is_terminal:
        yield _Lines()
        return
    with Live(console=console, refresh_per_second=10) as live:
        yield _LiveTable(live)


class _Lines:
    """Each turn a line."""

    def show(self, story: Story) -> None:
        """Nothing: a turn is told, and calls that go well are no turn."""

    def tell(self, line: str) -> None:
        print(line, flush=True)


class _LiveTable:
    """Where it stands, above all turns so far."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._table = Table()
        self._told: list[str] = []

    def show(self, story: Story) -> None:
        bar = "█" * int(30 * story.made / story.calls)
        table = Table(title=f"call {story.made} of {story.calls}  {bar:░<30}", title_justify="left")
        for name in ("provider", "status.health.state", "answered"):
            table.add_column(name, justify="right" if name == "answered" else "left")
        for provider in sorted(story.health):
            table.add_row(provider, _coloured(story.health[provider]), str(story.answered[provider]))
        table.add_row("rule", _coloured(story.rule), "")
        table.add_row("not answered", "", str(story.failed), end_section=True)
        self._table = table
        self._refresh()

    def tell(self, line: str) -> None:
        self._told.append(line)
        self._refresh()

    def _refresh(self) -> None:
        self._live.update(Group(self._table, *(Text(line) for line in self._told)))


def _coloured(state: str) -> Text:
    return Text(state, style=_COLOURS.get(state, ""))
