"""Names of Services for pods of the mini-kubelet, which has no cluster DNS: an HTTP proxy that knows their places."""

import http.client
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import urlsplit


class InClusterNames(ThreadingHTTPServer):
    """A context manager: with `url` as its HTTP proxy a client reaches each `host:port` where `sites` has it."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.sites: dict[str, str] = {}
        self._thread = threading.Thread(target=self.serve_forever, name="in-cluster-names")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    """Passes one request on to where its host really is; 502 for a name that nobody has told."""

    server: InClusterNames

    def do_POST(self) -> None:
        asked = urlsplit(self.path)
        site = self.server.sites.get(asked.netloc)
        if site is None:
            self.send_error(502, f"{asked.netloc} is not known here")
            return
        body = self.rfile.read(int(self.headers["content-length"]))
        connection = http.client.HTTPConnection(site, timeout=20)
        try:
            connection.request("POST", asked.path, body, dict(self.headers.items()))
            answer = connection.getresponse()
            told = answer.read()
        finally:
            connection.close()
        self.send_response(answer.status)
        self.send_header("content-length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    def log_message(self, *_: object) -> None:
        """Say nothing: the pods' logs tell what they got."""
