"""What both a whole chat message and a piece of a streamed one hold, as providers write it: text, citations, images."""

from typing import NamedTuple

from fairlead_proxy.dialects.given_json import Given
from fairlead_proxy.dialects.openai.errors import failure_in_success, vendor_error_of
from fairlead_proxy.dialects.openai.media import image_at, url_of
from fairlead_proxy.dialects.told_json import Told
from fairlead_proxy.exchange.conversation import Citation, JsonObject, Media
from fairlead_proxy.exchange.errors import UpstreamFailure


class Content(NamedTuple):
    reasoning: str = ""
    text: str = ""


def read_content(message: Told) -> Content:
    """Return a message's text: a string, or, as Mistral's models that reason have it, a list of text and thinking.

    Source: https://docs.mistral.ai/capabilities/reasoning/
    """
    content = message.take("content")
    if isinstance(content, str):
        return Content(text=content)
    if not isinstance(content, list):
        return Content()
    reasoning = text = ""
    for part in message.objects("content"):
        text += part.text("text") or ""
        for thought in part.objects("thinking"):
            reasoning += thought.text("text") or ""
    return Content(reasoning, text)


def read_citations(message: Given) -> list[Citation]:
    """Source: https://platform.openai.com/docs/guides/tools-web-search?api-mode=chat#output-and-citations"""
    found: list[Citation] = []
    for annotation in message.objects("annotations"):
        cited = annotation.inner("url_citation")
        if cited is not None:
            found.append(
                Citation(
                    url=cited.text("url"),
                    title=cited.text("title"),
                    start=cited.whole("start_index", 0),
                    end=cited.whole("end_index", 0),
                )
            )
    return found


def write_citation(citation: Citation, span: tuple[int, int]) -> JsonObject | None:
    """Return the annotation; None for a source without a url. `span`: what it stands for, if it does not say so."""
    if not citation.url:
        return None
    start, end = citation.start, citation.end
    if start is None or end is None:
        start, end = span
    return {
        "type": "url_citation",
        "url_citation": {
            "start_index": start,
            "end_index": end,
            "url": citation.url,
            "title": citation.title or citation.url,
        },
    }


def read_images(message: Given) -> list[Media]:
    """Return what a model drew. Source: https://openrouter.ai/docs/features/multimodal/image-generation"""
    found: list[Media] = []
    for image in message.objects("images"):
        holder = image.inner("image_url")
        url = holder.text("url") if holder is not None else None
        if url:
            found.append(image_at(url))
    return found


def write_image(image: Media) -> JsonObject:
    return {"type": "image_url", "image_url": {"url": url_of(image)}}


def failure_of(error: object, body: bytes, what: str) -> UpstreamFailure | None:
    """Return the failure that the `error` of an answer, or of one of its choices, means; None if it is none."""
    if error in (None, "", {}):
        return None
    return failure_in_success(vendor_error_of(error), body, what)
