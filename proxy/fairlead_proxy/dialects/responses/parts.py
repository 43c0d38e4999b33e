"""The parts of content that a caller of the Responses API sends: text, images, files, sound and refusals."""

from fairlead_proxy.dialects.data_urls import is_data_url, split_data_url
from fairlead_proxy.dialects.dialect import InvalidCall
from fairlead_proxy.dialects.given_json import Given
from fairlead_proxy.dialects.media_types import type_by_name, type_of_sound
from fairlead_proxy.dialects.notes import Notes
from fairlead_proxy.dialects.responses.settings import OWN
from fairlead_proxy.dialects.told_json import list_of, place_of, text_in
from fairlead_proxy.exchange.conversation import CacheHint, Citation, Media, MediaKind, Refusal, Text

_TEXT_TYPES = frozenset({"input_text", "output_text", "text"})


def read_content(owner: Given, name: str, notes: Notes) -> list[Text | Media | Refusal]:
    """Return the parts of a content, which is a text or a list; an empty text has none. Raises InvalidCall.

    Source: https://platform.openai.com/docs/api-reference/responses/create, "input".
    """
    value = owner.take(name)
    if isinstance(value, str):
        return [Text(value)] if value else []
    if not isinstance(value, list):
        raise owner.refuse_choice(name, "a string or a list of parts")
    parts: list[Text | Media | Refusal] = []
    for item in owner.objects(name):
        part = _read_part(item, notes)
        if part is not None:
            parts.append(part)
    return parts


def read_citation(value: object) -> Citation | None:
    """Return what an annotation says; None where it says nothing that others understand. Wrong types say nothing."""
    if not isinstance(value, dict):
        return None
    url, title = text_in(value, "url") or None, text_in(value, "title") or text_in(value, "filename") or None
    if url is None and title is None:
        return None
    return Citation(url, title, None, place_of(value.get("start_index")), place_of(value.get("end_index")))


def _read_part(part: Given, notes: Notes) -> Text | Media | Refusal | None:
    type_ = part.needed_text("type")
    cache = CacheHint() if part.take("prompt_cache_breakpoint") is not None else None
    if type_ in _TEXT_TYPES:
        text = part.needed_text("text", may_be_empty=True)
        citations = [read_citation(value) for value in list_of(part.take("annotations"))]
        return Text(text, cache, tuple(citation for citation in citations if citation is not None))
    if type_ == "refusal":
        return Refusal(part.needed_text("refusal"))
    if type_ == "input_image":
        return _read_image(part, cache)
    if type_ == "input_file":
        return _read_file(part, cache)
    if type_ == "input_audio":
        sound = part.inner("input_audio") or part
        media_type = type_of_sound(sound.needed_text("format"))
        return Media(MediaKind.AUDIO, media_type, data=sound.needed_text("data"), cache=cache)
    notes.bind_to(f"content of the type {type_}")
    return None


def _read_image(part: Given, cache: CacheHint | None) -> Media:
    url, file_id = part.text("image_url"), part.text("file_id")
    detail = part.text("detail")
    if not _is_one(url, file_id):
        raise InvalidCall(f"'{part.path}' must have either 'image_url' or 'file_id'", part.path)
    if file_id:
        return Media(MediaKind.IMAGE, file_id=file_id, origin=OWN, detail=detail, cache=cache)
    url = url or ""
    if not is_data_url(url):
        return Media(MediaKind.IMAGE, url=url, detail=detail, cache=cache)
    media_type, data = split_data_url(url)
    return Media(MediaKind.IMAGE, media_type or "image/png", data=data, detail=detail, cache=cache)


def _read_file(part: Given, cache: CacheHint | None) -> Media:
    data, url, file_id = part.text("file_data"), part.text("file_url"), part.text("file_id")
    name, detail = part.text("filename"), part.text("detail")
    if not _is_one(data, url, file_id):
        raise InvalidCall(f"'{part.path}' must have one of 'file_data', 'file_url' and 'file_id'", part.path)
    if file_id:
        return Media(MediaKind.FILE, file_id=file_id, origin=OWN, name=name, detail=detail, cache=cache)
    media_type = type_by_name(name or "")
    if url and not is_data_url(url):
        return Media(MediaKind.FILE, media_type, url=url, name=name, detail=detail, cache=cache)
    written = data or url or ""
    if is_data_url(written):
        given_type, written = split_data_url(written)
        media_type = given_type or media_type
    media_type = media_type or "application/octet-stream"
    return Media(MediaKind.FILE, media_type, data=written, name=name, detail=detail, cache=cache)


def _is_one(*values: str | None) -> bool:
    return len([value for value in values if value]) == 1
