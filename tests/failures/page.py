"""docs/reference/failures.md: what a run of the matrix saw, one row for each failure, and how it is written."""

import fcntl
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from failures.demands import LIMITS, NATURE, SDK_OF, TIMEOUTS
from failures.house import Seen
from failures.listening import Answered
from failures.manifests import ALLOWING, ALONE, CALLERS
from failures.table import FAILURES, ODD, THEMES, WHOLE, Failure

from fairlead_proxy.contract.names import HEALTH_REASON, FailureClass

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "failures.md"

Rows = dict[str, str]
"""Lines of tables, by what stands in backticks in their first cell."""

INTRO = """# Failures

Written by a run of `tests/failures/test_matrix.py`, which compares it ever after; `make failures` writes it anew.
Every row was played to a running gateway, by a scripted provider with the body that its vendor documents, or by a
socket that misbehaves, and asked for by OpenAI's SDK (chat and Responses), Anthropic's and Google's.

- **Class** is what the attempt ended in: the decision record, metrics and `fallback.when` use the same word.
- **Blamed** is what counts as failed. Nobody is blamed for a call that is itself at fault. A provider that only a
  minority of the proxies cannot reach stays healthy; its condition then names those proxies: `EgressBroken`.
- **Then**: what a rule with a second target does. What failed rests, each model at each credential by itself: as long
  as the provider said, else for `health.passive.baseCooldown`, which doubles. It rests at once for a rate limit, a
  quota, a refused key and a missing model, else after `health.passive.consecutive` failures or at `errorRate`.
- **Healthy** is the reason of that condition once all of the provider rests.
- **Alone**: what its caller gets where no other target is left. What each SDK makes of it stands in the last table.

A caller never takes a part of an answer for the whole: it gets all of it and its proper end, or its SDK raises.
"""

BLAMED = {
    "CredentialRejected": "the credential",
    "RateLimited": "the credential, for this model",
    "QuotaExhausted": "the credential, for this model",
    "ModelUnavailable": "the model",
}
"""All else that blames, blames the provider."""

ABOUT = {
    "No connection": "Nothing of the call reached the provider.",
    "No answer, or none that is one": "In each of the five dialects, before any content has reached the caller.",
    "A stream that breaks after content": "In each of the five dialects, after three words have reached the caller.",
    ODD: "What looks wrong and is not: the answer is whole, and nobody is blamed.",
}
_HEAD = "| failure | class | blamed | then | `Healthy` | alone |\n|---|---|---|---|---|---|\n"
_SDK_HEAD = "| the caller gets | openai, chat | openai, Responses | anthropic | google-genai |\n|---|---|---|---|---|\n"
_KEY = re.compile(r"\| \[?`([^`]+)`")


def rows_of(failure: Failure, seen: Sequence[Seen]) -> Rows:
    """Return what a run saw of a failure as rows: its own, and those of what the SDKs made of it."""
    asked = [each for each in seen if each.cell.arrangement == ALONE]
    cells = [
        _name(failure),
        merged((each, f"`{each.outcomes[0]}`") for each in asked),
        merged((each, _blamed(each)) for each in asked),
        merged((each, _then(each, seen)) for each in asked),
        merged((each, _healthy(each)) for each in asked),
        merged((each, _told(each)) for each in asked),
    ]
    rows = {failure.name: _line(cells)}
    for key in {_told(each) for each in asked if each.cell.failure_class != WHOLE}:
        made = [
            {_made(each) for each in asked if _told(each) == key and each.cell.caller == caller} for caller in CALLERS
        ]
        rows[key.replace("`", "")] = _line([f"`{key.replace('`', '')}`", *(" or ".join(sorted(each)) for each in made)])
    return rows


def merged(told: Iterable[tuple[Seen, str]]) -> str:
    """Return what all of them say; else by mode, or by dialect where one differs."""
    by_mode: dict[str, set[str]] = {}
    by_dialect: dict[str, set[str]] = {}
    for seen, text in told:
        by_mode.setdefault(seen.cell.mode, set()).add(text)
        by_dialect.setdefault(seen.cell.dialect, set()).add(text)
    every = set().union(*by_mode.values())
    if len(every) == 1:
        return every.pop()
    if all(len(texts) == 1 for texts in by_mode.values()):
        return "; ".join(f"{mode}: {texts.pop()}" for mode, texts in sorted(by_mode.items()))
    usual = max(sorted(every), key=lambda text: sum(text in texts for texts in by_dialect.values()))
    other = [f"{name}: {', '.join(sorted(texts))}" for name, texts in by_dialect.items() if texts != {usual}]
    return "; ".join([usual, *other])


