"""Who speaks in a conversation, where a vendor knows none but the user and the assistant, and wants the user first."""

from fairlead_proxy.exchange.conversation import Role

INSTRUCTING = frozenset({Role.SYSTEM, Role.DEVELOPER})
"""Whose turns stand apart, as instructions."""

GO_ON = (
    "Your answer above was cut off. Continue it exactly where it ends, in the middle of a word if need be: repeat "
    "nothing, and write no introduction."
)
"""Said for the caller where an answer is to be gone on with: a last assistant turn alone not every model goes on with.
"""

CONTINUED = "(continued)"
"""What somebody says where the vendor wants a word of theirs, and there is none."""
