"""How tokens are drawn, within what a model of Anthropic's takes."""

from fairlead_proxy.dialects.anthropic.abilities import Abilities
from fairlead_proxy.exchange.conversation import JsonObject, Sampling

_HIGHEST_TEMPERATURE = 1.0
_LOWEST_TOP_P_OF_THINKING = 0.95


def write_sampling(sampling: Sampling, abilities: Abilities, *, thinks: bool, lost: set[str]) -> JsonObject:
    """Return the members, and add to `lost` what is not taken.

    Sources: https://docs.anthropic.com/en/api/messages, "temperature";
    https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking, "Feature compatibility".
    """
    for name in ("seed", "frequency_penalty", "presence_penalty", "logprobs"):
        if getattr(sampling, name) is not None:
            lost.add(name)
    written: JsonObject = {}
    temperature = sampling.temperature
    if temperature is not None and temperature > _HIGHEST_TEMPERATURE:
        lost.add("temperature above 1")
        temperature = _HIGHEST_TEMPERATURE
    if temperature is not None:
        written["temperature"] = max(0.0, temperature)
    if sampling.top_p is not None:
        written["top_p"] = sampling.top_p
    if sampling.top_k is not None:
        written["top_k"] = sampling.top_k
    for name in [name for name in written if not _is_taken(name, written, abilities, thinks)]:
        lost.add(name)
        del written[name]
    return written


def _is_taken(name: str, written: JsonObject, abilities: Abilities, thinks: bool) -> bool:
    match name:
        case "temperature":
            return written[name] == _HIGHEST_TEMPERATURE or (abilities.sampling and not thinks)
        case "top_p":
            if abilities.one_sampler and "temperature" in written and not thinks:
                return False
            return abilities.sampling and (not thinks or _LOWEST_TOP_P_OF_THINKING <= written[name] <= 1)
        case _:
            return abilities.sampling and not thinks