def read_page() -> Rows:
    """Return the rows of the page as it stands."""
    lines = PAGE.read_text().splitlines() if PAGE.exists() else []
    return {found[1]: line for line in lines if (found := _KEY.match(line)) and found[1] != "Healthy"}


def differences(rows: Rows) -> list[str]:
    """Return what the page says otherwise; with WRITE_FAILURES in the environment it is brought up to date."""
    if os.environ.get("WRITE_FAILURES"):
        _write(rows)
        return []
    stands = read_page()
    return [
        f"{PAGE.name}: {stands.get(key)}\nthis run:    {row}" for key, row in rows.items() if stands.get(key) != row
    ]


def _write(rows: Rows) -> None:
    """Other processes may do the same at once."""
    with PAGE.open("a") as page:
        fcntl.flock(page, fcntl.LOCK_EX)
        PAGE.write_text(rendered(read_page() | rows))


def rendered(rows: Mapping[str, str]) -> str:
    """Return the page that these rows make, in the order of the table."""
    text = INTRO
    for theme in THEMES:
        about = ABOUT.get(theme, f"As {theme} documents it; each name leads to the document.")
        lines = [rows[each.name] for each in FAILURES if each.theme == theme and each.name in rows]
        text += f"\n## {theme}\n\n{about}\n\n{_HEAD}" + "".join(f"{line}\n" for line in lines)
    names = {each.name for each in FAILURES}
    told = sorted(key for key in rows if key not in names and not _is_gone(key))
    lines = [rows[key] for key in told]
    return text + "\n## What each SDK makes of it\n\n" + _SDK_HEAD + "".join(f"{line}\n" for line in lines)


def _is_gone(key: str) -> bool:
    """Say whether this was the name of a failure that is not in the table any more."""
    return re.fullmatch(r"[a-z0-9-]+", key) is not None


def _name(failure: Failure) -> str:
    if failure.vendor is None:
        modes = {mode for each in failure.dialects for mode in ("plain", "stream") if failure.class_in(each, mode)}
        return f"`{failure.name}`: {failure.what}" + (f" ({modes.pop()})" if len(modes) == 1 else "")
    within = ", in a stream" if failure.vendor.frames else ""
    return f"[`{failure.name}`]({failure.vendor.source}), {failure.vendor.status}{within}"


def _blamed(seen: Seen) -> str:
    return BLAMED.get(seen.observed["reason"], "the provider") if seen.observed["failures"] else "nobody"


def _healthy(seen: Seen) -> str:
    reason = seen.observed["reason"]
    return f"`{HEALTH_REASON[FailureClass(reason)]}`" if reason else "–"


def _then(seen: Seen, every: Sequence[Seen]) -> str:
    cell = seen.cell
    alike = [each for each in every if (each.cell.dialect, each.cell.mode) == (cell.dialect, cell.mode)]
    parts = {each.cell.arrangement: _next(each) for each in alike if each.cell.arrangement != ALONE}
    told = [text if arrangement != ALLOWING else f"{_allowed(seen)}: {text}" for arrangement, text in parts.items()]
    vendor = cell.failure.vendor
    if seen.observed["breaker"] == "Open" and vendor is not None and vendor.retry_after_seconds is not None:
        told.append(f"rests for {vendor.retry_after_seconds:.0f} s, as it says")
    return "; ".join(told)


def _allowed(seen: Seen) -> str:
    return "with `midStream: Continue`" if seen.cell.failure.after else "with `contentFilter: Fallback`"


def _next(seen: Seen) -> str:
    if seen.cell.failure_class == WHOLE:
        return "nothing"
    if seen.outcomes[-1] == WHOLE:
        return "the next target goes on" if seen.cell.failure.after else "the next target answers"
    return "the stream ends with an error" if seen.cell.failure.after else "its caller is refused"


def _told(seen: Seen) -> str:
    """What the caller got, in words that do not depend on who it is."""
    if seen.cell.failure_class == WHOLE:
        return "all of it"
    if isinstance(seen.told, Answered):
        return "`200, filtered`"
    if seen.told.heard:
        return "`a timeout after content`" if seen.cell.failure_class in TIMEOUTS else "`an error after content`"
    if seen.cell.failure_class in NATURE:
        return f"`{seen.logged['code']}, the provider's words`"
    again = ", Retry-After" if seen.outcomes[-1] in LIMITS else ""
    return f"`{seen.logged['code']} {seen.logged['reason']}{again}`"


def _made(seen: Seen) -> str:
    told = seen.told
    if isinstance(told, Answered):
        return f"an answer without text, that ends as {told.stop}"
    shows = "status" if SDK_OF[seen.cell.caller] == "genai" else "type" if seen.cell.caller == "messages" else "code"
    return f"`{told.name}`" + ("" if seen.cell.failure_class in NATURE else f", {shows} `{told.code}`")


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
