"""What every cell of the matrix must show: nothing here is read from the product but the names that users see."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from failures.house import Seen
from failures.listening import Answered, Raised
from failures.manifests import ALLOWING, ALONE, BACKUP_TEXT, COOLDOWN_SECONDS
from failures.table import SAID, WHOLE

WORDS = "alpha beta gamma delta epsilon"
NATURE = {"ContextLengthExceeded", "ContentFiltered", "InvalidRequest"}
"""The call's own: nobody is blamed, and the provider's words are its caller's."""
LIMITS = {"RateLimited", "QuotaExhausted"}
TIMEOUTS = {"Timeout", "FirstTokenTimeout", "StreamStalled"}
RAISED: dict[tuple[str, int], str] = {
    ("openai", 400): "openai.BadRequestError",
    ("openai", 413): "openai.APIStatusError",
    ("openai", 429): "openai.RateLimitError",
    ("openai", 502): "openai.InternalServerError",
    ("openai", 504): "openai.InternalServerError",
    ("anthropic", 400): "anthropic.BadRequestError",
    ("anthropic", 413): "anthropic.ContentTooLargeError",
    ("anthropic", 429): "anthropic.RateLimitError",
    ("anthropic", 502): "anthropic.InternalServerError",
    ("anthropic", 504): "anthropic.GatewayTimeoutError",
    ("genai", 400): "genai.ClientError",
    ("genai", 413): "genai.ClientError",
    ("genai", 429): "genai.ClientError",
    ("genai", 502): "genai.ServerError",
    ("genai", 504): "genai.ServerError",
}
"""What each SDK makes of a status."""
SDK_OF = {"chat": "openai", "responses": "openai", "messages": "anthropic", "gemini": "genai"}
BROKEN_OFF = {"openai": "openai.APIError", "anthropic": "anthropic.APIStatusError", "genai": "genai.ServerError"}
OWN_CODES: dict[tuple[str, int], str] = {
    ("openai", 429): "rate_limited",
    ("openai", 502): "upstream_failed",
    ("openai", 504): "upstream_timeout",
    ("anthropic", 429): "rate_limit_error",
    ("anthropic", 502): "api_error",
    ("anthropic", 504): "timeout_error",
    ("genai", 429): "RESOURCE_EXHAUSTED",
    ("genai", 502): "UNAVAILABLE",
    ("genai", 504): "DEADLINE_EXCEEDED",
}
"""The code or type of an answer of ours, as each SDK shows it."""


def faults_of(seen: Sequence[Seen]) -> list[str]:
    """Return what is not as it must be, cell by cell."""
    faults: list[str] = []
    for each in seen:
        try:
            check(each)
        except AssertionError as wrong:
            faults.append(f"{each.cell}: {wrong}")
    return faults


def check(seen: Seen) -> None:
    """Raise AssertionError for whatever is not as it must be."""
    assert seen.calls == 1, "an SDK asked again, though all targets had been tried"
    check_no_truncated_success(seen)
    check_attempts(seen)
    check_blame(seen)
    if seen.cell.failure_class == WHOLE:
        assert isinstance(seen.told, Answered), seen.told
        assert seen.told.text.strip() == WORDS
    elif seen.cell.failure.after:
        check_broken_off(seen)
    elif is_answered_by_backup(seen):
        assert isinstance(seen.told, Answered), seen.told
        assert seen.told.text.strip() == BACKUP_TEXT
        assert seen.logged["attempts"] == 2
    elif seen.cell.failure_class in NATURE:
        check_refusal(seen)
    else:
        check_own_words(seen)


def is_answered_by_backup(seen: Seen) -> bool:
    if seen.cell.failure_class == "ContentFiltered":
        return seen.cell.arrangement == ALLOWING
    return seen.cell.arrangement != ALONE and seen.cell.failure_class != "InvalidRequest"


def check_no_truncated_success(seen: Seen) -> None:
    """What an application takes for an answer is whole, or says that it was filtered."""
    told = seen.told
    if isinstance(told, Raised):
        return
    if told.stop == "filtered":
        assert (told.text, seen.cell.failure_class) == ("", "ContentFiltered")
        return
    assert told.stop == "end", told
    continued = f"{SAID} {BACKUP_TEXT}"
    assert told.text.strip() in (WORDS, BACKUP_TEXT, continued), told


