"""What a model takes beyond what Converse itself says, told by its id: whose it is decides."""

import re

from msgspec import Struct

_CLAUDE = "anthropic.claude"
_NOVA = "amazon.nova"
_OPENAI = re.compile(r"(?:^|[./])openai\.")


class Traits(Struct, frozen=True):
    """`claude`, `nova`, `openai`: whose model it is; an ARN of an application's own profile tells nothing.

    `caches`: it takes cache points (https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html).
    `marks_errors`: it is told that a tool has failed ("status" of ToolResultBlock).
    """

    claude: bool = False
    nova: bool = False
    openai: bool = False

    @property
    def caches(self) -> bool:
        return self.claude or self.nova

    @property
    def marks_errors(self) -> bool:
        return self.claude or self.nova


def traits_of(model: str) -> Traits:
    """Return what the id of a model, or of an inference profile, says of it."""
    return Traits(_CLAUDE in model, _NOVA in model, _OPENAI.search(model) is not None)
