"""What the README must not stop saying: the limits that nobody could see from outside."""

import re
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"
NOT_ENFORCED = re.compile(r"\b(do|does|is|are)( not|n't) enforced?\b")


def points() -> list[str]:
    """Return each entry of a list, on one line."""
    entries = re.split(r"^(?:- |\s*$)", README.read_text(), flags=re.MULTILINE)
    return [" ".join(entry.split()) for entry in entries]


def test_it_says_that_the_tests_network_does_not_enforce_network_policies() -> None:
    said = [point for point in points() if "NetworkPolic" in point and NOT_ENFORCED.search(point)]
    meant = [point for point in said if re.search(r"\btests?\b", point) and re.search(r"\b(plugin|CNI)\b", point)]
    assert meant, "README.md: say among the limits that the network plugin of the tests enforces no NetworkPolicies"
