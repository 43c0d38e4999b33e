"""What an error inside an answer or a stream of the Responses API means."""

import msgspec

from fairlead_proxy.contract.names import FailureClass
from fairlead_proxy.dialects.failures import relayed_from_success
from fairlead_proxy.dialects.openai.errors import vendor_error_of
from fairlead_proxy.exchange.errors import UpstreamFailure

_INVALID, _FILTERED = FailureClass.INVALID_REQUEST, FailureClass.CONTENT_FILTERED
_CLASS_OF_CODE: dict[str, FailureClass] = {
    "invalid_prompt": _FILTERED,
    "bio_policy": _FILTERED,
    "misalignment_policy_violation": _FILTERED,
    "image_content_policy_violation": _FILTERED,
    "invalid_image": _INVALID,
    "invalid_image_format": _INVALID,
    "invalid_base64_image": _INVALID,
    "invalid_image_url": _INVALID,
    "image_too_large": _INVALID,
    "image_too_small": _INVALID,
    "image_parse_error": _INVALID,
    "invalid_image_mode": _INVALID,
    "image_file_too_large": _INVALID,
    "unsupported_image_media_type": _INVALID,
    "empty_image_file": _INVALID,
    "failed_to_download_image": _INVALID,
    "image_file_not_found": _INVALID,
}
"""Codes that are this API's own, beside those in openai/errors.py.

Source: https://platform.openai.com/docs/api-reference/responses/object, "error"; `invalid_prompt` is what a prompt gets
that a check of OpenAI's usage policies flags.
"""


def failure_of(error: object, what: str) -> UpstreamFailure:
    """Return what an error object means that came with status 200: by its code, else ErrorInStream."""
    vendor = vendor_error_of(error)
    own = next((_CLASS_OF_CODE[code] for code in vendor.codes if code in _CLASS_OF_CODE), None)
    failure = own or vendor.named_class() or FailureClass.ERROR_IN_STREAM
    relayed = relayed_from_success(failure, msgspec.json.encode({"error": error})) if isinstance(error, dict) else None
    return UpstreamFailure(failure, f"an error inside the {what} of status 200", status=200, relayed=relayed)
