"""The table of failures: what a provider does, in which dialects and modes, and the class that it must be of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from doubles.vendor_failures import VENDOR_FAILURES, VendorFailure

SAID = "alpha beta gamma"
"""What comes before a stream breaks after content, in more than one read of the socket."""

WHOLE = "Answered"
"""In the place of a class: the answer is good, however it looks."""

DIALECTS = ("openai-chat", "openai-responses", "anthropic-messages", "gemini", "bedrock-converse")

CHAT, RESPONSES, ANTHROPIC, GEMINI, BEDROCK = DIALECTS
PAYING = (CHAT, RESPONSES, ANTHROPIC, GEMINI)
ENDING = (CHAT, RESPONSES, ANTHROPIC, BEDROCK)
"""Those whose streams have an end of their own; Gemini's end with the body."""
NARROW = (CHAT, ANTHROPIC, BEDROCK)
"""Those whose events are refused from 1 or 2 MiB on; the others' may be as long as a plain answer."""


@dataclass(frozen=True)
class Failure:
    """`classes`: what its attempt must end in, by mode, for every dialect but those in `otherwise`. `behaviour`: of the
    scripted provider; `host`: of those that are not reached. `slow`: it takes a deadline to see it. `after`: it comes
    after content, in streams. `served`: vendors' failures, by the type of provider.
    """

    name: str
    theme: str
    what: str
    classes: Mapping[str, str]
    behaviour: Mapping[str, Any] = field(default_factory=dict)
    otherwise: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    dialects: tuple[str, ...] = DIALECTS
    host: str = ""
    slow: bool = False
    after: bool = False
    vendor: VendorFailure | None = None

    def __str__(self) -> str:
        return self.name

    def class_in(self, dialect: str, mode: str) -> str | None:
        """Return the class that it is of; None where it is not played in this mode."""
        return self.otherwise.get(dialect, self.classes).get(mode)


def _both(failure_class: str) -> dict[str, str]:
    return {"plain": failure_class, "stream": failure_class}


def _shape(name: str, theme: str, what: str, classes: dict[str, str], kind: str = "", **more: Any) -> Failure:
    told: dict[str, Any] = {key: more.pop(key) for key in ("status", "pace") if key in more}
    behaviour = {"kind": kind or name.replace("-", "_"), **told}
    if more.get("after"):
        behaviour |= {"before_tokens": len(SAID.split()), "pace": 0.05}
    return Failure(name, theme, what, classes, behaviour, **more)


def _hidden(name: str, what: str) -> Failure:
    return Failure(name, CONNECTING, what, _both("Unreachable"), host=name)


def _of_vendor(failure: VendorFailure) -> Failure:
    modes = ("plain", "stream") if failure.mode == "any" else (failure.mode,)
    classes = dict.fromkeys(modes, failure.failure_class)
    behaviour = {"kind": "vendor", "vendor": failure.name}
    return Failure(
        failure.name,
        failure.vendor,
        "",
        classes,
        behaviour,
        dialects=(failure.dialect,),
        vendor=failure,
    )


CONNECTING = "No connection"
BEFORE = "No answer, or none that is one"
AFTER = "A stream that breaks after content"
ODD = "Odd, and whole"
THEMES = ("OpenAI", "Azure", "Anthropic", "Gemini API", "Vertex AI", "Bedrock", CONNECTING, BEFORE, AFTER, ODD)

MALFORMED, BROKEN = _both("MalformedResponse"), {"stream": "StreamBroken"}

