"""The list of models, as each vendor has it."""

import json
from typing import Any

from doubles.scripted.wire import Request

OPENAI = {"object": "list", "data": [{"id": "scripted", "object": "model"}]}
ANTHROPIC = {
    "data": [{"type": "model", "id": "scripted", "display_name": "Scripted", "created_at": "2025-01-01T00:00:00Z"}],
    "has_more": False,
    "first_id": "scripted",
    "last_id": "scripted",
}
"""Source: https://docs.claude.com/en/api/models-list"""
GEMINI = {
    "models": [
        {
            "name": "models/scripted",
            "version": "1",
            "displayName": "Scripted",
            "inputTokenLimit": 1048576,
            "outputTokenLimit": 65536,
            "supportedGenerationMethods": ["generateContent", "countTokens"],
        }
    ]
}
"""Source: https://ai.google.dev/api/models#method:-models.list"""
VERTEX = {"publisherModels": [{"name": "publishers/google/models/scripted", "versionId": "default"}]}
"""Source: https://cloud.google.com/vertex-ai/generative-ai/docs/reference/rest/v1beta1/publishers.models/list"""
BEDROCK = {
    "modelSummaries": [
        {
            "modelArn": "arn:aws:bedrock:us-east-1::foundation-model/scripted",
            "modelId": "scripted",
            "modelName": "Scripted",
            "providerName": "Scripted",
            "responseStreamingSupported": True,
        }
    ]
}
"""Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_ListFoundationModels.html"""


def is_model_list(request: Request) -> bool:
    return request.method == "GET" and request.place.endswith(("/models", "/foundation-models"))


def model_list(request: Request) -> bytes:
    return json.dumps(_list(request)).encode()


def _list(request: Request) -> dict[str, Any]:
    path = request.place
    if path.endswith("/foundation-models"):
        return BEDROCK
    if "/publishers/" in path:
        return VERTEX
    if path.startswith("/v1beta") or "x-goog-api-key" in request.headers:
        return GEMINI
    if "anthropic-version" in request.headers:
        return ANTHROPIC
    return OPENAI
