"""Where a text comes from, in Anthropic's form."""

from collections.abc import Mapping

from fairlead_proxy.exchange.conversation import Citation, JsonObject

CITED_BY_OTHERS = "fairlead.citation"
"""Stands for the encrypted place in a search result that a citation of another provider does not have."""


def read_citation(members: Mapping[str, str]) -> Citation | None:
    """Return what a citation's texts say; None where they say nothing that another dialect could.

    Source: https://docs.anthropic.com/en/docs/build-with-claude/citations, "Response structure"
    """
    source = members.get("source", "")
    url = members.get("url") or (source if source.startswith(("https://", "http://")) else None)
    title = members.get("title") or members.get("document_title") or (source if url is None and source else None)
    quoted = members.get("cited_text") or None
    return None if url is None and title is None and quoted is None else Citation(url, title, quoted)


def write_citation(citation: Citation) -> JsonObject | None:
    """Return a citation as of a web search, the only form that names a URL; None for one without."""
    if citation.url is None:
        return None
    return {
        "type": "web_search_result_location",
        "url": citation.url,
        "title": citation.title,
        "cited_text": citation.quoted or "",
        "encrypted_index": CITED_BY_OTHERS,
    }
