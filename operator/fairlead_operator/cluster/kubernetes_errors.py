"""What can go wrong between us and an API server.

ClusterError
└── KubernetesError      the request failed; the message names verb and path, never a body
    ├── Unavailable      no answer, a broken one, or a 5xx: worth trying again
    ├── TooManyRequests  429 that outlasted our patience; `retry_after` says how long the server asked for
    ├── Forbidden        403: not granted, now
    │   └── NotKnown     401: the API server does not know us, perhaps only for now; no word about what is granted
    ├── NotFound         404
    │   └── NotServed    the API server does not know the kind, perhaps only for now: no word about the object
    ├── Conflict         409: the object has changed, or a field has another owner
    ├── Gone             410: the resourceVersion is too old to watch from
    └── Refused          any other 4xx: the request itself is wrong, the same one will fail again
AccessError              the kubeconfig or service account cannot be read: a fault of the start, not of the world
"""

from fairlead_operator.cluster.api import ClusterError


class KubernetesError(ClusterError):
    pass


class Unavailable(KubernetesError):
    pass


class TooManyRequests(KubernetesError):
    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Forbidden(KubernetesError):
    pass


class NotKnown(Forbidden):
    pass


class NotFound(KubernetesError):
    pass


class NotServed(NotFound):
    pass


class Conflict(KubernetesError):
    pass


class Gone(KubernetesError):
    pass


class Refused(KubernetesError):
    pass


class AccessError(Exception):
    pass


_BY_STATUS: dict[int, type[KubernetesError]] = {
    401: NotKnown,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
}


def error_of(status: int, what: str, message: str, retry_after: float = 1.0) -> KubernetesError:
    """Return the error for an HTTP status; `what` is verb and path, `message` the server's own words."""
    text = f"{what}: {status} {message}"[:1024]
    if status == 429:
        return TooManyRequests(text, retry_after)
    if status >= 500:
        return Unavailable(text)
    return _BY_STATUS.get(status, Refused)(text)
