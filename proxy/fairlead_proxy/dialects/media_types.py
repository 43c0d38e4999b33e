"""What kind of media a file is, told by its media type or by the ending of its name."""

from fairlead_proxy.exchange.conversation import MediaKind

PDF, PLAIN_TEXT = "application/pdf", "text/plain"

_OFFICE = "application/vnd.openxmlformats-officedocument"
_TYPE_OF_ENDING = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "heic": "image/heic",
    "heif": "image/heif",
    "gif": "image/gif",
    "bmp": "image/bmp",
    "pdf": PDF,
    "txt": PLAIN_TEXT,
    "md": "text/markdown",
    "html": "text/html",
    "csv": "text/csv",
    "json": "application/json",
    "xml": "text/xml",
    "docx": f"{_OFFICE}.wordprocessingml.document",
    "pptx": f"{_OFFICE}.presentationml.presentation",
    "xlsx": f"{_OFFICE}.spreadsheetml.sheet",
    "mp3": "audio/mp3",
    "wav": "audio/wav",
    "aac": "audio/aac",
    "ogg": "audio/ogg",
    "flac": "audio/flac",
    "mp4": "video/mp4",
    "mov": "video/quicktime",
    "mpeg": "video/mpeg",
    "webm": "video/webm",
}
"""Sources: the types that https://ai.google.dev/gemini-api/docs/file-input-methods and
https://platform.openai.com/docs/guides/pdf-files list, and images on the web. Sound is `audio/mp3`, as Google has it.
"""

_KIND_OF_TYPE = {"image": MediaKind.IMAGE, "audio": MediaKind.AUDIO, "video": MediaKind.VIDEO}


def bare_type(media_type: str) -> str:
    """Return a media type without its parameters, in lower case."""
    return media_type.partition(";")[0].strip().lower()


def kind_of_type(media_type: str) -> MediaKind:
    return _KIND_OF_TYPE.get(bare_type(media_type).partition("/")[0], MediaKind.FILE)


def type_by_name(place: str) -> str:
    """Return the media type by the ending of a name or a url; empty for an ending that is not known."""
    path = place.partition("?")[0].partition("#")[0]
    return _TYPE_OF_ENDING.get(path.rpartition(".")[2].lower(), "")


def type_of_sound(format_: str) -> str:
    """Return the media type of what OpenAI names by its format alone, such as wav or mp3."""
    return f"audio/{format_}"


def ending_of(media_type: str) -> str:
    """Return the ending that a file of this type is named with."""
    bare = bare_type(media_type)
    known = next((ending for ending, type_ in _TYPE_OF_ENDING.items() if type_ == bare), None)
    return known or bare.rpartition("/")[2] or "bin"
