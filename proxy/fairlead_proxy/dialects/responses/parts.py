"""The parts of content that a caller of the Responses API sends: text, images, files, sound and refusals."""

from fairlead_proxy.dialects.dialect import InvalidCall
from fairlead_proxy.dialects.responses.json_values import Members, wrong_type
from fairlead_proxy.dialects.responses.settings import OWN, Remarks
from fairlead_proxy.exchange.conversation import CacheHint, Citation, Media, MediaKind, Refusal, Text

_TYPE_OF_ENDING = {
    "csv": "text/csv",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "html": "text/html",
    "json": "application/json",
    "md": "text/markdown",
    "pdf": "application/pdf",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "txt": "text/plain",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "xml": "text/xml",
}
_TYPE_OF_SOUND = {"wav": "audio/wav", "mp3": "audio/mpeg"}
_TEXT_TYPES = frozenset({"input_text", "output_text", "text"})


def read_content(owner: Members, name: str, remarks: Remarks) -> list[Text | Media | Refusal]:
    """Return the parts of a content, which is a text or a list; an empty text has none. Raises InvalidCall.

    Source: https://platform.openai.com/docs/api-reference/responses/create, "input".
    """
    value = owner.value(name)
    if isinstance(value, str):
        return [Text(value)] if value else []
    if not isinstance(value, list):
        raise wrong_type(owner.path_of(name), "a string or a list of parts", value)
    parts: list[Text | Media | Refusal] = []
    for path, item in owner.items(name):
        part = _read_part(Members(item, path), remarks)
        if part is not None:
            parts.append(part)
    return parts


def read_citation(value: object) -> Citation | None:
    """Return what an annotation says; None where it says nothing that others understand. Wrong types say nothing."""
    if not isinstance(value, dict):
        return None
    url, title = _text_in(value, "url"), _text_in(value, "title") or _text_in(value, "filename")
    if url is None and title is None:
        return None
    return Citation(url, title, None, _place_in(value, "start_index"), _place_in(value, "end_index"))


def split_data_url(url: str, path: str) -> tuple[str, str]:
    """Return the media type and the base64 of a data url; raise InvalidCall. Source: RFC 2397."""
    head, comma, data = url.removeprefix("data:").partition(",")
    media_type, *parameters = head.split(";")
    if not comma or "base64" not in [parameter.strip().lower() for parameter in parameters]:
        raise InvalidCall(f"'{path}' is a data url without base64: write data:TYPE;base64,DATA", path)
    return media_type.strip().lower(), data


def _read_part(part: Members, remarks: Remarks) -> Text | Media | Refusal | None:
    type_ = part.needed_text("type")
    cache = CacheHint() if part.value("prompt_cache_breakpoint") is not None else None
    if type_ in _TEXT_TYPES:
        text = part.text("text")
        if text is None:
            raise wrong_type(part.path_of("text"), "a string", None)
        citations = [read_citation(value) for _, value in part.items("annotations")]
        return Text(text, cache, tuple(citation for citation in citations if citation is not None))
    if type_ == "refusal":
        return Refusal(part.needed_text("refusal"))
    if type_ == "input_image":
        return _read_image(part, cache)
    if type_ == "input_file":
        return _read_file(part, cache)
    if type_ == "input_audio":
        sound = part.members("input_audio") or part
        format_ = sound.needed_text("format")
        media_type = _TYPE_OF_SOUND.get(format_, f"audio/{format_}")
        return Media(MediaKind.AUDIO, media_type, data=sound.needed_text("data"), cache=cache)
    remarks.bind_to(f"content of the type {type_}")
    return None


def _read_image(part: Members, cache: CacheHint | None) -> Media:
    url, file_id = part.text("image_url"), part.text("file_id")
    detail = part.text("detail")
    if not _is_one(url, file_id):
        raise InvalidCall(f"'{part.path}' must have either 'image_url' or 'file_id'", part.path)
    if file_id:
        return Media(MediaKind.IMAGE, file_id=file_id, origin=OWN, detail=detail, cache=cache)
    url = url or ""
    if not url.startswith("data:"):
        return Media(MediaKind.IMAGE, url=url, detail=detail, cache=cache)
    media_type, data = split_data_url(url, part.path_of("image_url"))
    return Media(MediaKind.IMAGE, media_type or "image/png", data=data, detail=detail, cache=cache)


def _read_file(part: Members, cache: CacheHint | None) -> Media:
    data, url, file_id = part.text("file_data"), part.text("file_url"), part.text("file_id")
    name, detail = part.text("filename"), part.text("detail")
    if not _is_one(data, url, file_id):
        raise InvalidCall(f"'{part.path}' must have one of 'file_data', 'file_url' and 'file_id'", part.path)
    if file_id:
        return Media(MediaKind.FILE, file_id=file_id, origin=OWN, name=name, detail=detail, cache=cache)
    media_type = _TYPE_OF_ENDING.get((name or "").rpartition(".")[2].lower(), "")
    if url and not url.startswith("data:"):
        return Media(MediaKind.FILE, media_type, url=url, name=name, detail=detail, cache=cache)
    written, path = (data, "file_data") if data else (url or "", "file_url")
    if written.startswith("data:"):
        given_type, written = split_data_url(written, part.path_of(path))
        media_type = given_type or media_type
    media_type = media_type or "application/octet-stream"
    return Media(MediaKind.FILE, media_type, data=written, name=name, detail=detail, cache=cache)


def _is_one(*values: str | None) -> bool:
    return len([value for value in values if value]) == 1


def _text_in(annotation: dict[str, object], name: str) -> str | None:
    value = annotation.get(name)
    return value if isinstance(value, str) and value else None


def _place_in(annotation: dict[str, object], name: str) -> int | None:
    value = annotation.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
