"""The long polls to proxies: what they hear, what they hand out, and how they outlive faults."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from doubles.eventually import eventually
from doubles.stub_proxy import StubProxy

from fairlead_operator.cluster.proxy_reports import Endpoint, ProxyReports
from fairlead_proxy.contract.report import Duties


class Changes:
    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


@pytest.fixture
def changes() -> Changes:
    return Changes()


@pytest.fixture
async def reports(changes: Changes) -> AsyncIterator[ProxyReports]:
    hearing = ProxyReports(clock=time.time, on_change=changes, wait_seconds=20.0)
    yield hearing
    await hearing.close()


def revision(reports: ProxyReports, name: str) -> str:
    heard = reports.heard(name)
    return heard.report.revision if heard else ""


async def test_the_first_report_comes_at_once(reports: ProxyReports, changes: Changes) -> None:
    async with StubProxy() as proxy:
        reports.watch({"one": Endpoint(proxy.address, "token")})
        await eventually(lambda: revision(reports, "one") == "r-1", within_seconds=3)
    assert changes.count == 1


async def test_a_change_is_heard_while_the_request_waits(reports: ProxyReports, changes: Changes) -> None:
    async with StubProxy() as proxy:
        reports.watch({"one": Endpoint(proxy.address, "token")})
        await eventually(lambda: len(proxy.requests) == 2)
        await proxy.tell(revision="r-2")
        await eventually(lambda: revision(reports, "one") == "r-2", within_seconds=3)
    assert changes.count >= 2


async def test_an_unchanged_report_renews_the_time_but_is_no_change(changes: Changes) -> None:
    ticks = iter(range(1000))
    reports = ProxyReports(clock=lambda: float(next(ticks)), on_change=changes, wait_seconds=0.05)
    async with StubProxy() as proxy:
        reports.watch({"one": Endpoint(proxy.address, "token")})
        await eventually(lambda: (heard := reports.heard("one")) is not None and heard.heard_at >= 3)
        await reports.close()
    assert changes.count == 1


async def test_changed_duties_are_sent_without_waiting_for_the_poll_to_end(reports: ProxyReports) -> None:
    async with StubProxy() as proxy:
        reports.watch({"one": Endpoint(proxy.address, "token")})
        await eventually(lambda: len(proxy.requests) == 2)
        reports.give_duties({"one": Duties(probe=("default/fast",))})
        await eventually(lambda: proxy.requests[-1].duties == Duties(probe=("default/fast",)), within_seconds=3)


async def test_duties_go_with_every_request_so_that_they_never_expire() -> None:
    reports = ProxyReports(clock=time.time, on_change=lambda: None, wait_seconds=0.05)
    async with StubProxy() as proxy:
        reports.watch({"one": Endpoint(proxy.address, "token")})
        reports.give_duties({"one": Duties(replicas=3)})
        await eventually(lambda: [asked.duties for asked in proxy.requests].count(Duties(replicas=3)) >= 3)
        await reports.close()


async def test_a_proxy_that_goes_hears_at_once_whether_it_is_retired_and_does_nothing_more_for_others(
    reports: ProxyReports,
) -> None:
    async with StubProxy() as proxy:
        reports.watch({"one": Endpoint(proxy.address, "token")})
        await eventually(lambda: len(proxy.requests) == 2)
        reports.see_out({"one": True, "unknown": False})
        await eventually(lambda: proxy.requests[-1].duties == Duties(retired=True), within_seconds=3)
        given = Duties(replicas=3, probe=("default/fast",), ailing=("default/fast/main",))
        reports.give_duties({"one": given})
        await eventually(lambda: proxy.requests[-1].duties == Duties(replicas=3, retired=True), within_seconds=3)
        reports.see_out({"one": False})
        await eventually(lambda: proxy.requests[-1].duties == Duties(replicas=3), within_seconds=3)
        reports.see_out({})
        await eventually(lambda: proxy.requests[-1].duties == given, within_seconds=3)


async def test_a_proxy_that_comes_back_is_heard_from_its_first_sequence() -> None:
    reports = ProxyReports(clock=time.time, on_change=lambda: None, wait_seconds=0.5)
    proxy = StubProxy()
    await proxy.start()
    port = int(proxy.address.rpartition(":")[2])
    await proxy.tell(revision="r-9")
    await proxy.tell(revision="r-10")
    reports.watch({"one": Endpoint(proxy.address, "token")})
    await eventually(lambda: revision(reports, "one") == "r-10")
    await proxy.stop()
    again = StubProxy()
    await again.start(port=port)
    await eventually(lambda: revision(reports, "one") == "r-1")
    await reports.close()
    await again.stop()


async def test_a_lost_proxy_keeps_its_last_report_with_the_time_it_was_heard(
    reports: ProxyReports, changes: Changes
) -> None:
    proxy = StubProxy()
    await proxy.start()
    reports.watch({"one": Endpoint(proxy.address, "token")})
    await eventually(lambda: revision(reports, "one") == "r-1")
    await proxy.stop()
    await eventually(lambda: changes.count == 2)
    assert revision(reports, "one") == "r-1"


async def test_a_wrong_token_brings_no_report_and_the_right_one_does(reports: ProxyReports) -> None:
    async with StubProxy() as proxy:
        reports.watch({"one": Endpoint(proxy.address, "wrong")})
        await eventually(lambda: proxy.refused)
        assert reports.heard("one") is None
        reports.watch({"one": Endpoint(proxy.address, "token")})
        await eventually(lambda: revision(reports, "one") == "r-1")


async def test_a_unix_socket_is_heard_too(reports: ProxyReports, tmp_path: Path) -> None:
    proxy = StubProxy()
    await proxy.start(unix_path=str(tmp_path / "admin.sock"))
    reports.watch({"one": Endpoint(proxy.address, "token")})
    await eventually(lambda: revision(reports, "one") == "r-1")
    await proxy.stop()


async def test_fragments_are_listed_only_when_asked_for(reports: ProxyReports) -> None:
    async with StubProxy() as proxy:
        await proxy.tell(fragments={"RoutePolicy/default/smart": "abc"})
        reports.watch({"one": Endpoint(proxy.address, "token")})
        await eventually(lambda: revision(reports, "one") == "r-1")
        heard = reports.heard("one")
        assert heard is not None
        assert heard.report.fragments is None
        reports.ask_fragments("one")
        await eventually(lambda: (now := reports.heard("one")) is not None and now.report.fragments)
        await eventually(lambda: not proxy.requests[-1].fragments)


async def test_a_proxy_that_is_no_longer_watched_is_forgotten(reports: ProxyReports) -> None:
    async with StubProxy() as proxy:
        reports.watch({"one": Endpoint(proxy.address, "token")})
        await eventually(lambda: reports.heard("one"))
        reports.watch({})
        assert reports.heard("one") is None


def test_the_token_stands_in_no_repr() -> None:
    assert "sesame" not in repr(Endpoint("http://127.0.0.1:1", "sesame"))
