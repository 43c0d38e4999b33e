"""Signatures of AWS, version 4, for Bedrock: made by botocore over exactly what goes out.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html. Heavy to import: see
`signers.py`.
"""

from datetime import UTC, datetime
from urllib.parse import urlsplit

from botocore.auth import SIGV4_TIMESTAMP, SigV4Auth  # type: ignore[import-untyped]  # botocore has no types
from botocore.awsrequest import AWSRequest  # type: ignore[import-untyped]
from botocore.credentials import Credentials  # type: ignore[import-untyped]

from fairlead_proxy.upstream.http_target import request_url
from fairlead_proxy.upstream.signing.key_material import AccessKeys
from fairlead_proxy.upstream.transport import Headers, Lane

_SERVICE = "bedrock"
_ALGORITHM = "AWS4-HMAC-SHA256"


class SigV4:
    """Signs with one pair of keys for one region."""

    def __init__(self, keys: AccessKeys, region: str) -> None:
        self._session_token = keys.session_token
        self._auth = SigV4Auth(Credentials(keys.key_id, keys.secret, keys.session_token or None), _SERVICE, region)

    def headers(self, lane: Lane, body: bytes, now: float) -> Headers:
        """Return the headers that prove one request at `now`, Unix seconds; raise UpstreamFailure for a lane's url.

        botocore's `add_auth` reads the clock, and logs what it signs: its steps are taken one by one instead.
        """
        url = request_url(lane)
        own = [("x-amz-date", datetime.fromtimestamp(now, UTC).strftime(SIGV4_TIMESTAMP))]
        if self._session_token:
            own.append(("x-amz-security-token", self._session_token))
        signed = [("host", urlsplit(url).netloc), *own]
        signed += [(name, value) for name, value in lane.headers if name == "content-type" or name[:6] == "x-amz-"]
        request = AWSRequest(lane.method, url, dict(signed), body)
        request.context["timestamp"] = own[0][1]
        auth = self._auth
        to_sign = auth.headers_to_sign(request)
        signature = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
        proof = (
            f"{_ALGORITHM} Credential={auth.scope(request)}, "
            f"SignedHeaders={auth.signed_headers(to_sign)}, Signature={signature}"
        )
        return (*own, ("authorization", proof))
