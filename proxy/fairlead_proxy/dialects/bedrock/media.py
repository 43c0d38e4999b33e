"""Images, documents and videos as blocks of Converse: each names its format, and a document has a name of its own.

Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ContentBlock.html
"""

import re

from fairlead_proxy.dialects.losses import Loss, media_of_type, media_words
from fairlead_proxy.dialects.media_types import bare_type
from fairlead_proxy.exchange.conversation import JsonObject, Media, MediaKind

_IMAGES = {
    "image/png": "png",
    "image/jpeg": "jpeg",
    "image/jpg": "jpeg",
    "image/gif": "gif",
    "image/webp": "webp",
}
_DOCUMENTS = {
    "application/pdf": "pdf",
    "text/csv": "csv",
    "application/msword": "doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.ms-excel": "xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "text/html": "html",
    "text/markdown": "md",
    "application/json": "txt",
    "application/xml": "txt",
    "application/yaml": "txt",
}
_VIDEOS = {
    "video/mp4": "mp4",
    "video/quicktime": "mov",
    "video/x-matroska": "mkv",
    "video/matroska": "mkv",
    "video/webm": "webm",
    "video/x-flv": "flv",
    "video/mpeg": "mpeg",
    "video/mpg": "mpg",
    "video/x-ms-wmv": "wmv",
    "video/3gpp": "three_gp",
}
_MEMBER_OF_FORMAT = {
    **dict.fromkeys(_IMAGES.values(), "image"),
    **dict.fromkeys(_DOCUMENTS.values(), "document"),
    **dict.fromkeys(_VIDEOS.values(), "video"),
}
_FORMAT_OF_ENDING = {
    **{format_: format_ for format_ in _MEMBER_OF_FORMAT if format_ != "three_gp"},
    "3gp": "three_gp",
    "htm": "html",
    "jpg": "jpeg",
}
_START = re.compile(r"(?P<png>iVBOR)|(?P<jpeg>/9j/)|(?P<gif>R0lG)|(?P<webp>UklGR.{6}XRUJQ)|(?P<pdf>JVBERi0)")
"""How the base64 of a file begins that says by its first bytes what it is; a RIFF may be a sound as well as a WebP."""

_NOT_OF_NAMES = re.compile(r"[^A-Za-z0-9\s()\[\]-]+")
_SPACES = re.compile(r"\s+")
_MOST_SIGNS = 180
"""A document's name may have 200; some are left to tell two of the same name apart."""
_NAMELESS = "document"


class DocumentNames:
    """The names of one request's documents: of the signs that the vendor takes, and no two the same."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def take(self, name: str | None) -> str:
        """Return a name like this one."""
        stem, dot, ending = (name or "").rpartition(".")
        bare = stem if dot and ending.lower() in _FORMAT_OF_ENDING else name or ""
        made = _SPACES.sub(" ", _NOT_OF_NAMES.sub(" ", bare)).strip()[:_MOST_SIGNS].strip() or _NAMELESS
        free, number = made, 1
        while free in self._taken:
            number += 1
            free = f"{made} ({number})"
        self._taken.add(free)
        return free


def write_media(media: Media, names: DocumentNames, lost: set[str]) -> JsonObject | None:
    """Return the block of a piece of media; None, and why in `lost`, where the vendor has none for it."""
    if media.data is None and not (media.url or "").startswith("s3://"):
        lost.add(media_words(media))
        return None
    format_ = _format_of(media)
    if format_ is None:
        lost.add(media_words(media) if media.kind is MediaKind.AUDIO else media_of_type(media))
        return None
    if media.detail not in (None, "auto"):
        lost.add(Loss.IMAGE_DETAIL)
    member = _MEMBER_OF_FORMAT[format_]
    source = {"bytes": media.data} if media.data is not None else {"s3Location": {"uri": media.url}}
    block: JsonObject = {"format": format_, "source": source}
    if member == "document":
        block["name"] = names.take(media.name)
    return {member: block}


def media_type_of(format_: str) -> str:
    """Return the media type of an image that an answer holds."""
    return f"image/{format_}"


def _format_of(media: Media) -> str | None:
    """Return the format by type, else by the ending of a name, else by the first bytes."""
    kind = bare_type(media.media_type)
    known = _IMAGES.get(kind) or _DOCUMENTS.get(kind) or _VIDEOS.get(kind)
    if known is not None:
        return known
    ending = (media.name or media.url or "").rpartition(".")[2].lower()
    if ending in _FORMAT_OF_ENDING:
        return _FORMAT_OF_ENDING[ending]
    if kind.startswith("text/"):
        return "txt"
    found = _START.match(media.data or "")
    return None if found is None else found.lastgroup
