"""Duties end by themselves."""

from fairlead_proxy.contract.report import Duties
from fairlead_proxy.governance.duties import DutiesHolder


def test_without_duties_a_proxy_probes_nothing() -> None:
    assert DutiesHolder().probes(0.0) == frozenset()


def test_duties_hold_for_their_time_to_live() -> None:
    holder = DutiesHolder()
    holder.give(Duties(probe=("ai/openai",), ailing=("ai/openai/main",), ttl_seconds=30.0), now=100.0)
    assert holder.probes(129.9) == {"ai/openai"}
    assert holder.ailing(129.9) == {"ai/openai/main"}
    assert holder.probes(130.0) == holder.ailing(130.0) == frozenset()
    assert holder.valid(130.0) is None


def test_newer_duties_replace_older_ones() -> None:
    holder = DutiesHolder()
    holder.give(Duties(probe=("ai/openai",)), now=100.0)
    holder.give(Duties(probe=("ai/other",)), now=101.0)
    assert holder.probes(101.0) == {"ai/other"}


def test_the_last_known_number_of_replicas_outlives_the_duties() -> None:
    holder = DutiesHolder()
    assert holder.replicas == 1
    holder.give(Duties(replicas=3, ttl_seconds=1.0), now=100.0)
    assert holder.valid(200.0) is None
    assert holder.replicas == 3
