"""What a provider says of a call, without the key that the call was sent with: some vendors quote it."""

import json
from dataclasses import replace
from urllib.parse import quote

from fairlead_proxy.exchange.errors import Relayed
from fairlead_proxy.upstream.transport import Headers

PROOFS = frozenset({"api-key", "authorization", "x-amz-security-token", "x-api-key", "x-goog-api-key"})
"""The headers, in lower case, that prove a call to some vendor."""
MASK = b"***"
SHORTEST = 8
"""Characters. What is shorter is no key that anybody could guard, and may well be a word of the vendor's own."""


def mask_proof(relayed: Relayed, sent: Headers) -> Relayed:
    """Return what goes to the caller, without the values of these headers that prove a call."""
    body = relayed.body
    for name, value in sent:
        if name.lower() in PROOFS:
            for form in _forms(value.removeprefix("Bearer ")):
                body = body.replace(form, MASK)
    return relayed if body is relayed.body or body == relayed.body else replace(relayed, body=body)


def _forms(proof: str) -> list[bytes]:
    """Return a proof as a body of text, of JSON or a URL would hold it; none where it is too short."""
    if len(proof) < SHORTEST:
        return []
    escaped = json.dumps(proof)[1:-1]
    forms = [proof, escaped, escaped.replace("/", "\\/"), quote(proof, safe=""), quote(proof)]
    return [form.encode("utf-8", "surrogateescape") for form in dict.fromkeys(forms)]
