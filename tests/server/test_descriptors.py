"""Connections run out before descriptors do."""

from fairlead_proxy.server.descriptors import fit
from fairlead_proxy.server.limits import Limits


def test_enough_descriptors_change_nothing() -> None:
    limits = Limits(max_connections=1000)
    assert fit(limits, 1_048_576) is limits


def test_few_descriptors_leave_room_for_upstreams() -> None:
    fitted = fit(Limits(max_connections=1000, max_in_flight=1000), 264)
    assert (fitted.max_connections, fitted.max_in_flight) == (100, 100)


def test_no_limit_at_all_changes_nothing() -> None:
    limits = Limits()
    assert fit(limits, -1) is limits
