"""The reference page of translation, written from what the dialects' code does with samples of everything."""

import json
from collections.abc import Iterable, Iterator

from doubles.dialect_samples import MODELS
from doubles.dialect_wishes import MEMBERS, WISHES, request_with

from fairlead_proxy.contract.dialects import CALLER_DIALECTS, TargetSort, dialect_of
from fairlead_proxy.contract.names import DialectName, Feature, Mode, Operation, ProviderType
from fairlead_proxy.decision.expression import EXPRESSES, missing_words
from fairlead_proxy.dialects.dialect import CallerDialect, InvalidCall
from fairlead_proxy.dialects.framing import ANTHROPIC_VERSION
from fairlead_proxy.dialects.registry import CALLERS, passage_of, provider_dialect
from fairlead_proxy.exchange.call import Named
from fairlead_proxy.exchange.conversation import Conversation
from fairlead_proxy.exchange.features import features_of

_TITLES: dict[DialectName, str] = {
    DialectName.OPENAI_CHAT: "OpenAI chat",
    DialectName.OPENAI_RESPONSES: "OpenAI Responses",
    DialectName.ANTHROPIC: "Anthropic Messages",
    DialectName.GEMINI: "Gemini",
    DialectName.BEDROCK: "Bedrock Converse",
}
_CHAT, _RESPONSES = Operation.CHAT, Operation.RESPONSES
_SORTS: dict[str, TargetSort] = {
    "OpenAI, `operations: [chat]`": (ProviderType.OPENAI, (_CHAT,), False),
    "OpenAI, `operations: [responses]`": (ProviderType.OPENAI, (_RESPONSES,), False),
    "OpenAI, `operations: [chat, responses]`": (ProviderType.OPENAI, (_CHAT, _RESPONSES), False),
    "OpenAICompatible or AzureOpenAI, `operations: [chat]`": (ProviderType.OPENAI_COMPATIBLE, (_CHAT,), False),
    "OpenAICompatible or AzureOpenAI, `operations: [responses]`": (ProviderType.AZURE_OPENAI, (_RESPONSES,), False),
    "Anthropic": (ProviderType.ANTHROPIC, (_CHAT,), False),
    "Gemini": (ProviderType.GEMINI, (_CHAT,), False),
    "VertexAI, a model of Google's": (ProviderType.VERTEX_AI, (_CHAT,), False),
    "VertexAI, a model of Anthropic's": (ProviderType.VERTEX_AI, (_CHAT,), True),
    "Bedrock": (ProviderType.BEDROCK, (_CHAT,), False),
    "Simulated": (ProviderType.SIMULATED, (_CHAT,), False),
}
_TYPE_OF = {
    DialectName.OPENAI_CHAT: ProviderType.OPENAI,
    DialectName.OPENAI_RESPONSES: ProviderType.OPENAI,
    DialectName.ANTHROPIC: ProviderType.ANTHROPIC,
    DialectName.GEMINI: ProviderType.GEMINI,
    DialectName.BEDROCK: ProviderType.BEDROCK,
}
_HEADERS = (
    *("traceparent", "tracestate", "anthropic-version", "anthropic-beta", "openai-beta", "openai-organization"),
    *("openai-project", "idempotency-key", "x-goog-user-project", "x-goog-api-client", "user-agent", "x-request-id"),
    *("authorization", "x-api-key", "x-goog-api-key", "cookie"),
)
"""What clients send, and what might be thought to reach a provider."""

_HEAD = """# Translation

Generated from what the code of the dialects does with samples, by `tests/architecture/translation.py`; run
`make generate`.

A caller speaks the API that its SDK was written for, and a target is spoken to in the API that its provider has. Where
both are the same, the bytes of the request and of the answer pass untouched, but for the model's name; members and
events that nobody here knows pass too. Where they are not, each side is read into one neutral vocabulary and written
from it. What a target has no words for is dealt with in one of two ways:

- Where the answer would not be what was asked for, the target is **skipped** for this call. If no target is left, the
  call gets a 400 that names the feature.
- Where it does no harm, it is left out, and **named**: in the decision record, as `lost` of the attempt.
"""


def translation_page() -> str:
    """Return the text of docs/reference/translation.md."""
    lines = [_HEAD, *_spoken(), *_counted(), *_features(), *_losses(), *_members(), *_headers()]
    return "\n".join(lines).rstrip("\n") + "\n"


def _spoken() -> Iterator[str]:
    yield "## Who is spoken to how\n"
    yield "Rows: the type of the provider. Columns: the caller's API. *Untouched*: the bytes pass.\n"
    yield from _head("provider", (_TITLES[caller] for caller in CALLER_DIALECTS))
    for words, sort in _SORTS.items():
        cells = (_way(dialect_of(sort, caller, _CHAT), caller) for caller in CALLER_DIALECTS)
        yield _row(words, cells)
    yield ""


