"""A small server for the mini-kubelet's own tests: shows its environment, arguments and files, and fails when asked to.

answering_pod.py HOST:PORT [DIRECTORY]
"""

import json
import os
import signal
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Answers(BaseHTTPRequestHandler):
    """`/files`, `/environment`, `/ready` (as last told by `/ready/off`), `/crash`."""

    ready = True

    def do_GET(self) -> None:
        """Answer as the path says."""
        match self.path:
            case "/files":
                found = {path.name: path.read_text() for path in Path(sys.argv[2]).iterdir() if path.is_file()}
                self._answer(200, found)
            case "/environment":
                self._answer(200, dict(os.environ))
            case "/ready/off":
                Answers.ready = False
                self._answer(200, {})
            case "/ready":
                self._answer(200 if Answers.ready else 503, {})
            case "/crash":
                os._exit(3)
            case _:
                self._answer(200, {"pid": os.getpid()})

    def _answer(self, status: int, content: object) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def end(number: int, _: object) -> None:
    """Say what asked for the end, on the way out; with LINGER, take that many seconds over it."""
    print(f"told to end by signal {number}", flush=True)
    time.sleep(float(os.environ.get("LINGER", "0")))
    os._exit(0)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, end)
    host, _, port = sys.argv[1].rpartition(":")
    print("listening", flush=True)
    ThreadingHTTPServer((host, int(port)), Answers).serve_forever()
