"""Changes to an input: of its bytes, and of the JSON within it, which a change of bytes would seldom leave whole."""

import json
import struct
from collections.abc import Callable
from random import Random
from typing import Any

from doubles.event_frames import raw_frame

_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 10**30, 1e308, 0.5, "", "x", "\ud83d", "\0", [], {}, [[]], {"": None}),
    *("text", "user", "assistant", "model", "tool", "image/png", "AA==", "https://x", "auto", "9" * 400, [None, {}]),
)
_PRELUDE = struct.Struct("!II")


def mutated(data: bytes, random: Random) -> bytes:
    """Return the input, changed in one way or two."""
    for _ in range(random.randint(1, 2)):
        data = random.choice(_WAYS)(data, random)
    return data


def _flipped(data: bytes, random: Random) -> bytes:
    made = bytearray(data)
    for _ in range(random.randint(1, 4)):
        if made:
            made[random.randrange(len(made))] ^= 1 << random.randrange(8)
    return bytes(made)


def _cut_off(data: bytes, random: Random) -> bytes:
    return data[: random.randint(0, len(data))]


def _without_piece(data: bytes, random: Random) -> bytes:
    start, end = sorted(random.randint(0, len(data)) for _ in range(2))
    return data[:start] + data[end:]


def _with_piece_again(data: bytes, random: Random) -> bytes:
    start, end = sorted(random.randint(0, len(data)) for _ in range(2))
    place = random.randint(0, len(data))
    return data[:place] + data[start:end] + data[place:]


def _with_odd_bytes(data: bytes, random: Random) -> bytes:
    place = random.randint(0, len(data))
    odd = random.choice([b"\0", b"\xff", b"\xed\xa0\x80", b"\r", b"\n\n", b"\\ud83d", b'"', b"}", b"1e999", b"[" * 200])
    return data[:place] + odd + data[place:]


def _with_other_json(data: bytes, random: Random) -> bytes:
    """Change a value in it: in the whole, in a line of a stream, or in the payload of a frame."""
    if _is_framed(data):
        return _reframed(data, random)
    if b"data:" not in data:
        return _changed(data, random)
    lines = data.split(b"\n")
    places = [place for place, line in enumerate(lines) if line.startswith(b"data:")]
    if places:
        place = random.choice(places)
        lines[place] = b"data: " + _changed(lines[place][len(b"data:") :], random)
    return b"\n".join(lines)


def _changed(text: bytes, random: Random) -> bytes:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    places = [*_places(value)]
    if not places:
        return json.dumps(random.choice(_VALUES)).encode()
    holder, key = random.choice(places)
    match random.randrange(4):
        case 0:
            del holder[key]
        case 1:
            other, at = random.choice(places)
            # A copy: a value that held itself would have no end.
            holder[key] = json.loads(json.dumps(other[at]))
        case _:
            holder[key] = random.choice(_VALUES)
    return json.dumps(value).encode()


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Return every place in a value that holds another: its holder, and the key there."""
    found: list[tuple[Any, Any]] = []
    waiting = [value]
    while waiting:
        holder = waiting.pop()
        if isinstance(holder, dict | list):
            keys = list(holder) if isinstance(holder, dict) else range(len(holder))
            found += [(holder, key) for key in keys]
            waiting += [holder[key] for key in keys]
    return found


def _is_framed(data: bytes) -> bool:
    return len(data) >= 16 and _PRELUDE.unpack_from(data)[0] <= len(data) and data[0] == 0


def _reframed(data: bytes, random: Random) -> bytes:
    """Return a stream of frames with the payload of one changed, or with two frames in each other's place."""
    frames: list[bytes] = []
    rest = data
    while _is_framed(rest):
        length = max(16, _PRELUDE.unpack_from(rest)[0])
        frames.append(rest[:length])
        rest = rest[length:]
    if random.randrange(4) == 0:
        random.shuffle(frames)
        return b"".join(frames) + rest
    place = random.randrange(len(frames))
    frame = frames[place]
    head_bytes = min(_PRELUDE.unpack_from(frame)[1], len(frame) - 16)
    head, payload = frame[12 : 12 + head_bytes], frame[12 + head_bytes : -4]
    frames[place] = raw_frame(_changed(payload, random), head)
    return b"".join(frames) + rest


_WAYS: tuple[Callable[[bytes, Random], bytes], ...] = (
    _flipped,
    _cut_off,
    _without_piece,
    _with_piece_again,
    _with_odd_bytes,
    _with_other_json,
    _with_other_json,
    _with_other_json,
    _with_other_json,
)
"""JSON is changed as often as all else together changes bytes: it leads further in."""
