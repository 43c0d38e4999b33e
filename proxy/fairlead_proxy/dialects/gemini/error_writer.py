"""Errors of our own, in Google's form."""

import re

import msgspec

from fairlead_proxy.exchange.conversation import JsonObject
from fairlead_proxy.exchange.errors import Answer

_NAME_OF_STATUS = {
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
"""Source: https://cloud.google.com/apis/design/errors#handling_errors"""

_TYPE = "type.googleapis.com/google.rpc."
_NOT_IN_REASONS = re.compile(r"[^A-Z0-9_]+")


def render_google_error(answer: Answer) -> bytes:
    """Return `{"error": {code, message, status, details}}`; our own word is the reason of an ErrorInfo."""
    status = _NAME_OF_STATUS.get(answer.status, "INVALID_ARGUMENT" if answer.status < 500 else "INTERNAL")
    reason = _NOT_IN_REASONS.sub("_", answer.code.upper())
    details: list[JsonObject] = [{"@type": f"{_TYPE}ErrorInfo", "reason": reason, "domain": "fairlead"}]
    if answer.param is not None:
        violation = {"field": answer.param, "description": answer.message}
        details.append({"@type": f"{_TYPE}BadRequest", "fieldViolations": [violation]})
    error = {"code": answer.status, "message": answer.message, "status": status, "details": details}
    return msgspec.json.encode({"error": error})
