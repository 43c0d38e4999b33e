"""One idea has one word in every dialect: what a request does not say is named alike, whoever it is written for."""

from collections import defaultdict

import pytest
from doubles.dialect_samples import MODELS
from doubles.dialect_wishes import WISHES

from fairlead_proxy.contract.names import DialectName, Feature, Operation
from fairlead_proxy.decision.expression import missing_words
from fairlead_proxy.dialects.losses import Loss, above, below, beyond, media_of_type, media_words
from fairlead_proxy.dialects.registry import provider_dialect
from fairlead_proxy.exchange.conversation import Conversation, Media, MediaKind
from fairlead_proxy.exchange.features import features_of


def words_for(conversation: Conversation) -> dict[tuple[str, ...], list[DialectName]]:
    """Return what is lost of a conversation, and with whom."""
    found: dict[tuple[str, ...], list[DialectName]] = defaultdict(list)
    for dialect, model in MODELS.items():
        if not missing_words(dialect, features_of(conversation)):
            lost = provider_dialect(dialect, Operation.CHAT).write_request(conversation, model=model).lost
            if lost:
                found[lost].append(dialect)
    return found


@pytest.mark.parametrize("wish", [wish for wish in WISHES if wish != "five such hints"])
def test_the_same_wish_is_lost_under_the_same_words(wish: str) -> None:
    assert len(words_for(WISHES[wish])) <= 1


def test_no_loss_bears_the_name_of_a_feature_or_of_another_loss() -> None:
    assert not {str(loss) for loss in Loss} & {str(feature) for feature in Feature}
    assert len({loss.value for loss in Loss}) == len(Loss.__members__)


def test_degrees_are_named_with_their_bounds() -> None:
    assert above(Loss.TEMPERATURE, 2) == "temperature above 2"
    assert below(Loss.MAX_TOKENS, 16) == "max_tokens below 16"
    assert beyond(Feature.STOP, 5) == "stop sequences beyond 5"


def test_media_are_named_as_a_decision_names_them() -> None:
    assert media_words(Media(MediaKind.VIDEO, url="https://a.example/b.mp4")) == Feature.VIDEO_URL
    assert media_words(Media(MediaKind.FILE, file_id="f", origin=DialectName.GEMINI)) == (
        "files kept at the provider (gemini)"
    )
    assert media_of_type(Media(MediaKind.IMAGE, "image/bmp", data="x")) == "image of the type image/bmp"
