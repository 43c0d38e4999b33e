"""How many bytes of text a frame of a Responses stream brings, by its looks."""

import re

from fairlead_proxy.dialects.sse import Event

_TEXT_NAMES = frozenset(
    {
        b"response.output_text.delta",
        b"response.refusal.delta",
        b"response.reasoning_summary_text.delta",
        b"response.reasoning_text.delta",
        b"response.function_call_arguments.delta",
        b"response.custom_tool_call_input.delta",
    }
)
_DELTA = re.compile(rb'"delta": ?"([^"\\]*+(?:\\.[^"\\]*+)*+)"', re.DOTALL)
_TYPE, _SPACED_TYPE = b'"type":"', b'"type": "'


def text_bytes_of(frame: Event) -> int | None:
    """See ProviderDialect. An escape counts as it is written.

    Between the quotes of a text every quote is escaped: what looks like a key with its value is one.
    """
    data, name = frame.data, frame.name
    if data is None or name not in _TEXT_NAMES or not (data.startswith(b"{") and data.endswith(b"}") and frame.whole):
        return None
    if _TYPE + name + b'"' not in data and _SPACED_TYPE + name + b'"' not in data:
        return None
    found = _DELTA.search(data)
    return len(found[1]) if found is not None else None