def _counted() -> Iterator[str]:
    callers = [caller.name for caller in CALLERS if caller.operation is Operation.COUNT_TOKENS]
    yield "## Counting tokens\n"
    yield "`/v1/responses/input_tokens`, `/v1/messages/count_tokens` and Gemini's `:countTokens`, likewise.\n"
    yield from _head("provider", (_TITLES[caller] for caller in callers))
    for words, sort in _SORTS.items():
        cells = (_way(dialect_of(sort, caller, Operation.COUNT_TOKENS), caller) for caller in callers)
        yield _row(words, cells)
    yield ""


def _way(target: DialectName | None, caller: DialectName) -> str:
    if target is None:
        return "target skipped"
    return "*untouched*" if target is caller else _TITLES[target]


def _features() -> Iterator[str]:
    yield "## What is translated\n"
    yield "Columns: the API that the target is spoken to in. Text, turns and instructions are translated everywhere.\n"
    yield from _head("a request with", _TITLES.values())
    for feature in Feature:
        cells = ("yes" if feature in EXPRESSES[target] else "target skipped" for target in _TITLES)
        yield _row(feature.value, cells)
    yield ""


def _losses() -> Iterator[str]:
    models = ", ".join(dict.fromkeys(f"`{model}`" for model in MODELS.values()))
    yield "## What is left out and named\n"
    yield "Columns: the API that the target is spoken to in. *yes*: it is told; else a cell quotes what the decision"
    yield f"record then names. Some of it depends on the model: here {models}.\n"
    yield from _head("what a caller says", _TITLES.values())
    for words, conversation in WISHES.items():
        yield _row(words, (_lost(conversation, target) for target in _TITLES))
    yield ""


def _lost(conversation: Conversation, target: DialectName) -> str:
    if missing_words(target, features_of(conversation)):
        return "target skipped"
    written = provider_dialect(target, _CHAT).write_request(conversation, model=MODELS[target])
    return "; ".join(f"`{words}`" for words in written.lost) or "yes"


def _members() -> Iterator[str]:
    yield "## Members of a caller's request\n"
    yield "What becomes of each member where the target is of another API. *Translated*: as the tables above say. *Left"
    yield "out*: named in the decision record. *Own API only*: targets of another API are skipped, for the reason that"
    yield "is given; if none is left, the refusal quotes it. Members that no vendor documents are left out likewise.\n"
    for caller, members in MEMBERS.items():
        fates: dict[str, list[str]] = {}
        for member in members:
            fates.setdefault(_fate(caller, member), []).append(f"`{member}`")
        yield f"### {_TITLES[caller]}\n"
        yield from _head("member", ("becomes",))
        for fate, named in fates.items():
            yield _row(", ".join(named), (fate,))
        yield ""


def _fate(caller: DialectName, member: str) -> str:
    """Return what becomes of a member; what it is read into stands in the tables above."""
    body = json.dumps(request_with(caller, member)).encode()
    try:
        conversation = _dialect(caller).read_request(body, Named("m", Mode.PLAIN)).conversation
    except InvalidCall as invalid:
        return f"refused: {invalid}"
    if conversation.bound_to:
        return f"*own API only*: {'; '.join(conversation.bound_to)}"
    if conversation.left_out:
        return "*left out*"
    return "*translated*"


def _headers() -> Iterator[str]:
    yield "## Headers\n"
    yield "Which headers of a call reach the provider, beside those that it is always sent. Keys are the provider's"
    yield "own, never the caller's.\n"
    yield from _head("header", [*(f"{_TITLES[caller]}, untouched" for caller in CALLER_DIALECTS), "translated"])
    asked = {name: f"{name}-value" for name in _HEADERS}
    passed = [_passed(caller, caller, asked) for caller in CALLER_DIALECTS]
    passed.append(_passed(DialectName.OPENAI_CHAT, DialectName.ANTHROPIC, asked))
    for name in _HEADERS:
        yield _row(f"`{name}`", ("yes" if name in each else "no" for each in passed))
    yield ""
    yield f"Anthropic's API is always sent `anthropic-version`: where the caller names none, `{ANTHROPIC_VERSION}`."
    yield ""


def _dialect(name: DialectName) -> CallerDialect:
    """Return the dialect as its callers talk, not count."""
    return next(each for each in CALLERS if each.name is name and each.operation is not Operation.COUNT_TOKENS)


def _passed(caller: DialectName, target: DialectName, asked: dict[str, str]) -> set[str]:
    """Return the names of the headers that pass with the caller's own value."""
    passage = passage_of(_dialect(caller), target, _TYPE_OF[target])
    return {name for name, value in passage.passed_headers(asked) if value == asked.get(name)}


def _head(first: str, columns: Iterable[str]) -> Iterator[str]:
    names = [*columns]
    yield _row(first, names)
    yield "|---" * (len(names) + 1) + "|"


def _row(first: str, cells: Iterable[str]) -> str:
    return f"| {first} | {' | '.join(cells)} |"
