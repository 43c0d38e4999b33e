"""Images, sounds, films and documents: inline, or at a place that the vendor reads from."""

from urllib.parse import urlsplit

from fairlead_proxy.contract.names import DialectName
from fairlead_proxy.dialects.gemini.given import Message
from fairlead_proxy.dialects.gemini.signatures import standard_base64
from fairlead_proxy.dialects.media_types import PDF, kind_of_type, type_by_name
from fairlead_proxy.dialects.told_json import object_of, text_of
from fairlead_proxy.exchange.conversation import JsonObject, Media, MediaKind

_USUAL_TYPE = {
    MediaKind.IMAGE: "image/jpeg",
    MediaKind.AUDIO: "audio/wav",
    MediaKind.VIDEO: "video/mp4",
    MediaKind.FILE: PDF,
}
_OWN_HOSTS = ("generativelanguage.googleapis.com", "www.youtube.com", "youtube.com", "youtu.be")
"""Where only the vendor itself reads: its File API, and films that it shows."""


def kind_of_file(uri: str) -> MediaKind:
    """Return what a file is by the ending of its name."""
    return kind_of_type(type_by_name(uri))


def read_inline(blob: Message) -> Media:
    """Read a caller's `inlineData`; raise InvalidCall."""
    media_type, data = blob.needed_text("mimeType"), blob.needed_text("data")
    return Media(kind_of_type(media_type), media_type, data=standard_base64(data), name=blob.text("displayName"))


def read_file(file: Message) -> Media:
    """Read a caller's `fileData`; raise InvalidCall. What the vendor keeps is named by the uri it goes by there."""
    uri, media_type = file.needed_text("fileUri"), file.text("mimeType") or ""
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
        media_type = media.media_type or type_by_name(media.name or "") or _USUAL_TYPE[media.kind]
        return {"inlineData": {"mimeType": media_type, "data": media.data}}
    uri = media.url
    if uri is None and media.origin is DialectName.GEMINI:
        uri = media.file_id
    if uri is None:
        return None
    media_type = media.media_type or type_by_name(uri) or _USUAL_TYPE[media.kind]
    return {"fileData": {"mimeType": media_type, "fileUri": uri}}


def _is_kept_by_vendor(uri: str) -> bool:
    try:
        parts = urlsplit(uri)
        host = parts.hostname or ""
    except ValueError:
        return False
    return parts.scheme not in ("http", "https") or host in _OWN_HOSTS
