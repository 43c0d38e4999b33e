"""A conversation as the body of Converse, or of CountTokens.

Sources: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html and
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_CountTokens.html
"""

import msgspec

from fairlead_proxy.contract.names import Feature
from fairlead_proxy.dialects.bedrock.blocks import BlockWriter
from fairlead_proxy.dialects.bedrock.messages_writer import write_messages
from fairlead_proxy.dialects.bedrock.models import Traits, traits_of
from fairlead_proxy.dialects.bedrock.thinking_writer import Asked, write_thinking
from fairlead_proxy.dialects.bedrock.tools_writer import is_forced, write_tools
from fairlead_proxy.dialects.claude_models import Abilities, abilities_of
from fairlead_proxy.dialects.claude_sampling import fit_sampling, within_unit
from fairlead_proxy.dialects.claude_schema import write_schema
from fairlead_proxy.dialects.dialect import Written
from fairlead_proxy.dialects.losses import Loss
from fairlead_proxy.exchange.conversation import AnswerForm, Conversation, JsonObject, Sampling

STOP_SEQUENCE = "stop_sequence"
"""Which sequence ended an answer: Claude tells it, where it is asked to."""

_TIERS = frozenset({"default", "flex", "priority", "reserved"})
_UNTOLD_TIERS = frozenset({"auto", "standard_only"})
"""Other vendors' words for what Bedrock does unasked."""


def write_converse(conversation: Conversation, *, model: str) -> Written:
    """Return the body for a model, whose id stands in the path; see ProviderDialect.write_request."""
    lost: set[str] = set()
    traits, abilities = traits_of(model), abilities_of(model)
    body = _content(conversation, traits, abilities, lost)
    asked = write_thinking(conversation, traits, abilities, forced=is_forced(conversation), lost=lost)
    fields = dict(asked.fields)
    inference = _sampling(conversation.sampling, traits, abilities, asked, fields, lost)
    if conversation.max_tokens is not None:
        grown = asked.budget_tokens if conversation.max_tokens <= asked.budget_tokens else 0
        inference["maxTokens"] = conversation.max_tokens + grown
    if stop := [sequence for sequence in conversation.stop if sequence]:
        inference["stopSequences"] = stop
        if traits.claude:
            body["additionalModelResponseFieldPaths"] = [f"/{STOP_SEQUENCE}"]
    output = _output(conversation.form, asked, lost)
    for name, member in (
        ("inferenceConfig", inference),
        ("additionalModelRequestFields", fields),
        ("outputConfig", output),
    ):
        if member:
            body[name] = member
    if conversation.service_tier in _TIERS:
        body["serviceTier"] = {"type": conversation.service_tier}
    elif conversation.service_tier not in (None, *_UNTOLD_TIERS):
        lost.add(Loss.SERVICE_TIER)
    if conversation.user is not None:
        lost.add(Loss.USER)
    if conversation.parallel_tools is False:
        lost.add(Loss.ONE_CALL_AT_A_TIME)
    if conversation.choices > 1:
        lost.add(Feature.CHOICES)
    return Written(msgspec.json.encode(body), tuple(sorted(lost)))


def write_count(conversation: Conversation, *, model: str) -> Written:
    """Return the body that has the tokens of the same conversation counted."""
    lost: set[str] = set()
    body = {"input": {"converse": _content(conversation, traits_of(model), abilities_of(model), lost)}}
    return Written(msgspec.json.encode(body), tuple(sorted(lost)))


def _content(conversation: Conversation, traits: Traits, abilities: Abilities, lost: set[str]) -> JsonObject:
    blocks = BlockWriter(traits, lost)
    written = write_messages(conversation.turns, blocks, lost, prefill=abilities.prefill or not traits.claude)
    body: JsonObject = {"messages": written.messages}
    if written.system:
        body["system"] = written.system
    tools = write_tools(conversation, blocks, lost)
    if tools is not None:
        body["toolConfig"] = tools
    return body


def _sampling(
    sampling: Sampling, traits: Traits, abilities: Abilities, asked: Asked, fields: JsonObject, lost: set[str]
) -> JsonObject:
    """Return the members of inferenceConfig; what only Claude takes goes to `fields`, as the vendor's page says.

    Source: https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages.html
    """
    if traits.claude:
        taken = fit_sampling(sampling, abilities, thinks=asked.thinks, lost=lost)
        if taken.top_k is not None:
            fields["top_k"] = taken.top_k
    else:
        taken = within_unit(sampling, lost)
        if taken.top_k is not None:
            lost.add(Loss.TOP_K)
    inference: JsonObject = {}
    if taken.temperature is not None:
        inference["temperature"] = taken.temperature
    if taken.top_p is not None:
        inference["topP"] = taken.top_p
    return inference


def _output(form: AnswerForm | None, asked: Asked, lost: set[str]) -> JsonObject:
    """Source: https://docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html, where the part of JSON
    schema that is taken ("JSON Schema Draft 2020-12 subset") is the one that Anthropic takes.
    """
    output: JsonObject = {}
    if form is not None and form.schema is None:
        lost.add(Feature.ANY_JSON)
    elif form is not None and form.schema is not None:
        taken, weaker = write_schema(form.schema)
        if weaker:
            lost.add(Loss.SCHEMA_CONSTRAINTS)
        schema = {"schema": msgspec.json.encode(taken).decode()}
        if form.name:
            schema["name"] = form.name
        if form.description:
            schema["description"] = form.description
        output["textFormat"] = {"type": "json_schema", "structure": {"jsonSchema": schema}}
    if asked.effort is not None:
        output["effort"] = asked.effort
    return output
