"""Where a text of an answer comes from, whole or as a delta of a stream: both have the same form.

Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Citation.html
"""

from fairlead_proxy.dialects.told_json import object_of, text_of
from fairlead_proxy.exchange.conversation import Citation


def read_citation(value: object) -> Citation | None:
    """Return a citation; None where it says nothing."""
    told = object_of(value)
    source = text_of(told.get("source"))
    url = text_of(object_of(object_of(told.get("location")).get("web")).get("url"))
    quoted = told.get("sourceContent")
    citation = Citation(
        url=url or (source if source.startswith(("https://", "http://")) else None),
        title=text_of(told.get("title")) or None,
        quoted="".join(text_of(object_of(piece).get("text")) for piece in quoted) or None
        if isinstance(quoted, list)
        else None,
    )
    return None if citation == Citation() else citation
