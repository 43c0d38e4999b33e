"""Files, told by their media type, by the ending of their name, or by the data url that holds them."""

import pytest

from fairlead_proxy.dialects.data_urls import data_url_of, is_data_url, split_data_url
from fairlead_proxy.dialects.media_types import ending_of, kind_of_type, type_by_name
from fairlead_proxy.exchange.conversation import MediaKind


@pytest.mark.parametrize(
    ("url", "media_type", "data"),
    [
        ("data:image/PNG;base64,QUJD", "image/png", "QUJD"),
        ("DATA:text/plain;charset=utf-8;BASE64,QUJD", "text/plain", "QUJD"),
        ("data:,a%20b", "", "YSBi"),
        ("data:image/svg+xml,%3Csvg/%3E", "image/svg+xml", "PHN2Zy8+"),
        ("data:", "", ""),
    ],
)
def test_a_data_url_is_taken_apart(url: str, media_type: str, data: str) -> None:
    assert is_data_url(url)
    assert split_data_url(url) == (media_type, data)


def test_a_data_url_that_was_written_reads_back() -> None:
    assert split_data_url(data_url_of("image/png", "QUJD")) == ("image/png", "QUJD")
    assert not is_data_url("https://e.org/data:")


def test_a_file_is_known_by_the_ending_of_its_name() -> None:
    assert type_by_name("https://e.org/a.b/Cat.JPG?x=.png#y") == "image/jpeg"
    assert (type_by_name("report"), type_by_name("")) == ("", "")
    endings = [ending_of(type_) for type_ in ("application/pdf", "text/plain; charset=x", "image/JPEG", "x/odd", "")]
    assert endings == ["pdf", "txt", "jpg", "odd", "bin"]


def test_the_kind_of_media_is_told_by_its_type() -> None:
    types = ("image/png", "AUDIO/wav; x=y", "video/mp4", "text/plain", "")
    assert [kind_of_type(type_) for type_ in types] == [
        *(MediaKind.IMAGE, MediaKind.AUDIO, MediaKind.VIDEO, MediaKind.FILE, MediaKind.FILE),
    ]