def check_attempts(seen: Seen) -> None:
    found, failure = seen.cell.failure_class, seen.cell.failure
    goes_on = seen.cell.arrangement == ALLOWING if failure.after else is_answered_by_backup(seen)
    assert seen.outcomes == [found, *(["Answered"] if goes_on and found != WHOLE else [])]
    first = seen.attempts[0]
    assert first["target"] == f"default/{seen.cell.place}/{seen.cell.rule}"
    assert first["committed"] is (failure.after or found == WHOLE)
    if failure.vendor is not None:
        assert first["retry_after_seconds"] == failure.vendor.retry_after_seconds
        assert first["status"] == failure.vendor.status


def check_blame(seen: Seen) -> None:
    """A failure that blames rests what it blames, for as long as the vendor says, or else as the provider's owner."""
    found, observed = seen.cell.failure_class, seen.observed
    if found in NATURE or found == WHOLE:
        assert (observed["failures"], observed["breaker"], observed["reason"]) == (0, "Closed", None)
        return
    assert (observed["failures"], observed["breaker"], observed["reason"]) == (1, "Open", found)
    rests = observed["until"] - observed["last_attempt"]
    vendor = seen.cell.failure.vendor
    hinted = None if vendor is None else vendor.retry_after_seconds
    if hinted is not None:
        assert observed["retry_after"] is True
        assert abs(rests - hinted) < 1
    else:
        assert COOLDOWN_SECONDS <= rests <= 1.2 * COOLDOWN_SECONDS


def check_broken_off(seen: Seen) -> None:
    """All of the content came; then another target went on, where the rule allows it, or the SDK raised."""
    told = seen.told
    if seen.cell.arrangement == ALLOWING:
        assert isinstance(told, Answered), told
        assert told.text.strip() == f"{SAID} {BACKUP_TEXT}"
        return
    assert isinstance(told, Raised), told
    assert told.heard.strip() == SAID
    assert told.name == BROKEN_OFF[SDK_OF[seen.cell.caller]]
    assert (seen.logged["code"], seen.logged["reason"]) == (200, seen.cell.failure_class)
    check_nothing_of_the_vendor(seen, told)


def check_own_words(seen: Seen) -> None:
    """Nobody answered: the answer is ours, in the caller's form, and says whether it is worth asking again."""
    told, found, sdk = seen.told, seen.cell.failure_class, SDK_OF[seen.cell.caller]
    assert isinstance(told, Raised), told
    status = 429 if found in LIMITS else 504 if found in TIMEOUTS else 502
    assert (told.status, told.name, told.code) == (status, RAISED[sdk, status], OWN_CODES[sdk, status])
    assert told.headers["x-should-retry"] == "false"
    assert told.headers["x-fairlead-attempts"] == "1"
    assert told.headers["x-fairlead-decision"] == seen.logged["call"]
    if status == 429:
        vendor = seen.cell.failure.vendor
        hinted = None if vendor is None else vendor.retry_after_seconds
        after = int(told.headers["retry-after"])
        assert after == hinted if hinted is not None else COOLDOWN_SECONDS <= after <= 1.2 * COOLDOWN_SECONDS + 1
    else:
        assert "retry-after" not in told.headers
    check_nothing_of_the_vendor(seen, told)


def check_refusal(seen: Seen) -> None:
    """The call's own nature: its caller gets what the provider said, in its own dialect byte for byte."""
    told, vendor, sdk = seen.told, seen.cell.failure.vendor, SDK_OF[seen.cell.caller]
    assert vendor is not None
    assert seen.logged["reason"] == seen.cell.failure_class
    if vendor.status == 200:
        assert told == Answered("", "filtered")
        return
    assert isinstance(told, Raised), told
    assert (told.status, told.name) == (vendor.status, RAISED[sdk, vendor.status])
    if seen.cell.speaks_alike:
        assert told.words.endswith(vendor.body.decode())
    else:
        assert any(text in told.words for text in texts_of(vendor.body))


def check_nothing_of_the_vendor(seen: Seen, told: Raised) -> None:
    vendor = seen.cell.failure.vendor
    for body in () if vendor is None else (vendor.body, *vendor.frames):
        for text in texts_of(body):
            assert text not in told.words


def texts_of(body: bytes) -> list[str]:
    """Return every sentence in a body, or in a frame: texts of two words and more."""
    found = body.find(b"{")
    try:
        content, _ = json.JSONDecoder().raw_decode(body[found:].decode("utf-8", "replace")) if found >= 0 else ("", 0)
    except ValueError:
        return []
    return [text for text in _texts_in(content) if " " in text]


def _texts_in(content: Any) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, dict | list):
        for each in content.values() if isinstance(content, dict) else content:
            yield from _texts_in(each)
