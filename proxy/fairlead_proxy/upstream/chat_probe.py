"""A probe that is a real call: the smallest there is, by the way that callers' calls take, with nobody to answer."""

import asyncio
from collections.abc import Callable
from random import Random
from typing import Protocol

import msgspec

from fairlead_proxy.contract.cell import Cell
from fairlead_proxy.contract.config import Credential, Model, Provider, Rule, Target
from fairlead_proxy.contract.keys import KeyRing
from fairlead_proxy.contract.linked import Step
from fairlead_proxy.contract.names import FailureClass, Mode, Operation, ProviderType
from fairlead_proxy.dialects.registry import OPENAI_CHAT
from fairlead_proxy.exchange.outcome import Outcome
from fairlead_proxy.exchange.record import CallRecord
from fairlead_proxy.upstream.attempt import Attempt
from fairlead_proxy.upstream.berths import Berths, SignerChoice, TransportChoice
from fairlead_proxy.upstream.reply import Reply

CHAT_DEADLINE_SECONDS = 10.0
"""Of a whole probe, connecting included. A default: meanwhile a breaker that is half open lets no caller's through."""

PROBE_CALLER = "fairlead:probe"
"""Who called, as the ledger has it. No key and no account of Kubernetes can be named so."""

_RULE = Rule(name="probe")
_PROMPT = "ping"
_NEW_LIMIT, _OLD_LIMIT = "max_completion_tokens", "max_tokens"
_KNOW_NEW_LIMIT = frozenset({ProviderType.OPENAI, ProviderType.AZURE_OPENAI})
"""Their newer models refuse the older name, and other servers may not know the newer one: their answer had no limit.

Source: https://platform.openai.com/docs/api-reference/chat/create#chat-create-max_completion_tokens
"""


class ProbeBooks(Protocol):
    """Who lets a probe through, and is told of it as of any attempt: `Gear`."""

    def begin_probe(self, cell: Cell, now: float) -> bool:
        """Say whether it may begin; if so it ends in one `end_probe`."""
        ...

    def end_probe(self, record: CallRecord, outcome: Outcome) -> None: ...


class ChatProbes:
    """Makes them. Instants are Unix seconds on `unix`; `steady` is a clock that only goes on."""

    def __init__(
        self,
        transports: TransportChoice,
        signers: SignerChoice,
        books: ProbeBooks,
        unix: Callable[[], float],
        steady: Callable[[], float],
        rng: Random,
    ) -> None:
        self.unix, self.steady = unix, steady
        self._transports, self._signers, self._books = transports, signers, books
        self._rng = rng

    async def ask(
        self, revision: str, keys: KeyRing, provider: Provider, credential: Credential, model: Model, mode: Mode
    ) -> Outcome | None:
        """Make one and return what came of it, booked; None where none is let through now. Its key is in the ring.

        Raises whatever fault of ours ended it.
        """
        step = Step.of(Target(provider=provider.id, model=model.name), provider, model, credential)
        began = self.unix()
        record = CallRecord(
            call=f"{self._rng.getrandbits(80):020x}",
            request_id="",
            tenant=provider.namespace,
            caller=PROBE_CALLER,
            revision=revision,
            operation=Operation.CHAT,
            started_at=began,
        )
        berth = Berths(keys, self._transports, self._signers).of(step, mode, _RULE, OPENAI_CHAT)
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        attempt = Attempt(
            berth,
            berth.passage,
            OPENAI_CHAT.read_request(probe_body(provider.type, model, mode)),
            berth.passage.passed_headers({}),
            Reply(OPENAI_CHAT, NoOne(), record),
            self,
            set(),
            lambda: None if ended.done() else ended.set_result(None),
        )
        if not self._books.begin_probe(berth.cell, began):
            return None
        try:
            async with asyncio.timeout(CHAT_DEADLINE_SECONDS):
                attempt.begin(_Unwatched())
                await ended
        except TimeoutError:
            late = FailureClass.FIRST_TOKEN_TIMEOUT if mode is Mode.STREAM else FailureClass.TIMEOUT
            attempt.interrupt(late, "the probe was not answered in time")
        finally:
            attempt.interrupt(FailureClass.CLIENT_GONE, "this proxy ends")  # nothing, where it has ended
            record.ended_at = self.unix()
            outcome = attempt.outcome(began, record.ended_at)
            self._books.end_probe(record, outcome)
        if attempt.fault is not None:
            raise attempt.fault
        return outcome


def probe_body(type_: ProviderType, model: Model, mode: Mode) -> bytes:
    """Return a probe as a caller of OpenAI's dialect would ask: one token about as little as can be said."""
    return msgspec.json.encode(
        {
            "model": model.name,
            "messages": [{"role": "user", "content": _PROMPT}],
            _NEW_LIMIT if type_ in _KNOW_NEW_LIMIT else _OLD_LIMIT: 1,
            "stream": mode is Mode.STREAM,
        }
    )


class NoOne:
    """See Sink: nobody waits for the answer."""

    started = full = False

    def answer(self, status: int, headers: bytes, body: bytes) -> None:
        self.started = True

    def head(self, status: int, headers: bytes) -> None:
        self.started = True

    def write(self, chunk: bytes) -> None:
        """It goes nowhere."""

    def end(self) -> None:
        """Nobody waits for it."""

    def abort(self) -> None:
        """Nobody would notice."""

    def when_room(self, call: Callable[[], None]) -> None:
        call()

    def when_lost(self, call: Callable[[], None] | None) -> None:
        """Who was never there does not leave."""


class _Unwatched:
    """See Progress: there is one deadline for all of it, and no one else waits."""

    heard_at = 0.0

    def first_byte(self) -> None:
        """Nothing is waited for apart."""

    def wait_again(self, now: float) -> None:
        """See `first_byte`."""

    def commit(self, now: float) -> None:
        """See `first_byte`."""

    def pause(self) -> None:
        """See `first_byte`."""

    def resume(self, now: float) -> None:
        """See `first_byte`."""

    def done(self) -> None:
        """See `first_byte`."""
