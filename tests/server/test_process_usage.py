"""What a process tells of the tokens that it booked today, and of its life."""

import time
from pathlib import Path

import msgspec
from doubles.mounted_config import PlainDirectory
from doubles.processes import eventually
from doubles.proxy_process import ProxyProcess, proxy_process, standard_config

from fairlead_proxy.contract.report import ProxyReport
from fairlead_proxy.contract.usage_of_day import day_of


def report(proxy: ProxyProcess) -> ProxyReport:
    return msgspec.convert(proxy.admin("/report", {}), ProxyReport)


def heard_after(proxy: ProxyProcess, before: ProxyReport) -> ProxyReport:
    """Return the first report that tells another usage."""
    found = [before]

    def another() -> bool:
        found.append(report(proxy))
        return found[-1].usage != before.usage

    eventually(another, within=10)
    return found[-1]


def test_calls_of_today_are_in_the_next_report_and_are_no_news(tmp_path: Path) -> None:
    with proxy_process(tmp_path) as proxy:
        fresh = report(proxy)
        assert fresh.usage is not None
        assert (fresh.usage.day, fresh.usage.providers) == (day_of(time.time()), {})
        answers = [proxy.call()["usage"]]
        first = heard_after(proxy, fresh)  # which is also the first evidence of the provider's health: that is news
        answers += [proxy.call()["usage"] for _ in range(3)]
        second = heard_after(proxy, first)
        assert second.sequence == first.sequence
        assert second.usage is not None
        (provider,), (policy,) = second.usage.providers.values(), second.usage.policies.values()
        assert provider == policy
        assert provider.input_tokens == sum(answer["prompt_tokens"] for answer in answers)
        assert provider.output_tokens == sum(answer["completion_tokens"] for answer in answers)
        assert provider.unpriced == len(answers)


def test_a_process_that_is_started_again_is_another_life(tmp_path: Path) -> None:
    config: PlainDirectory = standard_config(tmp_path / "config")
    lives = []
    for _ in range(2):
        with proxy_process(tmp_path, config=config) as proxy:
            lives.append(report(proxy).started_at)
    assert lives[0] < lives[1] <= time.time()
