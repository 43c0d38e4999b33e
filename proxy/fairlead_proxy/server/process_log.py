"""Where this process writes: its log to stderr as JSON or text, the access log to stdout, never blocking a call."""

import asyncio
import datetime
import json
import logging
import os
from concurrent.futures import ThreadPoolExecutor

PENDING_BYTES = 4 * 1024 * 1024

log = logging.getLogger(__name__)

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def set_up_log(log_format: str) -> None:
    """Log to stderr; `log_format` is `json` or `text`. asyncio's own notes come from warnings on."""
    handler = logging.StreamHandler()
    handler.setFormatter(_JsonLines() if log_format == "json" else _TextLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("asyncio").setLevel(logging.WARNING)


class LineWriter:
    """Writes lines to a file descriptor from a thread. A reader that stalls loses lines, not calls."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._pending_bytes = 0
        self._lost = 0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="access-log")

    def write(self, batch: bytes, lines: int) -> None:
        """Take so many whole lines, with their line feeds. Within the event loop only."""
        if self._pending_bytes + len(batch) > PENDING_BYTES:
            if not self._lost:
                log.warning("access log lines are being lost, stdout is not read")
            self._lost += lines
            return
        if self._lost:
            log.warning("access log lines lost, stdout was not read", extra={"lines": self._lost})
            self._lost = 0
        self._pending_bytes += len(batch)
        written = asyncio.get_running_loop().run_in_executor(self._thread, _write_whole, self._descriptor, batch)
        written.add_done_callback(lambda _: self._written(len(batch)))

    async def close(self, wait_seconds: float = 1.0) -> None:
        """Wait until all is written, as far as the reader takes it in this time."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(wait_seconds):
                await loop.run_in_executor(self._thread, bytes)
        except TimeoutError:
            pass
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _written(self, size: int) -> None:
        self._pending_bytes -= size


# The operator writes its lines in the same two forms, so that one reader serves both.
class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.datetime.fromtimestamp(record.created, datetime.UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


class _TextLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        at = datetime.datetime.fromtimestamp(record.created).astimezone()
        fields = "".join(f"  {name}={_quoted(value)}" for name, value in _fields(record).items() if value != "")
        text = f"{at:%H:%M:%S} {record.levelname.lower():7} {record.getMessage()}{fields}"
        return f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text


def _fields(record: logging.LogRecord) -> dict[str, object]:
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}


def _quoted(value: object) -> str:
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if not text or set(text) & set(' "\n\r\t=') else text


def _write_whole(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    try:
        while view:
            view = view[os.write(descriptor, view) :]
    except OSError:
        return
