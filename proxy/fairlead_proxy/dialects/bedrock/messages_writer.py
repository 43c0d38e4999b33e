"""The turns of a conversation as Converse wants them: instructions apart, and messages that alternate.

Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Message.html
"""

from collections.abc import Iterable, Iterator

from msgspec import Struct

from fairlead_proxy.dialects.bedrock.blocks import Blocks, BlockWriter
from fairlead_proxy.dialects.losses import Loss
from fairlead_proxy.dialects.speakers import CONTINUED, GO_ON, INSTRUCTING
from fairlead_proxy.exchange.conversation import JsonObject, Role, Text, Turn

_BESIDE_A_DOCUMENT = "(see the document)"
"""A message with a document must have a text: this is said where it has none."""


class Messages(Struct, frozen=True):
    system: Blocks
    messages: list[JsonObject]


class _Message(Struct):
    """`items`: the blocks of each part."""

    role: Role
    items: list[Blocks]


def write_messages(turns: Iterable[Turn], blocks: BlockWriter, lost: set[str], *, prefill: bool) -> Messages:
    """Return the system blocks and the messages; what cannot be said goes to `lost`.

    `prefill`: the model goes on with a last message of the assistant's.
    """
    system: Blocks = []
    messages: list[_Message] = []
    has_begun = False
    for turn in turns:
        if turn.name is not None:
            lost.add(Loss.SPEAKER)
        if turn.role in INSTRUCTING:
            if has_begun:
                lost.add(Loss.SYSTEM_POSITION)
            system += _instructions(turn, blocks, lost)
            continue
        has_begun = True
        items = [item for item in (blocks.write(part, turn.role) for part in turn.parts) if item]
        if messages and messages[-1].role is turn.role:
            messages[-1].items.extend(items)
        elif items:
            messages.append(_Message(turn.role, items))
    if messages and messages[0].role is Role.ASSISTANT:
        lost.add(Loss.FIRST_TURN)
        messages.insert(0, _Message(Role.USER, [[{"text": CONTINUED}]]))
    if messages and messages[-1].role is Role.ASSISTANT:
        if prefill or any("toolUse" in block for item in messages[-1].items for block in item):
            _trim(messages[-1])
        else:
            lost.add(Loss.PREFILL)
            messages.append(_Message(Role.USER, [[{"text": GO_ON}]]))
    return Messages(system, [message for message in map(_written, messages) if message["content"]])


def _instructions(turn: Turn, blocks: BlockWriter, lost: set[str]) -> Iterator[JsonObject]:
    for part in turn.parts:
        if isinstance(part, Text):
            yield from blocks.write(part, turn.role)
        else:
            lost.add(Loss.SYSTEM_MEDIA)


def _written(message: _Message) -> JsonObject:
    """Results of tools come first in their message: Claude refuses them behind anything else."""
    items = message.items
    if message.role is Role.USER:
        items = sorted(items, key=lambda item: "toolResult" not in item[0])
    content = [block for item in items for block in item]
    if any("document" in block for block in content) and not any("text" in block for block in content):
        content.append({"text": _BESIDE_A_DOCUMENT})
    return {"role": message.role.value, "content": content}


def _trim(message: _Message) -> None:
    """Claude refuses whitespace at the end of what it is to go on with."""
    last = message.items[-1][-1]
    if "text" in last:
        last["text"] = last["text"].rstrip()
