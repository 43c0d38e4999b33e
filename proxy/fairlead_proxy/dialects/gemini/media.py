"""Images, sounds, films and documents: inline, or at a place that the vendor reads from."""

from urllib.parse import urlsplit

from fairlead_proxy.contract.names import DialectName
from fairlead_proxy.dialects.dialect import InvalidCall
from fairlead_proxy.dialects.gemini.given import Given
from fairlead_proxy.dialects.gemini.json_values import object_of, text_of
from fairlead_proxy.dialects.gemini.signatures import standard_base64
from fairlead_proxy.exchange.conversation import JsonObject, Media, MediaKind

_KIND_OF_TYPE = {"image": MediaKind.IMAGE, "audio": MediaKind.AUDIO, "video": MediaKind.VIDEO}
_USUAL_TYPE = {
    MediaKind.IMAGE: "image/jpeg",
    MediaKind.AUDIO: "audio/wav",
    MediaKind.VIDEO: "video/mp4",
    MediaKind.FILE: "application/pdf",
}
_TYPE_OF_ENDING = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "heic": "image/heic",
    "heif": "image/heif",
    "gif": "image/gif",
    "bmp": "image/bmp",
    "pdf": "application/pdf",
    "txt": "text/plain",
    "md": "text/markdown",
    "html": "text/html",
    "csv": "text/csv",
    "json": "application/json",
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
"""Source: the types that https://ai.google.dev/gemini-api/docs/file-input-methods lists, and images on the web."""

_OWN_HOSTS = ("generativelanguage.googleapis.com", "www.youtube.com", "youtube.com", "youtu.be")
"""Where only the vendor itself reads: its File API, and films that it shows."""


def kind_of_type(media_type: str) -> MediaKind:
    return _KIND_OF_TYPE.get(media_type.partition("/")[0].strip().lower(), MediaKind.FILE)


def kind_of_file(uri: str) -> MediaKind:
    """Return what a file is by the ending of its name."""
    return kind_of_type(_type_of_ending(uri) or "")


def read_inline(blob: Given) -> Media:
    """Read a caller's `inlineData`; raise InvalidCall."""
    media_type, data = blob.text("mimeType"), blob.text("data")
    if not media_type:
        raise InvalidCall(f"{blob.path_of('mimeType')} is missing; say what the data is", blob.path_of("mimeType"))
    if not data:
        raise InvalidCall(f"{blob.path_of('data')} is missing; give it as base64", blob.path_of("data"))
    return Media(kind_of_type(media_type), media_type, data=standard_base64(data), name=blob.text("displayName"))


def read_file(file: Given) -> Media:
    """Read a caller's `fileData`; raise InvalidCall. What the vendor keeps is named by the uri it goes by there."""
    uri, media_type = file.text("fileUri"), file.text("mimeType") or ""
    if not uri:
        raise InvalidCall(f"{file.path_of('fileUri')} is missing; say where the file is", file.path_of("fileUri"))
    kind = kind_of_type(media_type) if media_type else kind_of_file(uri)
    if _is_kept_by_vendor(uri):
        return Media(kind, media_type, file_id=uri, origin=DialectName.GEMINI, name=file.text("displayName"))
    return Media(kind, media_type, url=uri, name=file.text("displayName"))


def read_made(blob: object) -> Media | None:
    """Read what a model made, of a provider's answer; None where it holds nothing."""
    members = object_of(blob)
    media_type, data = text_of(members.get("mimeType")), text_of(members.get("data"))
    return Media(kind_of_type(media_type), media_type, data=standard_base64(data)) if data else None


def write_media(media: Media) -> JsonObject | None:
    """Return the part; None for a file that another vendor keeps."""
    if media.data is not None:
        media_type = media.media_type or _type_of_ending(media.name or "") or _USUAL_TYPE[media.kind]
        return {"inlineData": {"mimeType": media_type, "data": media.data}}
    uri = media.url
    if uri is None and media.origin is DialectName.GEMINI:
        uri = media.file_id
    if uri is None:
        return None
    media_type = media.media_type or _type_of_ending(uri) or _USUAL_TYPE[media.kind]
    return {"fileData": {"mimeType": media_type, "fileUri": uri}}


def _type_of_ending(place: str) -> str | None:
    path = place.partition("?")[0].partition("#")[0]
    return _TYPE_OF_ENDING.get(path.rpartition(".")[2].lower())


def _is_kept_by_vendor(uri: str) -> bool:
    try:
        parts = urlsplit(uri)
        host = parts.hostname or ""
    except ValueError:
        return False
    return parts.scheme not in ("http", "https") or host in _OWN_HOSTS
