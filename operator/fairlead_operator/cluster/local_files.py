"""The files that a user gave: found, read when they change, and held at their last good content when they break."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fairlead_operator.cluster.local_problems import Place, Problem
from fairlead_operator.resources.documents import Document, DocumentError, read_documents

STDIN = "-"
SUFFIXES = (".yaml", ".yml", ".json")

Signature = tuple[int, int, int]
"""Modification time in ns, size and inode: what tells that a file is another one than before."""


class PathMissing(Exception):
    """A path that the user gave does not exist; the message is one line with the remedy."""


@dataclass(frozen=True, slots=True)
class FileContent:
    """The last good documents of one file, and why its present content is not in force (None: it is)."""

    documents: tuple[Document, ...] = ()
    problem: Problem | None = None


@dataclass(slots=True)
class LocalFiles:
    """Paths as the user gave them: files, directories (recursively), or `-` with the text of standard input.

    `fault` says what makes a document useless in any case (empty: nothing); such a document breaks its file.
    `refresh` acts on a change only once two looks in a row have found the same: an editor that truncates or renames
    while it saves must not make objects vanish for a moment.
    """

    paths: Sequence[str]
    fault: Callable[[Document], str]
    stdin: str = ""
    contents: dict[str, FileContent] = field(default_factory=dict)
    _read: dict[str, Signature] = field(default_factory=dict)
    _seen: dict[str, Signature] = field(default_factory=dict)

    def load(self) -> None:
        """Read everything now. A path that does not exist raises PathMissing; a broken file is noted in `contents`."""
        for path in self.paths:
            if path != STDIN and not Path(path).exists():
                raise PathMissing(f"{path}: no such file or directory; give -f a file, a directory or -")
        self._seen = self._look()
        self._take(self._seen)
        if STDIN in self.paths:
            self.contents[STDIN] = self._content_of(self.stdin, "stdin", FileContent())

    def refresh(self) -> bool:
        """Read what has changed and come to rest since the last call; say whether anything was read or has gone."""
        now = self._look()
        settled = now == self._seen
        self._seen = now
        if not settled or now == self._read:
            return False
        self._take(now)
        return True

    def documents(self) -> list[Document]:
        return [document for content in self.contents.values() for document in content.documents]

    def problems(self) -> list[Problem]:
        return [content.problem for content in self.contents.values() if content.problem]

    def _look(self) -> dict[str, Signature]:
        found: dict[str, Signature] = {}
        for path in self.paths:
            if path == STDIN:
                continue
            for name in _files_below(path):
                try:
                    status = os.stat(name)
                except OSError:
                    continue
                found[name] = (status.st_mtime_ns, status.st_size, status.st_ino)
        return found

    def _take(self, now: Mapping[str, Signature]) -> None:
        for gone in [name for name in self.contents if name not in now and name != STDIN]:
            del self.contents[gone]
        for name, signature in now.items():
            if self._read.get(name) != signature:
                self.contents[name] = self._read_file(name, self.contents.get(name, FileContent()))
        self.contents = {name: self.contents[name] for name in (*now, STDIN) if name in self.contents}
        self._read = dict(now)

    def _read_file(self, name: str, before: FileContent) -> FileContent:
        try:
            text = Path(name).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            return _broken(before, name, 0, "not UTF-8 text; save it as UTF-8")
        except OSError as error:
            return _broken(before, name, 0, f"cannot be read: {error.strerror}; check that you may read it")
        return self._content_of(text, name, before)

    def _content_of(self, text: str, source: str, before: FileContent) -> FileContent:
        try:
            documents = tuple(read_documents(text, source))
        except DocumentError as error:
            return _broken(before, source, error.line, error.message)
        for document in documents:
            fault = self.fault(document)
            if fault:
                return _broken(before, source, document.line, fault)
        return FileContent(documents)


def _broken(before: FileContent, source: str, line: int, message: str) -> FileContent:
    return FileContent(before.documents, Problem(Place(source, line), " ".join(message.split())))


def _files_below(path: str) -> list[str]:
    """Return the files of a path, sorted; hidden ones and hidden directories are left out below a directory."""
    if not os.path.isdir(path):
        return [path] if os.path.exists(path) else []
    found: list[str] = []
    for directory, below, files in os.walk(path):
        below[:] = sorted(name for name in below if not name.startswith("."))
        found.extend(
            os.path.join(directory, name)
            for name in sorted(files)
            if name.endswith(SUFFIXES) and not name.startswith(".")
        )
    return found
