"""A real proxy over scripted providers of every type, what it spools, and callers who look at every byte."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from http.client import HTTPConnection, HTTPResponse, IncompleteRead
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
from billing.objects import CALLERS, PROVIDERS, SPOKEN_BY, objects
from billing.spooled import Counters, read_counters, read_spool
from doubles.compiled import read_inventory
from doubles.invoice import Line
from doubles.mounted_config import ADMIN_TOKEN, PlainDirectory
from doubles.processes import ScriptedUpstream, eventually, scripted_upstream
from doubles.proxy_process import ProxyProcess, proxy_process

from fairlead_bench.soak.speech import SPEECHES
from fairlead_operator.compiler.compile import compile_inventory
from fairlead_proxy.contract.usage_record import UsageRecord

MODES = ("plain", "stream")
_COST = re.compile(rb"^: x-fairlead-cost-usd: (\S+)$", re.MULTILINE)
_NUMBERS = count(1)


@dataclass(frozen=True)
class Cell:
    """One kind of caller, one provider, one mode."""

    caller: str
    provider: str
    mode: str

    @property
    def stream(self) -> bool:
        return self.mode == "stream"

    @property
    def alike(self) -> bool:
        """The bytes pass: caller and provider speak one dialect."""
        return CALLERS[self.caller] == SPOKEN_BY[self.provider]

    def __str__(self) -> str:
        return f"{self.caller}-{self.provider}-{self.mode}"


CELLS = [Cell(caller, provider, mode) for caller in CALLERS for provider in PROVIDERS for mode in MODES]
STREAMS = [cell for cell in CELLS if cell.stream]
ALIKE = [cell for cell in CELLS if cell.alike]
SOME = [*ALIKE, *(Cell("messages", "bedrock", mode) for mode in MODES)]
"""Where the dialects are alike; and Bedrock, which nobody calls in."""


@dataclass
class Got:
    """What a caller got. `cut`: it ended before HTTP's own end."""

    tag: str
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    cut: bool = False

    @property
    def decision(self) -> str:
        return self.headers["x-fairlead-decision"]

    @property
    def cost_nano(self) -> Decimal | None:
        """What the call cost, in nano-USD, as its caller was told; in streams by a comment at the end."""
        found = _COST.findall(self.body)
        told = self.headers.get("x-fairlead-cost-usd") or (found[-1].decode() if found else None)
        return None if told is None else Decimal(told) * 10**9


@dataclass
class House:
    upstream: ScriptedUpstream
    backup: ScriptedUpstream
    proxy: ProxyProcess
    spool: Path

    def ask(
        self, caller: str, model: str, *, stream: bool, prompt: str = "say something", timeout: float = 20, **more: Any
    ) -> Got:
        """Make a call, with these members of its body besides, and read all that comes of it."""
        tag, answer, connection = self._asked(caller, model, stream, prompt, timeout, more)
        try:
            return self._read(tag, answer)
        finally:
            connection.close()

    def leave(self, caller: str, model: str, *, after: bytes, prompt: str = "say something") -> Got:
        """Ask for a stream, and go once these bytes have come."""
        tag, answer, connection = self._asked(caller, model, True, prompt, 20, {})
        body = b""
        while after not in body:
            piece = answer.read1()
            assert piece, f"the stream ended without {after!r}: {body!r}"
            body += piece
        answer.close()
        connection.close()
        return Got(tag, answer.status, _headers(answer), body)

    def leave_at_once(self, caller: str, model: str, *, stream: bool) -> str:
        """Ask, wait until the provider has the request, and go; return the call's tag."""
        tag = _new_tag()
        connection, _ = self._send(tag, caller, model, stream, "say something", 20, {})
        eventually(lambda: self.lines(tag), within=5)
        connection.close()
        return tag

    def lines(self, tag: str) -> list[Line]:
        """Return the lines of the invoices that are of this call, in the order in which they were begun."""
        found = [line for each in (self.upstream, self.backup) for line in each.invoice(tag)]
        return sorted(found, key=lambda line: line.at)

    def settled_lines(self, tag: str, *, number: int = 1) -> list[Line]:
        """Return those lines once there are so many, and nothing more comes of any."""

        def settled() -> list[Line]:
            lines = self.lines(tag)
            return lines if len(lines) == number and all(line.answered for line in lines) else []

        return eventually(settled, within=10)

    def records(self, decision: str, *, number: int = 1) -> list[UsageRecord]:
        """Return the call's records, by attempt, once there are so many; more than that never come."""

        def booked() -> list[UsageRecord]:
            found = [record for record in read_spool(self.spool) if record.call == decision]
            return found if len(found) >= number else []

        found = sorted(eventually(booked, within=5), key=lambda record: record.attempt)
        assert [record.attempt for record in found] == list(range(1, number + 1)), found
        return found

    def booked(self) -> int:
        """Return how many records there are by now; see `records_since`."""
        return len(read_spool(self.spool))

    def records_since(self, booked: int, model: str, *, number: int = 1) -> list[UsageRecord]:
        """Return the records of a virtual model that came after so many others, once there are so many of them."""

        def found() -> list[UsageRecord]:
            records = [record for record in read_spool(self.spool)[booked:] if record.virtual_model == model]
            return records if len(records) >= number else []

        records = eventually(found, within=10)
        assert len(records) == number, records
        return records

    def counters(self) -> Counters:
        return read_counters(self.spool)

    def _asked(
        self, caller: str, model: str, stream: bool, prompt: str, timeout: float, more: Mapping[str, Any]
    ) -> tuple[str, HTTPResponse, HTTPConnection]:
        tag = _new_tag()
        connection, _ = self._send(tag, caller, model, stream, prompt, timeout, more)
        return tag, connection.getresponse(), connection

    def _send(
        self, tag: str, caller: str, model: str, stream: bool, prompt: str, timeout: float, more: Mapping[str, Any]
    ) -> tuple[HTTPConnection, str]:
        path, headers, body = SPEECHES[caller].ask(model, f"{tag} {prompt}", stream)
        connection = HTTPConnection("127.0.0.1", self.proxy.port, timeout=timeout)
        connection.request("POST", path, json.dumps({**body, **more}), {"content-type": "application/json", **headers})
        return connection, path

    def _read(self, tag: str, answer: HTTPResponse) -> Got:
        headers = _headers(answer)
        try:
            return Got(tag, answer.status, headers, answer.read())
        except IncompleteRead as cut:
            return Got(tag, answer.status, headers, cut.partial, cut=True)


@contextmanager
def billing_house(directory: Path) -> Iterator[House]:
    with scripted_upstream() as upstream, scripted_upstream() as backup:
        spool = directory / "spool"
        config = compiled_config(directory / "config", objects(upstream.port, backup.url))
        with proxy_process(directory, "--spool", str(spool), config=config) as proxy:
            yield House(upstream, backup, proxy, spool)


def compiled_config(directory: Path, documents: str) -> PlainDirectory:
    """Compile documents into a directory as a proxy mounts it. Raises AssertionError where any is not accepted."""
    compilation = compile_inventory(read_inventory(documents))
    faults = [f"{ref}: {each.accepted}" for ref, each in compilation.verdicts.items() if not each.fragments]
    gateway = compilation.gateways["default/main"]
    assert not faults, faults
    config = PlainDirectory(directory)
    config.publish(gateway.fragments)
    config.publish_keys(msgspec.structs.replace(gateway.keys, admin_tokens=(ADMIN_TOKEN,)))
    return config


def _headers(answer: HTTPResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in answer.getheaders()}


def _new_tag() -> str:
    return f"call-{next(_NUMBERS)}"
