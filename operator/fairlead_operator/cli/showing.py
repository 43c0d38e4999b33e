"""From where to look to what is printed: the one way of the commands that show the objects of a kind."""

from collections.abc import Callable, Sequence

from fairlead_operator.cli.answer import Answer
from fairlead_operator.cli.cluster_options import Shape, Where
from fairlead_operator.cli.gathered import Content, Gathered, GatherRefused
from fairlead_operator.cli.gathering import gather
from fairlead_operator.cli.options import refuse
from fairlead_operator.cli.telling import fail_absent, tell, tell_nothing
from fairlead_operator.resources.meta import Kind


def gather_or_refuse(kinds: Sequence[Kind], where: Where) -> Gathered:
    """Return the objects of these kinds; end with exit code 2 where they cannot be read."""
    try:
        return gather(kinds, where)
    except GatherRefused as refused:
        refuse(str(refused))


def show(
    kind: Kind, where: Where, shape: Shape, answer_of: Callable[[Sequence[Content]], Answer], *, name: str | None = None
) -> None:
    """Print what is to be said of the objects of a kind; end with exit code 1 where the one that is named is absent."""
    found = gather_or_refuse([kind], where)
    wanted = found.named(name)
    if name is not None and not wanted:
        fail_absent(kind, name)
    if not wanted and shape is Shape.TABLE:
        tell_nothing(found)
    else:
        tell(answer_of(wanted), shape, notes=found.notes)