SHAPES: tuple[Failure, ...] = (
    _hidden("connection-refused", "nobody listens at the address"),
    _hidden("reset-on-accept", "TCP reset before a byte of the request is read"),
    _hidden("name-not-known", "DNS does not know the name"),
    _hidden("certificate-not-trusted", "TLS: the certificate is of an authority that is not trusted"),
    _hidden("no-tls-there", "TLS: the other side does not speak it"),
    _shape("reset", BEFORE, "TCP reset once the request is read", _both("Unreachable")),
    _shape("reset-in-head", BEFORE, "TCP reset within the answer's head", _both("Unreachable")),
    _shape("cut-head", BEFORE, "closed within the answer's head", _both("Unreachable")),
    _shape("hang", BEFORE, "no byte comes", {"plain": "Timeout", "stream": "FirstTokenTimeout"}, slow=True),
    _shape(
        "crawling-head",
        BEFORE,
        "the head comes a byte at a time, too slowly",
        {"plain": "Timeout", "stream": "FirstTokenTimeout"},
        "slow_head",
        pace=0.5,
        slow=True,
    ),
    _shape("reset-after-head", BEFORE, "TCP reset after the head", _both("StreamBroken")),
    _shape("payment-required", BEFORE, "402", _both("QuotaExhausted"), "status", status=402, dialects=PAYING),
    _shape("bad-gateway", BEFORE, "502", _both("ServerError"), "status", status=502),
    _shape("redirect", BEFORE, "302 to another address", MALFORMED),
    _shape("html", BEFORE, "200 with a page of HTML", MALFORMED),
    _shape("empty", BEFORE, "200 without a body", MALFORMED),
    _shape("garbage", BEFORE, "200 with half a document of JSON", MALFORMED),
    _shape("bomb", BEFORE, "200 with 64 KiB of gzip that are 64 MiB", MALFORMED),
    _shape(
        "error-in-200",
        BEFORE,
        "200 with an error for a body",
        _both("ErrorInStream"),
        otherwise={BEDROCK: MALFORMED},  # whose errors are told by a header
    ),
    _shape("stream-as-text", BEFORE, "a good stream as `text/plain`", {"stream": "MalformedResponse"}, "wrong_type"),
    _shape("cut-body", BEFORE, "closed within the body", {"plain": "StreamBroken"}),
    _shape("reset-in-body", BEFORE, "TCP reset within the body", {"plain": "StreamBroken"}),
    _shape("stall-in-body", BEFORE, "half of the body, and no more", {"plain": "Timeout"}, slow=True),
    _shape("more-in-body", BEFORE, "an answer with more behind it", {"plain": "MalformedResponse"}, "trailing"),
    _shape("error-first", BEFORE, "an error for the first event", {"stream": "ErrorInStream"}),
    _shape("cut-before", BEFORE, "closed before any content", BROKEN),
    _shape("end-before", BEFORE, "a clean end before any content", BROKEN),
    _shape("reset-before", BEFORE, "TCP reset before any content", BROKEN),
    _shape("stall-before", BEFORE, "begun, and no content comes", {"stream": "FirstTokenTimeout"}, slow=True),
    _shape("long-line", BEFORE, "an event longer than 1 MiB", {"stream": "MalformedResponse"}, dialects=NARROW),
    _shape("error-after", AFTER, "an error event", {"stream": "ErrorInStream"}, after=True),
    _shape("cut-after", AFTER, "closed", BROKEN, after=True),
    _shape("cut-in-frame", AFTER, "half an event, and a clean end", BROKEN, after=True),
    _shape("end-after", AFTER, "a clean end without the dialect's own", BROKEN, after=True),
    _shape("reset-after", AFTER, "TCP reset", BROKEN, after=True),
    _shape("stall-after", AFTER, "nothing more comes", {"stream": "StreamStalled"}, after=True, slow=True),
    _shape("garbage-frame", AFTER, "an event that is none", {"stream": "MalformedResponse"}, after=True),
    _shape("slow-head", ODD, "the head comes a byte at a time", _both(WHOLE), pace=0.001),
    _shape("slivers", ODD, "every chunk is seven bytes", _both(WHOLE)),
    _shape("unasked", ODD, "another answer behind it that nobody asked for", _both(WHOLE)),
    _shape("plain-as-text", ODD, "a good plain answer as `text/plain`", {"plain": WHOLE}, "wrong_type"),
    _shape("more-in-stream", ODD, "events after the end", {"stream": WHOLE}, "trailing", dialects=ENDING),
    _shape("no-done", ODD, "no `[DONE]` behind the finish reason", {"stream": WHOLE}, dialects=(CHAT,)),
    _shape("refuse-stream-options", ODD, "400 for `stream_options`", {"stream": WHOLE}, dialects=(CHAT,)),
)

FAILURES: tuple[Failure, ...] = (*map(_of_vendor, VENDOR_FAILURES.values()), *SHAPES)
