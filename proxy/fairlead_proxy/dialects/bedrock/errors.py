"""What Bedrock's errors mean: by the type that a header, the body or a frame of the stream names.

Sources: https://docs.aws.amazon.com/bedrock/latest/userguide/troubleshooting-api-error-codes.html and
https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html, "Operation error serialization"
"""

import re

from msgspec import Struct

from fairlead_proxy.contract.names import FailureClass
from fairlead_proxy.dialects.dialect import Headers, Said
from fairlead_proxy.dialects.failures import is_no_api, not_the_answer, relayed_answer, relayed_from_success
from fairlead_proxy.dialects.retry_hint import read_retry_hint
from fairlead_proxy.dialects.told_json import object_of, text_of, told_value
from fairlead_proxy.exchange.errors import UpstreamFailure

CLASS_OF_TYPE: dict[str, FailureClass] = {
    "throttlingexception": FailureClass.RATE_LIMITED,
    "toomanyrequestsexception": FailureClass.RATE_LIMITED,
    "servicequotaexceededexception": FailureClass.QUOTA_EXHAUSTED,
    "accessdeniedexception": FailureClass.CREDENTIAL_REJECTED,
    "resourcenotfoundexception": FailureClass.MODEL_UNAVAILABLE,
    "validationexception": FailureClass.INVALID_REQUEST,
    "modelnotreadyexception": FailureClass.OVERLOADED,
    "modeltimeoutexception": FailureClass.TIMEOUT,
    "modelerrorexception": FailureClass.SERVER_ERROR,
    "internalserverexception": FailureClass.SERVER_ERROR,
    "internalfailure": FailureClass.SERVER_ERROR,
    "serviceunavailableexception": FailureClass.OVERLOADED,
    "modelstreamerrorexception": FailureClass.ERROR_IN_STREAM,
    # https://docs.aws.amazon.com/bedrock/latest/APIReference/CommonErrors.html
    "unrecognizedclientexception": FailureClass.CREDENTIAL_REJECTED,
    "invalidclienttokenid": FailureClass.CREDENTIAL_REJECTED,
    "invalidsignatureexception": FailureClass.CREDENTIAL_REJECTED,
    "incompletesignature": FailureClass.CREDENTIAL_REJECTED,
    "incompletesignatureexception": FailureClass.CREDENTIAL_REJECTED,
    "signaturedoesnotmatch": FailureClass.CREDENTIAL_REJECTED,
    "missingauthenticationtoken": FailureClass.CREDENTIAL_REJECTED,
    "missingauthenticationtokenexception": FailureClass.CREDENTIAL_REJECTED,
    "expiredtoken": FailureClass.CREDENTIAL_REJECTED,
    "expiredtokenexception": FailureClass.CREDENTIAL_REJECTED,
    "requestexpired": FailureClass.CREDENTIAL_REJECTED,
    "optinrequired": FailureClass.CREDENTIAL_REJECTED,
    "notauthorized": FailureClass.CREDENTIAL_REJECTED,
    "requestentitytoolargeexception": FailureClass.CONTEXT_LENGTH_EXCEEDED,
    "unknownoperationexception": FailureClass.MALFORMED_RESPONSE,  # no Converse stands at this url
}
"""The vendor's type, in lower case, without its namespace. It speaks before a client error's status does."""

_CLASS_OF_STATUS: dict[int, FailureClass] = {
    401: FailureClass.CREDENTIAL_REJECTED,
    403: FailureClass.CREDENTIAL_REJECTED,
    404: FailureClass.MODEL_UNAVAILABLE,
    405: FailureClass.MALFORMED_RESPONSE,
    408: FailureClass.TIMEOUT,
    413: FailureClass.CONTEXT_LENGTH_EXCEEDED,
    424: FailureClass.SERVER_ERROR,
    429: FailureClass.RATE_LIMITED,
    503: FailureClass.OVERLOADED,
}

_IN_STREAM: dict[FailureClass, FailureClass] = {FailureClass.SERVER_ERROR: FailureClass.ERROR_IN_STREAM}

_TOO_LONG = re.compile(
    r"input is too long|too many input tokens|prompt is too long|input tokens exceeded"
    r"|number of input tokens exceeds|exceeds? (the )?(context|maximum context)|maximum context length",
    re.IGNORECASE,
)
"""Of a ValidationException. A message may quote what a caller wrote: this class blames nobody."""
_NO_MODEL = re.compile(
    r"The provided model identifier is invalid|The provided model doesn.t support"
    r"|Invocation of model ID \S+ with on-demand throughput isn.t supported",
)
"""How a ValidationException begins that the model's own name is at fault for."""
_NO_ACCESS = re.compile(
    r"You don.t have access to the model|Model access is denied|Your account is not authorized to invoke"
)
"""How an AccessDeniedException begins that is about one model, not about the key."""
_NOT_ALLOWED = "Operation not allowed"
"""All that a ValidationException says where an account may not call Bedrock at all."""
_PER_DAY = re.compile(r"Too many tokens per day|daily", re.IGNORECASE)


