"""Whatever a server answers, as bytes: its head can hold a key as well as its body."""

from urllib.error import HTTPError
from urllib.request import Request, urlopen


def fetched(request: Request, *, timeout_seconds: float = 20.0) -> tuple[int, bytes, bytes]:
    """Return status, head and body of an answer, also of one that is an error; raise OSError where there is none."""
    try:
        with urlopen(request, timeout=timeout_seconds) as answer:
            return answer.status, bytes(str(answer.headers), "utf-8"), answer.read()
    except HTTPError as error:
        with error:
            return error.code, bytes(str(error.headers), "utf-8"), error.read()
