"""What the scripted provider says, whichever the dialect."""

from collections.abc import Callable

from doubles.scripted.behaviour import WORDS, Behaviour
from doubles.scripted.turn import Form, Part, Question, Stop

Said = tuple[tuple[Part, ...], Stop]

THOUGHT = Part(Form.THOUGHT, ("let ", "me ", "think"))
REFUSAL = Part(Form.REFUSAL, ("I ", "cannot ", "help ", "with ", "that."))
PARIS = ('{"ci', 'ty":"Pa', 'ris"}')
ROME = ('{"ci', 'ty":"Ro', 'me"}')
OBJECT = Part(Form.TEXT, ('{"answer"', ": 42, ", '"city"', ':"Paris"}'))


def answer(behaviour: Behaviour, question: Question) -> Said:
    return ANSWERS[behaviour.answer](behaviour, question)


def _text(behaviour: Behaviour, question: Question) -> Said:
    return (_words(behaviour),), Stop.END


def _tools(behaviour: Behaviour, question: Question) -> Said:
    return _calls(behaviour, question, PARIS)


def _parallel(behaviour: Behaviour, question: Question) -> Said:
    return _calls(behaviour, question, PARIS, ROME)


def _json(behaviour: Behaviour, question: Question) -> Said:
    return (OBJECT,), Stop.END


def _reasoning(behaviour: Behaviour, question: Question) -> Said:
    return (THOUGHT, _words(behaviour)), Stop.END


def _refusal(behaviour: Behaviour, question: Question) -> Said:
    return (REFUSAL,), Stop.REFUSED


def _length(behaviour: Behaviour, question: Question) -> Said:
    return (_words(behaviour),), Stop.LENGTH


ANSWERS: dict[str, Callable[[Behaviour, Question], Said]] = {
    "text": _text,
    "tools": _tools,
    "parallel": _parallel,
    "json": _json,
    "reasoning": _reasoning,
    "refusal": _refusal,
    "length": _length,
}


def _calls(behaviour: Behaviour, question: Question, *arguments: tuple[str, ...]) -> Said:
    """Call the first tool; once its results are there, quote them, so that a loop of tools ends."""
    if question.results:
        return (Part(Form.TEXT, _spaced("scripted saw: " + " ".join(question.results))),), Stop.END
    if not question.tools:
        return _text(behaviour, question)
    calls = tuple(
        Part(Form.CALL, pieces, question.tools[0], question.calls_before + number)
        for number, pieces in enumerate(arguments, start=1)
    )
    # With reasoning asked for, Anthropic's models reason before they call, and want to see it again with the result.
    return (*((THOUGHT,) if question.thinks else ()), *calls), Stop.CALLS


def _words(behaviour: Behaviour) -> Part:
    if behaviour.text:
        return Part(Form.TEXT, _spaced(behaviour.text))
    return Part(Form.TEXT, tuple(WORDS[number % len(WORDS)] + " " for number in range(behaviour.tokens)))


def _spaced(text: str) -> tuple[str, ...]:
    return tuple(word + " " for word in text.split(" "))
