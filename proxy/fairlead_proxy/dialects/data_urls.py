"""Data urls: a file that stands where its address would. Source: RFC 2397."""

import base64
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

_DATA = "data:"


class DataUrl(NamedTuple):
    """`media_type`: in lower case, without parameters, empty where none is named; `data`: base64."""

    media_type: str
    data: str


def is_data_url(url: str) -> bool:
    return url[: len(_DATA)].lower() == _DATA


def split_data_url(url: str) -> DataUrl:
    """Take a data url apart; what is not base64 in it becomes that."""
    header, _, data = url[len(_DATA) :].partition(",")
    media_type = header.partition(";")[0].strip().lower()
    if not header.lower().endswith(";base64"):
        data = base64.b64encode(unquote_to_bytes(data)).decode()
    return DataUrl(media_type, data)


def data_url_of(media_type: str, data: str) -> str:
    return f"{_DATA}{media_type};base64,{data}"
