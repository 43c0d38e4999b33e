"""Tells of a fault of our own with where it happened, and with nothing of the call's content."""

import logging
import traceback

_LOG = logging.getLogger(__name__)


def log_fault(call: str, error: BaseException, what: str = "a call failed within the gateway") -> None:
    """Log an unexpected exception. Its message is left out: it may quote the request, the answer or a key."""
    where = "".join(traceback.format_tb(error.__traceback__))
    _LOG.error("%s: %s\n%s", what, type(error).__name__, where, extra={"call": call})
