"""Probes: when, and what their answers mean."""

import asyncio
from random import Random

import msgspec
import pytest
from doubles.gateway_rig import NoSigners, config, provider
from doubles.scripted_transport import HANG, Answer, ScriptedTransport, error, hanging, unreachable
from doubles.virtual_time import EPOCH, run_virtual, unix_now

from fairlead_proxy.contract.cell import Cell
from fairlead_proxy.contract.config import ActiveHealth, Provider
from fairlead_proxy.contract.keys import KeyRing
from fairlead_proxy.contract.linked import GatewayConfig
from fairlead_proxy.contract.names import BreakerState, FailureClass, Mode, ProbeMode
from fairlead_proxy.contract.report import Observation, ProbeResult
from fairlead_proxy.exchange.outcome import Outcome
from fairlead_proxy.exchange.record import CallRecord
from fairlead_proxy.upstream.berths import SignerChoice
from fairlead_proxy.upstream.probe_budget import ProbeBudget
from fairlead_proxy.upstream.prober import Prober
from fairlead_proxy.upstream.signing.token_endpoint import Granted
from fairlead_proxy.upstream.signing.token_signer import TokenSigner

MODELS = Answer(body=[b'{"object": "list", "data": []}'])


def probed_config(mode: ProbeMode = ProbeMode.LIST_MODELS) -> GatewayConfig:
    """Return a configuration of one provider with two keys, which is probed every 30 s."""
    from_keys = provider("a", credentials=["one", "two"])
    return config([msgspec.structs.replace(from_keys, active=ActiveHealth(mode=mode, interval_seconds=30.0))])


class Tokens:
    """Signs for every key with token-1, token-2, …, for an hour each."""

    def __init__(self) -> None:
        self.given = 0
        self.tasks: list[object] = []
        self.signer = TokenSigner(self._fetch, unix_now, self.tasks.append)

    def of(self, provider: Provider, key: str) -> TokenSigner:
        return self.signer

    async def _fetch(self) -> Granted:
        self.given += 1
        return Granted(f"token-{self.given}", 3600.0)


class NoCalls:
    """See ProbeBooks: here nothing is asked by a real call."""

    def begin_probe(self, cell: Cell, now: float) -> bool:
        raise AssertionError(f"{cell} was asked by a real call")

    def end_probe(self, record: CallRecord, outcome: Outcome) -> None:
        raise AssertionError(f"{outcome.cell} was asked by a real call")


class Rig:
    """Make it inside `run_virtual`; only credential `one` has a key unless told otherwise."""

    def __init__(
        self,
        *answers: Answer,
        mode: ProbeMode = ProbeMode.LIST_MODELS,
        keys: tuple[str, ...] = ("one",),
        signers: SignerChoice | None = None,
    ) -> None:
        self.transport = ScriptedTransport({"team/a": list(answers)})
        self.results: list[ProbeResult] = []
        self.duties: frozenset[str] = frozenset({"team/a"})
        self.ailing: frozenset[str] = frozenset()
        self.observations: tuple[Observation, ...] = ()
        self.config = probed_config(mode)
        self.keys = KeyRing(credentials={f"team/a/{name}": f"sk-{name}" for name in keys})
        self.prober = Prober(
            transports=self.transport,
            signers=signers or NoSigners(),
            books=NoCalls(),
            budget=ProbeBudget("proxy-1"),
            config=lambda: (self.config, self.keys),
            duties=lambda: self.duties,
            ailing=lambda: self.ailing,
            observations=lambda now: self.observations,
            probed=self.results.append,
            clock=unix_now,
            steady=asyncio.get_running_loop().time,
            rng=Random(1),
        )

    async def run(self, seconds: float) -> None:
        self.prober.start()
        await asyncio.sleep(seconds)
        await self.prober.stop()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (MODELS, None),
        (error(404), None),
        (error(400), None),
        (error(301), None),
        (Answer(body=[HANG]), None),
        (error(401), FailureClass.CREDENTIAL_REJECTED),
        (error(403), FailureClass.CREDENTIAL_REJECTED),
        (error(429), FailureClass.RATE_LIMITED),
        (error(429, "insufficient_quota"), FailureClass.QUOTA_EXHAUSTED),
        (error(500), FailureClass.SERVER_ERROR),
        (error(503), FailureClass.OVERLOADED),
        (unreachable(), FailureClass.UNREACHABLE),
        (hanging(), FailureClass.TIMEOUT),
    ],
)
def test_answer_means(answer: Answer, reason: FailureClass | None) -> None:
    async def main() -> None:
        rig = Rig(answer)
        await rig.run(5.2)
        assert {(one.provider, one.credential, one.reason) for one in rig.results} == {("team/a", "one", reason)}

    run_virtual(main())


