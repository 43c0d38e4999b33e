"""Images, sounds and files as chat messages hold them."""

from fairlead_proxy.contract.names import DialectName
from fairlead_proxy.dialects.data_urls import data_url_of, is_data_url, split_data_url
from fairlead_proxy.dialects.dialect import InvalidCall
from fairlead_proxy.dialects.given_json import Given
from fairlead_proxy.dialects.media_types import PDF, bare_type, ending_of, type_by_name, type_of_sound
from fairlead_proxy.exchange.conversation import CacheHint, JsonObject, Media, MediaKind

_AUDIO_FORMATS = {"audio/mpeg": "mp3", "audio/x-wav": "wav", "audio/wave": "wav"}


def read_image(part: Given, name: str = "image_url", cache: CacheHint | None = None) -> Media:
    """Read `image_url`: an object with a `url`, or, as Mistral has it too, the url itself; raise InvalidCall.

    Source: https://platform.openai.com/docs/guides/images-vision
    """
    if isinstance(part.take(name), str):
        return _media_at(MediaKind.IMAGE, part.needed_text(name), cache=cache)
    image = part.inner(name)
    if image is None:
        raise part.refuse_choice(name, "an object with a 'url'")
    return _media_at(MediaKind.IMAGE, image.needed_text("url"), detail=image.text("detail"), cache=cache)


def read_video(part: Given, cache: CacheHint | None = None) -> Media:
    """Read `video_url`, which OpenAI itself does not have: https://openrouter.ai/docs/features/multimodal/videos"""
    video = part.inner("video_url")
    if video is None:
        raise part.refuse_choice("video_url", "an object with a 'url'")
    return _media_at(MediaKind.VIDEO, video.needed_text("url"), cache=cache)


def read_audio(part: Given, cache: CacheHint | None = None) -> Media:
    """Read `input_audio`; raise InvalidCall. Source: https://platform.openai.com/docs/guides/audio"""
    audio = part.inner("input_audio")
    if audio is None:
        raise part.refuse_choice("input_audio", "an object with 'data' and 'format'")
    return Media(MediaKind.AUDIO, type_of_sound(audio.needed_text("format")), audio.needed_text("data"), cache=cache)


def read_file(part: Given, cache: CacheHint | None = None) -> Media:
    """Read `file`; raise InvalidCall. Source: https://platform.openai.com/docs/guides/pdf-files"""
    file = part.inner("file")
    if file is None:
        raise part.refuse_choice("file", "an object with 'file_data' or 'file_id'")
    name = file.text("filename") or None
    file_id, data = file.text("file_id"), file.text("file_data")
    if file_id:
        return Media(MediaKind.FILE, file_id=file_id, origin=DialectName.OPENAI_CHAT, name=name, cache=cache)
    if not data:
        raise InvalidCall(f"'{file.path}' must have 'file_data' or 'file_id'", file.path)
    if is_data_url(data) or data.startswith(
        ("https://", "http://")
    ):  # a URL: https://openrouter.ai/docs/features/multimodal/pdfs
        return _media_at(MediaKind.FILE, data, name=name, cache=cache)
    return Media(MediaKind.FILE, type_by_name(name or "") or PDF, data, name=name, cache=cache)


def image_at(url: str) -> Media:
    """Return the image at a url, which may hold it."""
    return _media_at(MediaKind.IMAGE, url)


def write_media(media: Media) -> JsonObject | None:
    """Return the part of a message's content; None: chat has no words for it."""
    match media.kind:
        case MediaKind.IMAGE if media.file_id is None:
            image: JsonObject = {"url": url_of(media)}
            if media.detail is not None:
                image["detail"] = media.detail
            return {"type": "image_url", "image_url": image}
        case MediaKind.AUDIO if media.data is not None:
            kind = bare_type(media.media_type)
            audio_format = _AUDIO_FORMATS.get(kind, kind.rpartition("/")[2])
            return {"type": "input_audio", "input_audio": {"data": media.data, "format": audio_format}}
        case MediaKind.FILE if media.file_id is not None and media.origin is DialectName.OPENAI_CHAT:
            return {"type": "file", "file": {"file_id": media.file_id}}
        case MediaKind.FILE if media.data is not None:
            # A name is needed beside the data.
            return {
                "type": "file",
                "file": {
                    "filename": media.name or f"file.{ending_of(media.media_type or PDF)}",
                    "file_data": url_of(media),
                },
            }
        case _:
            return None


def url_of(media: Media) -> str:
    """Return where an image or a file is found: its url, or one that holds it."""
    if media.data is None:
        return media.url or ""
    return data_url_of(media.media_type or ("image/png" if media.kind is MediaKind.IMAGE else PDF), media.data)


def _media_at(
    kind: MediaKind, url: str, *, name: str | None = None, detail: str | None = None, cache: CacheHint | None = None
) -> Media:
    """Read a url, of which a data url is taken apart."""
    if not is_data_url(url):
        return Media(kind, url=url, name=name, detail=detail, cache=cache)
    media_type, data = split_data_url(url)
    return Media(kind, media_type, data, name=name, detail=detail, cache=cache)
