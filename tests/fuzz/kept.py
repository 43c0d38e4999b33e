"""The kept inputs of each target, in a folder of its name."""

from pathlib import Path

ROOM = Path(__file__).parent / "corpus"
MOST_BYTES = 4096


def entries(target: str) -> list[Path]:
    return sorted((ROOM / target).iterdir())


def keep(target: str, name: str, data: bytes) -> Path:
    """Keep an input, so that every run of the tests tries it again."""
    path = ROOM / target / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path