def test_probe_asks_for_the_models_with_the_key_of_the_credential() -> None:
    async def main() -> None:
        rig = Rig(MODELS, keys=("one", "two"))
        await rig.run(1.0)
        assert {(request.lane.method, request.lane.path) for request in rig.transport.requests} == {("GET", "/models")}
        sent = {dict(request.lane.headers)["authorization"] for request in rig.transport.requests}
        assert sent == {"Bearer sk-one", "Bearer sk-two"}
        assert all(errand.over for errand in rig.transport.errands)

    run_virtual(main())


def test_a_token_that_a_probe_is_refused_with_is_not_used_again() -> None:
    async def main() -> None:
        rig = Rig(MODELS, error(401), error(401), MODELS, signers=Tokens())
        rig.ailing = frozenset({"team/a/one"})  # every 5 s
        await rig.run(27.0)
        sent = [dict(request.lane.headers)["authorization"] for request in rig.transport.requests]
        assert sent[:4] == ["Bearer token-1", "Bearer token-1", "Bearer token-2", "Bearer token-3"]
        assert set(sent[4:]) == {"Bearer token-3"}
        rejected = FailureClass.CREDENTIAL_REJECTED
        assert [result.reason for result in rig.results[:4]] == [None, rejected, rejected, None]

    run_virtual(main())


def test_well_provider_is_probed_at_its_interval() -> None:
    async def main() -> None:
        rig = Rig(MODELS)
        await rig.run(100.0)
        assert len(rig.results) == 4

    run_virtual(main())


def test_ailing_provider_is_probed_every_five_seconds() -> None:
    async def main() -> None:
        rig = Rig(error(500))
        await rig.run(21.0)
        assert 4 <= len(rig.results) <= 5

    run_virtual(main())


def test_open_breaker_makes_probes_more_frequent() -> None:
    async def main() -> None:
        rig = Rig(MODELS)
        rig.observations = (
            Observation(
                provider="team/a", credential="one", model="m", mode=Mode.PLAIN, breaker=BreakerState.OPEN, until=EPOCH
            ),
        )
        await rig.run(21.0)
        assert 4 <= len(rig.results) <= 5

    run_virtual(main())


def test_what_ails_another_proxy_makes_probes_of_that_credential_more_frequent() -> None:
    async def main() -> None:
        rig = Rig(MODELS, keys=("one", "two"))
        rig.ailing = frozenset({"team/a/two"})
        await rig.run(21.0)
        probed = [result.credential for result in rig.results]
        assert probed.count("one") == 1
        assert 4 <= probed.count("two") <= 5

    run_virtual(main())


def test_probe_waits_for_the_time_that_calls_were_given() -> None:
    async def main() -> None:
        rig = Rig(MODELS)
        rig.observations = (
            Observation(
                provider="team/a",
                credential="one",
                model="m",
                mode=Mode.PLAIN,
                breaker=BreakerState.OPEN,
                until=EPOCH + 12.0,
                retry_after=True,
            ),
        )
        await rig.run(14.0)
        assert [one.at >= EPOCH + 12.0 for one in rig.results] == [True]

    run_virtual(main())


def test_probe_waits_for_the_time_that_it_was_given_itself() -> None:
    async def main() -> None:
        rig = Rig(error(429, "", ("retry-after", "20")), MODELS)
        await rig.run(19.0)
        (result,) = rig.results
        assert result.until == pytest.approx(EPOCH + 20.0, abs=1.0)
        await rig.run(3.0)
        assert len(rig.results) == 2

    run_virtual(main())


def test_nothing_is_probed_without_duty_without_key_or_against_the_providers_settings() -> None:
    async def main() -> None:
        without_duty, without_key, unwanted = Rig(MODELS), Rig(MODELS, keys=()), Rig(MODELS, mode=ProbeMode.NONE)
        without_duty.duties = frozenset()
        for rig in (without_duty, without_key, unwanted):
            await rig.run(60.0)
            assert rig.transport.requests == []

    run_virtual(main())


def test_stopping_ends_probes_under_way() -> None:
    async def main() -> None:
        rig = Rig(hanging())
        await rig.run(1.0)
        assert rig.transport.cut == 1
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run_virtual(main())
