"""The life of one call: read, decide, attempt target after target until one answers, relay, settle."""

import asyncio

from fairlead_proxy.contract.config import Rule
from fairlead_proxy.contract.keys import KeyRing
from fairlead_proxy.contract.linked import GatewayConfig
from fairlead_proxy.contract.names import FailureClass, Mode
from fairlead_proxy.decision.decide import decide
from fairlead_proxy.dialects.dialect import CallerDialect, InvalidCall, ReadRequest
from fairlead_proxy.dialects.telling import Sequel
from fairlead_proxy.exchange.answers import INTERNAL_ERROR, exhausted, refused
from fairlead_proxy.exchange.call import ClientCall, Sink
from fairlead_proxy.exchange.errors import UpstreamFailure
from fairlead_proxy.exchange.facts import facts_of
from fairlead_proxy.exchange.record import CallRecord
from fairlead_proxy.gear import CALLER_LEFT, Gear
from fairlead_proxy.resilience.course import Course
from fairlead_proxy.resilience.watch import Watch
from fairlead_proxy.telemetry.faults import log_fault
from fairlead_proxy.upstream.attempt import Attempt
from fairlead_proxy.upstream.berths import Berths
from fairlead_proxy.upstream.reply import Reply


class Gateway:
    """Serves calls, one `begin` each."""

    def __init__(self, gear: Gear) -> None:
        self._gear = gear

    def adopt(self, config: GatewayConfig, keys: KeyRing) -> None:
        """See Gear."""
        self._gear.adopt(config, keys)

    def begin(
        self, config: GatewayConfig, keys: KeyRing, dialect: CallerDialect, call: ClientCall, sink: Sink
    ) -> "LiveCall":
        """Serve a call that came in this dialect, errors included: from here on its sink gets all that there is to get.

        `config` and `keys` are those it was admitted under: it goes on with them, whatever is in force by now.
        """
        record = CallRecord.of(call, config.revision, self._gear.unix())
        live = LiveCall(self._gear, call, record, Reply(dialect, sink, record))
        live.begin(config, keys)
        return live


