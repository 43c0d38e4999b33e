"""Reading a chat request whole, into words that every other dialect can be written from."""

import msgspec
from msgspec import Raw

from fairlead_proxy.contract.names import Mode
from fairlead_proxy.dialects.dialect import InvalidCall, ReadRequest
from fairlead_proxy.dialects.given_json import Given, read_given, short
from fairlead_proxy.dialects.json_text import UNREADABLE
from fairlead_proxy.dialects.notes import Notes
from fairlead_proxy.dialects.openai.offered_tools import read_tool_choice, read_tools
from fairlead_proxy.dialects.openai.turns import TurnReader
from fairlead_proxy.exchange.conversation import AnswerForm, Conversation, Sampling, Thinking

MAX_CHOICES = 128
"""Source: https://platform.openai.com/docs/api-reference/chat/create, "n"."""
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh")
_MAX_EFFORT = "max"
"""OpenAI's latest word, above all that this vocabulary has."""

_READ = frozenset(
    (
        *("model", "messages", "stream", "stream_options", "tools", "tool_choice", "parallel_tool_calls", "functions"),
        *("function_call", "response_format", "max_tokens", "max_completion_tokens", "stop", "temperature", "top_p"),
        *("top_k", "seed", "frequency_penalty", "presence_penalty", "logprobs", "top_logprobs", "n", "user"),
        *("safety_identifier", "reasoning_effort", "reasoning", "service_tier", "web_search_options", "modalities"),
    )
)
_BINDING = {
    "audio": "an answer by voice",
    "data_sources": "data sources that the provider itself searches",
    "guardrails": "guardrails of the provider's",
    "guided_choice": "answers of a given grammar",
    "guided_grammar": "answers of a given grammar",
    "guided_json": "answers of a given grammar",
    "guided_regex": "answers of a given grammar",
    "grammar": "answers of a given grammar",
    "logit_bias": "logit_bias, which counts a model's own tokens",
    "moderation": "moderation by the provider",
    "plugins": "plugins, which the provider itself runs",
    "provider": "where the provider may send the call",
    "safe_prompt": "a safety prompt of the provider's",
    "search_parameters": "a search that the provider itself runs",
    "structured_outputs": "answers of a given grammar",
}
"""What the caller would miss without a word, and the words for it.

Beside OpenAI's own: `data_sources` (https://learn.microsoft.com/azure/ai-foundry/openai/references/on-your-data),
`guided_…` and `structured_outputs` (https://docs.vllm.ai/en/latest/features/structured_outputs.html), `grammar`
(llama.cpp), `plugins` and `provider` (https://openrouter.ai/docs/features/provider-routing), `safe_prompt`
(https://docs.mistral.ai/capabilities/guardrailing/), `search_parameters` (https://docs.x.ai/docs/guides/live-search).
"""
_SAYS_NOTHING: tuple[object, ...] = (None, "", [], {}, False)
_READ_OPTIONS = frozenset({"include_usage"})
_READ_REASONING = frozenset({"effort", "max_tokens", "exclude", "enabled"})
_MEMBERS = msgspec.json.Decoder(dict[str, Raw])


def read_chat_conversation(request: ReadRequest) -> Conversation:
    """Return all that a request says; raise InvalidCall.

    Source: https://platform.openai.com/docs/api-reference/chat/create; `reasoning` and `top_k` are OpenRouter's
    (https://openrouter.ai/docs/api-reference/parameters), `top_k` also vLLM's.
    """
    asked = read_given(request.body)
    if asked.take("messages") is None:
        raise InvalidCall("missing required parameter: 'messages'", "messages")
    notes = Notes()
    reader = TurnReader(notes)
    turns = tuple(reader.read(message) for message in asked.objects("messages"))
    tools, own_tools = read_tools(asked)
    choice, own_choice = read_tool_choice(asked, tools)
    form, own_form = _form(asked)
    options, reasoning = asked.inner("stream_options"), asked.inner("reasoning")
    user, other_user = asked.text("user"), asked.text("safety_identifier")
    for members, known in ((asked, _READ.union(_BINDING)), (options, _READ_OPTIONS), (reasoning, _READ_REASONING)):
        if members is not None:
            members.leave_out_beside(known, notes)
    if user and other_user and user != other_user:
        notes.leave_out("safety_identifier")
    for words in (*_own_services(asked), *own_tools, *own_choice, *own_form):
        notes.bind_to(words)
    return Conversation(
        turns=turns,
        tools=tools,
        tool_choice=choice,
        parallel_tools=_parallel_tools(asked),
        max_tokens=asked.whole("max_completion_tokens", 1) or asked.whole("max_tokens", 1),
        stop=tuple(text for text in asked.texts("stop", or_one=True) if text),
        sampling=_sampling(asked),
        choices=asked.whole("n", 1, MAX_CHOICES) or 1,
        form=form,
        thinking=_thinking(asked),
        user=user or other_user or None,
        service_tier=asked.text("service_tier") or None,
        stream=request.mode is Mode.STREAM,
        left_out=notes.left_out,
        bound_to=notes.bound_to,
    )


