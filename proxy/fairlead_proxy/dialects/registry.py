"""Every dialect that this proxy speaks, by the operation that it serves."""

from fairlead_proxy.contract.names import Operation
from fairlead_proxy.dialects.dialect import Dialect
from fairlead_proxy.dialects.openai.chat import OpenAIChat

OPENAI_CHAT: Dialect = OpenAIChat()

DIALECTS: dict[Operation, Dialect] = {Operation.CHAT: OPENAI_CHAT}
