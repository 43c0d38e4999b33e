"""`${NAME}` and `${NAME:-default}`: what they become, and what is told when they become nothing."""

import pytest

from fairlead_operator.cluster.local_variables import VariableUnset, expand

ENVIRON = {"KEY": "sk-1", "EMPTY": "", "NESTED": "${KEY}"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${KEY}", "sk-1"),
        ("Bearer ${KEY}!", "Bearer sk-1!"),
        ("${KEY}${KEY}", "sk-1sk-1"),
        ("${KEY:-other}", "sk-1"),
        ("${ABSENT:-https://api.openai.com/v1}", "https://api.openai.com/v1"),
        ("${ABSENT:-}", ""),
        ("${EMPTY:-default}", "default"),
        ("${EMPTY}", ""),
        ("${NESTED}", "${KEY}"),
        ("$KEY", "$KEY"),
        ("${not a name}", "${not a name}"),
        ("", ""),
    ],
)
def test_variables_are_filled_in_once(text: str, expected: str) -> None:
    assert expand(text, ENVIRON) == expected


def test_an_unset_variable_is_named_with_the_remedy() -> None:
    with pytest.raises(VariableUnset, match=r"ABSENT is not set; set it, or write \$\{ABSENT:-default\}"):
        expand("${ABSENT}", ENVIRON)