def speaks_functions(request: ReadRequest) -> bool:
    """Say whether the caller offers its tools in the old form, and so expects a `function_call` in the answer."""
    if b'"functions"' not in request.body:
        return False
    try:
        members = _MEMBERS.decode(request.body)
    except UNREADABLE:
        return False
    return "functions" in members and "tools" not in members


def _parallel_tools(asked: Given) -> bool | None:
    """Return whether several tools may be called at once; an answer in the old form holds one call only."""
    said = asked.flag("parallel_tool_calls")
    return False if said is None and asked.objects("functions") and not asked.objects("tools") else said


def _sampling(asked: Given) -> Sampling:
    alternatives = asked.whole("top_logprobs", 0, 20)
    wants_chances = asked.flag("logprobs")
    if alternatives and not wants_chances:
        raise InvalidCall("'top_logprobs' needs 'logprobs' to be true: set it, or leave both out", "top_logprobs")
    top_k = asked.whole("top_k", -1)  # vLLM: -1 and 0 are no limit
    return Sampling(
        temperature=asked.number("temperature", 0, 2),
        top_p=asked.number("top_p", 0, 1),
        top_k=top_k if top_k is not None and top_k > 0 else None,
        seed=asked.whole("seed", -(2**63)),
        frequency_penalty=asked.number("frequency_penalty", -2, 2),
        presence_penalty=asked.number("presence_penalty", -2, 2),
        logprobs=(alternatives or 0) if wants_chances else None,
    )


def _form(asked: Given) -> tuple[AnswerForm | None, list[str]]:
    """Return the form of the answer; raise InvalidCall.

    Source: https://platform.openai.com/docs/guides/structured-outputs
    """
    form = asked.inner("response_format")
    if form is None:
        return None, []
    kind = form.needed_text("type")
    match kind:
        case "text":
            return None, []
        case "json_object":
            return AnswerForm(), []
        case "json_schema":
            described = form.inner("json_schema")
            if described is None:
                raise form.refuse_choice("json_schema", "an object with 'name' and 'schema'")
            return AnswerForm(
                described.json_object("schema"),
                described.text("name") or None,
                described.text("description") or None,
                described.flag("strict"),
            ), []
        case _:
            return None, [f"response_format of type {short(kind)}"]


def _thinking(asked: Given) -> Thinking | None:
    """Return how much to reason first: by OpenAI's `reasoning_effort`, or OpenRouter's `reasoning`
    (https://openrouter.ai/docs/use-cases/reasoning-tokens); raise InvalidCall.
    """
    effort, budget, excluded = _effort(asked, "reasoning_effort"), None, None
    reasoning = asked.inner("reasoning")
    if reasoning is not None:
        effort = effort or _effort(reasoning, "effort")
        budget, excluded = reasoning.whole("max_tokens", 0), reasoning.flag("exclude")
        enabled = reasoning.flag("enabled")
        if effort is None and budget is None and enabled is not None:
            effort = "medium" if enabled else "none"  # OpenRouter's default
    if effort is None and budget is None and excluded is None:
        return None
    # With nothing but whether to show it, how much is the model's own affair.
    return Thinking(
        effort, budget, adaptive=effort is None and budget is None, shown=None if excluded is None else not excluded
    )


def _effort(members: Given, name: str) -> str | None:
    effort = members.text(name)
    if not effort:
        return None
    if effort == _MAX_EFFORT:
        return EFFORTS[-1]
    if effort not in EFFORTS:
        raise members.refuse_choice(name, f"{', '.join(EFFORTS)} or {_MAX_EFFORT}")
    return effort


def _own_services(asked: Given) -> list[str]:
    found = [
        f"answers of the modality {short(kind)}" for kind in asked.texts("modalities", or_one=True) if kind != "text"
    ]
    if asked.inner("web_search_options") is not None:
        found.append("web_search_options: a search that OpenAI itself runs")
    found += [words for name, words in _BINDING.items() if asked.take(name) not in _SAYS_NOTHING]
    return found