class VendorError(Struct, frozen=True):
    """What is read of an error; `type`: in lower case, empty where none is named."""

    type: str = ""
    message: str = ""


def classify_answer(status: int, headers: Headers, body: bytes, now: float) -> UpstreamFailure:
    """Return what an answer that is not a good one means; see Passage.classify."""
    error = read_error(body, headers)
    if status < 300:
        return failure_in_success(body, headers, status=status)
    failure = _class_of(status, error, body)
    hint = read_retry_hint(headers, now) if status == 429 or status >= 500 else None
    return UpstreamFailure(
        failure,
        f"status {status}" + (", by its type" if error.type in CLASS_OF_TYPE else ""),
        status=status,
        retry_after_seconds=hint,
        relayed=relayed_answer(failure, status, headers, body),
    )


def failure_in_success(body: bytes, headers: Headers = (), *, status: int = 200) -> UpstreamFailure:
    """Return what a good status means with a body that is not what was asked for."""
    error = read_error(body, headers)
    if not error.type:
        return not_the_answer(status)
    return _failure_inside(error, body, "answer", status)


def failure_in_stream(type_: bytes, body: bytes) -> UpstreamFailure:
    """Return what an exception in a stream means; `type_`: as its frame names it."""
    error = VendorError(_bare(type_.decode("ascii", "replace")), read_error(body).message)
    return _failure_inside(error, body, "stream", 200)


def read_error(body: bytes, headers: Headers = ()) -> VendorError:
    """Read the type, of the header or else of the body, and the message."""
    told = object_of(told_value(body))
    named = next((value for name, value in headers if name == "x-amzn-errortype"), "")
    type_ = _bare(named) or _bare(text_of(told.get("__type"))) or _bare(text_of(told.get("code")))
    return VendorError(type_, text_of(told.get("message")) or text_of(told.get("Message")))


def read_refusal(body: bytes) -> Said:
    """See ProviderDialect.read_refusal. The vendor names no member of its own in a way that can be told apart."""
    return Said(read_error(body).message)


def _class_of(status: int, error: VendorError, body: bytes) -> FailureClass:
    if status >= 500:
        return _CLASS_OF_STATUS.get(status, FailureClass.SERVER_ERROR)
    if status < 400:
        return FailureClass.MALFORMED_RESPONSE  # no redirects
    if error.type in CLASS_OF_TYPE:
        return _class_of_type(error)
    if is_no_api(status, body):
        return FailureClass.MALFORMED_RESPONSE
    if status == 400:
        return _class_of_type(VendorError("validationexception", error.message))
    return _CLASS_OF_STATUS.get(status, FailureClass.INVALID_REQUEST)


def _class_of_type(error: VendorError) -> FailureClass:
    """Return the class that a type names, or, where one type stands for several things, its message."""
    message = error.message
    match error.type:
        case "validationexception" if _TOO_LONG.search(message):
            return FailureClass.CONTEXT_LENGTH_EXCEEDED
        case "validationexception" if _NO_MODEL.match(message):
            return FailureClass.MODEL_UNAVAILABLE
        case "validationexception" if message.strip(" .") == _NOT_ALLOWED:
            return FailureClass.CREDENTIAL_REJECTED
        case "accessdeniedexception" if _NO_ACCESS.match(message):
            return FailureClass.MODEL_UNAVAILABLE
        case "throttlingexception" if _PER_DAY.search(message):
            return FailureClass.QUOTA_EXHAUSTED
        case _:
            return CLASS_OF_TYPE.get(error.type, FailureClass.ERROR_IN_STREAM)


def _failure_inside(error: VendorError, body: bytes, what: str, status: int) -> UpstreamFailure:
    failure = _class_of_type(error)
    failure = _IN_STREAM.get(failure, failure)
    relayed = relayed_from_success(failure, body)
    return UpstreamFailure(failure, f"an error inside the {what} of status {status}", status=status, relayed=relayed)


def _bare(type_: str) -> str:
    """Return a type without its namespace (`com.amazonaws.bedrock#…`) and without what follows it (`:http://…`)."""
    return type_.partition(":")[0].rpartition("#")[2].strip().lower()
