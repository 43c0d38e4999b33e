"""How Amazon Bedrock fails.

Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html#API_runtime_Converse_Errors
"""

from typing import Any

from doubles.scripted.event_stream import CONTENT_TYPE, event, exception
from doubles.scripted.vendor_failure import JSON, VendorFailure, written

ERRORS = "https://docs.aws.amazon.com/bedrock/latest/userguide/troubleshooting-api-error-codes.html"
CONVERSE = "https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html"
STREAM = "https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html"
COMMON = "https://docs.aws.amazon.com/bedrock/latest/APIReference/CommonErrors.html"
DIALECT = "bedrock-converse"
ON_DEMAND = (
    "Invocation of model ID anthropic.claude-sonnet-4-20250514-v1:0 with on-demand throughput isn\u2019t supported. "
)
ON_DEMAND += "Retry your request with the ID or ARN of an inference profile that contains this model."


def _whole(name: str, failure_class: str, status: int, type_: str, message: str, source: str = ERRORS) -> VendorFailure:
    kind = f"{type_}:http://internal.amazon.com/coral/com.amazon.bedrock/"
    return VendorFailure(
        f"bedrock-{name}",
        DIALECT,
        "Bedrock",
        failure_class,
        status,
        source,
        JSON | {"x-amzn-errortype": kind, "x-amzn-requestid": "2b6d2b8e-0000-4000-8000-000000000000"},
        body=written({"message": message}),
    )


def _streamed(name: str, failure_class: str, type_: str, message: str, **more: Any) -> VendorFailure:
    frames = (event("messageStart", {"role": "assistant"}), exception(type_, {"message": message} | more))
    return VendorFailure(
        f"bedrock-{name}",
        DIALECT,
        "Bedrock",
        failure_class,
        200,
        STREAM,
        {"content-type": CONTENT_TYPE},
        frames=frames,
        mode="stream",
    )


BEDROCK_FAILURES: tuple[VendorFailure, ...] = (
    _whole(
        "throttled",
        "RateLimited",
        429,
        "ThrottlingException",
        "Too many requests, please wait before trying again. You have sent too many requests.",
    ),
    _whole(
        "too-many-tokens",
        "RateLimited",
        429,
        "ThrottlingException",
        "Too many tokens, please wait before trying again.",
    ),
    _whole(
        "too-long",
        "ContextLengthExceeded",
        400,
        "ValidationException",
        "The model returned the following errors: Input is too long for requested model.",
    ),
    _whole(
        "prompt-too-long",
        "ContextLengthExceeded",
        400,
        "ValidationException",
        "The model returned the following errors: prompt is too long: 204311 tokens > 200000 maximum",
    ),
    _whole(
        "invalid",
        "InvalidRequest",
        400,
        "ValidationException",
        "The text field in the ContentBlock object at messages.0.content.0 is blank. Add text to the text field, and "
        "try again.",
        CONVERSE,
    ),
    _whole(
        "unknown-model", "ModelUnavailable", 400, "ValidationException", "The provided model identifier is invalid."
    ),
    _whole(
        "needs-profile",
        "ModelUnavailable",
        400,
        "ValidationException",
        ON_DEMAND,
        "https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-support.html",
    ),
    _whole(
        "access-denied",
        "ModelUnavailable",  # the key is good, for other models
        403,
        "AccessDeniedException",
        "You don't have access to the model with the specified model ID.",
    ),
    _whole(
        "unknown-key",
        "CredentialRejected",
        403,
        "UnrecognizedClientException",
        "The security token included in the request is invalid.",
        COMMON,
    ),
    _whole(
        "wrong-signature",
        "CredentialRejected",
        403,
        "InvalidSignatureException",
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access "
        "Key and signing method. Consult the service documentation for details.",
        COMMON,
    ),
    _whole(
        "expired-token",
        "CredentialRejected",
        403,
        "ExpiredTokenException",
        "The security token included in the request is expired",
        COMMON,
    ),
    _whole(
        "no-model",
        "ModelUnavailable",
        404,
        "ResourceNotFoundException",
        "This model version has reached the end of its life. Please refer to the AWS documentation for more details.",
    ),
    _whole("model-timeout", "Timeout", 408, "ModelTimeoutException", "The request took too long to process.", CONVERSE),
    _whole(
        "model-error",
        "ServerError",
        424,
        "ModelErrorException",
        "The request failed due to an error while processing the model.",
        CONVERSE,
    ),
    _whole(
        "model-not-ready",
        "Overloaded",
        429,
        "ModelNotReadyException",
        "The model specified in the request is not ready to serve inference requests.",
        CONVERSE,
    ),
    _whole(
        "server-error",
        "ServerError",
        500,
        "InternalServerException",
        "The system encountered an unexpected error during processing. Try your request again.",
    ),
    _whole(
        "overloaded",
        "Overloaded",
        503,
        "ServiceUnavailableException",
        "Bedrock is unable to process your request.",
    ),
    _streamed(
        "throttled-in-stream",
        "RateLimited",
        "throttlingException",
        "Too many requests, please wait before trying again.",
    ),
    _streamed(
        "server-error-in-stream",
        "ErrorInStream",
        "internalServerException",
        "The system encountered an unexpected error during processing. Try your request again.",
    ),
    _streamed(
        "model-error-in-stream",
        "ErrorInStream",
        "modelStreamErrorException",
        "An error occurred while streaming the response.",
        originalStatusCode=500,
        originalMessage="Internal error",
    ),
    _streamed(
        "overloaded-in-stream",
        "Overloaded",
        "serviceUnavailableException",
        "Bedrock is unable to process your request.",
    ),
)
