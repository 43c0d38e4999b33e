"""A request in Anthropic's form, decoded as far as it is asked; paths in it are written as the vendor writes them."""

import msgspec
from msgspec import Raw

from fairlead_proxy.dialects.dialect import InvalidCall
from fairlead_proxy.dialects.given_json import Given
from fairlead_proxy.dialects.json_text import decode_whole
from fairlead_proxy.dialects.refusing import REFUSED, check_utf8, refusal_of

_MEMBERS = msgspec.json.Decoder(dict[str, Raw])


class Block(Given):
    """An object of a request; the third message is `messages.2`."""

    __slots__ = ()

    item_place = ".{}"


def decode_body(body: bytes) -> dict[str, Raw]:
    """Decode the outermost object; raise InvalidCall. What is sent where the bytes pass is the original."""
    if not body.isascii():
        check_utf8(body)
    try:
        return decode_whole(_MEMBERS, body)
    except msgspec.ValidationError:
        raise InvalidCall("the request body is not a JSON object") from None
    except REFUSED as error:
        raise refusal_of(error) from None
