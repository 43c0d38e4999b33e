"""How tokens are drawn, within what a model of Anthropic's takes, whoever serves it.

Sources: https://docs.anthropic.com/en/api/messages, "temperature";
https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking, "Feature compatibility".
"""

from msgspec.structs import replace

from fairlead_proxy.contract.names import Feature
from fairlead_proxy.dialects.claude_models import Abilities
from fairlead_proxy.dialects.losses import Loss, above
from fairlead_proxy.exchange.conversation import Sampling

HIGHEST_TEMPERATURE = 1.0
_LOWEST_TOP_P_OF_THINKING = 0.95
_UNKNOWN = ("seed", "frequency_penalty", "presence_penalty")


def within_unit(sampling: Sampling, lost: set[str]) -> Sampling:
    """Return what models of this kind of vendor have words for: temperature and top_p, both up to 1, and top_k.

    Adds to `lost` what is not said.
    """
    for name in _UNKNOWN:
        if getattr(sampling, name) is not None:
            lost.add(Loss(name))
    if sampling.logprobs is not None:
        lost.add(Feature.LOGPROBS)
    temperature, top_p = sampling.temperature, sampling.top_p
    if temperature is not None and temperature > HIGHEST_TEMPERATURE:
        lost.add(above(Loss.TEMPERATURE, 1))
    return Sampling(
        temperature=None if temperature is None else min(max(0.0, temperature), HIGHEST_TEMPERATURE),
        top_p=None if top_p is None else min(max(0.0, top_p), 1.0),
        top_k=sampling.top_k,
    )


def fit_sampling(sampling: Sampling, abilities: Abilities, *, thinks: bool, lost: set[str]) -> Sampling:
    """Return what the model takes of it, and add to `lost` what it does not. `thinks`: it is asked to think."""
    fitting = within_unit(sampling, lost)
    settable = abilities.sampling and not thinks
    temperature, top_p = fitting.temperature, fitting.top_p
    if temperature not in (None, HIGHEST_TEMPERATURE) and not settable:
        lost.add(Loss.TEMPERATURE)
        fitting = replace(fitting, temperature=None)
    if top_p is not None and not _is_taken(top_p, abilities, thinks=thinks, alone=temperature is None):
        lost.add(Loss.TOP_P)
        fitting = replace(fitting, top_p=None)
    if fitting.top_k is not None and not settable:
        lost.add(Loss.TOP_K)
        fitting = replace(fitting, top_k=None)
    return fitting


def _is_taken(top_p: float, abilities: Abilities, *, thinks: bool, alone: bool) -> bool:
    if not abilities.sampling:
        return False
    return top_p >= _LOWEST_TOP_P_OF_THINKING if thinks else alone or not abilities.one_sampler