class LiveCall:
    """One call under way: at most one attempt at a time, or the wait before a repeat. See UnderWay."""

    __slots__ = (
        "_attempt", "_berths", "_call", "_course", "_drained", "_gear", "_pause",
        "_record", "_reply", "_request", "_rule", "_sequel", "_watch",
    )  # fmt: skip

    _request: ReadRequest
    _rule: Rule
    _berths: Berths
    _course: Course

    def __init__(self, gear: Gear, call: ClientCall, record: CallRecord, reply: Reply) -> None:
        self._gear, self._call, self._record, self._reply = gear, call, record, reply
        self._sequel: Sequel | None = None
        self._attempt: Attempt | None = None
        self._watch: Watch | None = None
        self._pause: asyncio.TimerHandle | None = None
        self._drained = False

    def begin(self, config: GatewayConfig, keys: KeyRing) -> None:
        """Read the call, decide, and begin the first attempt; or answer at once."""
        gear, record, reply, now = self._gear, self._record, self._reply, self._record.started_at
        gear.call_began()
        try:
            request = self._request = reply.dialect.read_request(self._call.body, self._call.named)
            facts = record.facts = facts_of(self._call, request, config)
            plan = record.plan = decide(config, facts, gear.breakers.world(keys, now), gear.rng)
            if plan.route is None or not plan.steps:
                reply.answer(refused(plan.refusal, now))
                return self._close(now)
            self._rule = plan.route.rule
            self._berths = gear.berths_of(config, keys)
            self._course = gear.course(plan.route, plan.steps, request.mode, config.gateway.max_attempts, record)
            reply.sink.when_lost(self._left)
            self._advance(now)
        except InvalidCall as invalid:
            reply.answer(invalid.answer)
            self._close(now)
        except Exception as fault:  # one call's fault must not become the connection's, or the process's
            self._fail(fault)

    def cut_off(self) -> None:
        """See UnderWay."""
        self._drained = True
        self._abandon("cut off: this proxy ends")

    def _advance(self, now: float) -> None:
        """Make the next attempt; where there is none to make, answer by ourselves."""
        gear, course, reply, call = self._gear, self._course, self._reply, self._call
        steady = gear.steady()
        step = course.take(now, steady)
        if step is None:
            return self._give_up(now)
        berth = self._berths.of(step, self._request.mode, self._rule, reply.dialect)
        passage = berth.passage if self._sequel is None else berth.sequel_passage(self._sequel)
        more = passage.passed_headers(call.headers)
        attempt = Attempt(berth, passage, self._request, more, reply, gear, gear.refusing_usage, self._ended)
        self._attempt = attempt
        watch = self._watch = gear.watch(berth.cell, call.operation, course, attempt.interrupt, self._move_on)
        watch.start(steady, now)
        attempt.begin(watch)

    def _ended(self) -> None:
        """The attempt under way has ended: book it, and go on from what came of it."""
        attempt, watch, gear = self._attempt, self._watch, self._gear
        self._attempt = self._watch = None
        if attempt is None or watch is None:
            return
        now = gear.unix()
        try:
            gear.book_attempt(self._record, attempt.outcome(watch.started_at, now), counted=watch.overdue)
            if attempt.fault is not None:
                self._fail(attempt.fault)
            elif attempt.failure is None:
                self._close(now)
            else:
                self._go_on(attempt, attempt.failure, now)
        except Exception as fault:
            self._fail(fault)

    def _go_on(self, attempt: Attempt, failure: UpstreamFailure, now: float) -> None:
        """Go on after a failure: repeat, move to the next step, or end the call."""
        gear, reply, course = self._gear, self._reply, self._course
        if failure.failure is FailureClass.CLIENT_GONE:
            return self._leave(now)
        reply.note(failure)
        if reply.sink.started:
            self._sequel = gear.sequel(attempt, self._sequel, course)
        if self._sequel is None if reply.sink.started else not course.falls_back(failure.failure):
            return self._give_up(now)
        delay = course.repeat_delay(failure, gear.steady(), gear.rng)
        if delay is None:
            self._advance(now)
        else:
            self._pause = gear.loop.call_later(delay, self._try_again)

    def _try_again(self) -> None:
        self._pause = None
        try:
            self._advance(self._gear.unix())
        except Exception as fault:
            self._fail(fault)

    def _move_on(self) -> None:
        """End an attempt that waits for a provider which has stopped answering, if a later step may answer."""
        gear, attempt = self._gear, self._attempt
        failure = FailureClass.FIRST_TOKEN_TIMEOUT if self._request.mode is Mode.STREAM else FailureClass.TIMEOUT
        if attempt is not None and self._course.may_move_on(failure, gear.unix(), gear.steady()):
            attempt.interrupt(failure, "its provider has stopped answering")

    def _left(self) -> None:
        if self._attempt is None or not self._gear.drains(self._attempt, self._course, self._abandon):
            self._abandon(CALLER_LEFT)

    def _abandon(self, detail: str) -> None:
        """End whatever is under way, and with it the call."""
        if self._attempt is not None:
            self._attempt.interrupt(FailureClass.CLIENT_GONE, detail)
        elif self._pause is not None:
            self._pause.cancel()
            self._leave(self._gear.unix())

    def _leave(self, now: float) -> None:
        if self._drained:
            self._reply.cut_off()
        else:
            self._reply.left()
        self._close(now)

    def _give_up(self, now: float) -> None:
        """End a call that no target answered, or whose answer nobody goes on with."""
        record, reply = self._record, self._reply
        if not reply.end_with_what_there_is():
            reply.answer(exhausted(record.virtual_model, record.outcomes, self._course.retry_at(now), now))
        self._close(now)

    def _fail(self, fault: Exception) -> None:
        """A fault of ours: it ends the call, and nothing else."""
        if self._attempt is not None:
            return self._attempt.fail(fault)  # which books it, and comes back here
        log_fault(self._call.id, fault)
        self._reply.fail(INTERNAL_ERROR)
        self._close(self._gear.unix())

    def _close(self, now: float) -> None:
        """Book the call: its caller has all that it gets."""
        self._reply.sink.when_lost(None)
        self._record.ended_at = now
        self._gear.book_call(self._record)
