"""Who speaks in a conversation, where a vendor knows none but the user and the assistant, and wants the user first."""

from fairlead_proxy.exchange.conversation import Role

INSTRUCTING = frozenset({Role.SYSTEM, Role.DEVELOPER})
"""Whose turns stand apart, as instructions."""

CONTINUED = "(continued)"
"""What somebody says where the vendor wants a word of theirs, and there is none."""
