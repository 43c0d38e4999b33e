"""Bounds that were promised: held threefold, since machines that test are noisy, and shown as they were seen."""

SLACK = 3.0


class Figures:
    """What one session has seen."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def hold(self, what: str, seen: float, *, bound: float, unit: str = "s") -> None:
        """Note a figure beside its bound; raise AssertionError where it is beyond three times the bound."""
        self.seen.append(f"{what}: {seen:.2f} {unit}, promised {bound:g} {unit}")
        assert seen <= SLACK * bound, self.seen[-1]
