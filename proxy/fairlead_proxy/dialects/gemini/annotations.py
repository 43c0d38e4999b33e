"""What stands beside an answer's text: where it comes from, and how likely each token was."""

from fairlead_proxy.dialects.told_json import number_of, object_of, objects_of, place_of, text_of
from fairlead_proxy.exchange.completion import TokenChance
from fairlead_proxy.exchange.conversation import Citation, JsonObject

_SOURCES = ("web", "maps", "retrievedContext")


def read_citations(candidate: JsonObject, texts: list[str]) -> list[Citation]:
    """Return the citations of a candidate whose parts hold these texts.

    The vendor counts bytes, those of grounding within their part. Sources:
    https://ai.google.dev/api/generate-content#CitationSource and #Segment. Vertex AI says `citations`.
    """
    whole = "".join(texts).encode()
    metadata = object_of(candidate.get("citationMetadata"))
    found = [
        Citation(
            url=text_of(source.get("uri")) or None,
            title=text_of(source.get("title")) or None,
            start=_characters(whole, place_of(source.get("startIndex")) or 0),
            end=_characters(whole, place_of(source.get("endIndex"))),
        )
        for source in objects_of(metadata.get("citationSources")) or objects_of(metadata.get("citations"))
    ]
    return found + _grounding(object_of(candidate.get("groundingMetadata")), texts)


def write_citations(citations: list[Citation], text: str) -> JsonObject:
    """Return the members of a candidate that tell them; the Gemini API and Vertex AI differ in the name of the list."""
    if not citations:
        return {}
    sources = [_source(citation, text) for citation in citations]
    return {"citationMetadata": {"citationSources": sources, "citations": sources}}


def read_chances(candidate: JsonObject) -> tuple[TokenChance, ...]:
    """Source: https://ai.google.dev/api/generate-content#LogprobsResult"""
    result = object_of(candidate.get("logprobsResult"))
    tops = objects_of(result.get("topCandidates"))
    chances: list[TokenChance] = []
    for index, chosen in enumerate(objects_of(result.get("chosenCandidates"))):
        top = objects_of(tops[index].get("candidates")) if index < len(tops) else []
        chances.append(TokenChance(*_chance(chosen), tuple(_chance(each) for each in top)))
    return tuple(chances)


def write_chances(chances: tuple[TokenChance, ...]) -> JsonObject:
    """Return the members of a candidate that tell them."""
    if not chances:
        return {}
    chosen = [{"token": each.token, "logProbability": each.logprob} for each in chances]
    tops = [
        {"candidates": [{"token": token, "logProbability": logprob} for token, logprob in each.top]} for each in chances
    ]
    return {"logprobsResult": {"chosenCandidates": chosen, "topCandidates": tops}}


def _grounding(metadata: JsonObject, texts: list[str]) -> list[Citation]:
    chunks = metadata.get("groundingChunks")
    sources = [_web_source(chunk) for chunk in chunks] if isinstance(chunks, list) else []
    found: list[Citation] = []
    for support in objects_of(metadata.get("groundingSupports")):
        segment, places = object_of(support.get("segment")), support.get("groundingChunkIndices")
        part = place_of(segment.get("partIndex")) or 0
        if part >= len(texts):
            continue
        before, encoded = sum(map(len, texts[:part])), texts[part].encode()
        start = _characters(encoded, place_of(segment.get("startIndex")) or 0) or 0
        end = _characters(encoded, place_of(segment.get("endIndex")))
        for place in places if isinstance(places, list) else []:
            index = place_of(place)
            if index is not None and index < len(sources):
                url, title = sources[index]
                found.append(Citation(url, title, None, before + start, None if end is None else before + end))
    return found


def _web_source(chunk: object) -> tuple[str | None, str | None]:
    members = object_of(chunk)
    for name in _SOURCES:
        source = object_of(members.get(name))
        if source:
            return text_of(source.get("uri")) or None, text_of(source.get("title")) or None
    return None, None


def _source(citation: Citation, text: str) -> JsonObject:
    source: JsonObject = {}
    for name, place in (("startIndex", citation.start), ("endIndex", citation.end)):
        if place is not None:
            source[name] = len(text[:place].encode())
    if citation.url is not None:
        source["uri"] = citation.url
    if citation.title is not None:
        source["title"] = citation.title
    return source


def _chance(candidate: JsonObject) -> tuple[str, float]:
    return text_of(candidate.get("token")), number_of(candidate.get("logProbability")) or 0.0


def _characters(text: bytes, place: int | None) -> int | None:
    return None if place is None else len(text[:place].decode(errors="ignore"))
