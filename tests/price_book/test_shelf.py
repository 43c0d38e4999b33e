"""Where the book comes from: a file that is kept, or the package, in a process of its own, when it is first needed."""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import msgspec
import pytest
from doubles.compiled import read_inventory

from fairlead_operator.price_book.book import PriceBook
from fairlead_operator.price_book.files import PACKAGE, cache_directory, read_kept, write_whole
from fairlead_operator.price_book.shelf import Shelf, needs_book

NO_GENERATOR = (sys.executable, "-c", "raise SystemExit('no book can be made')")
VERSION = version(PACKAGE)
EDITION = f"{PACKAGE} {VERSION}"


def generator_of(encoded: bytes, mark: Path) -> list[str]:
    """Return a command that prints this, and adds a line to a file each time."""
    code = "import sys; open(sys.argv[1], 'a').write('made\\n'); sys.stdout.write(sys.argv[2])"
    return [sys.executable, "-c", code, str(mark), encoded.decode()]


def test_a_book_is_made_once_and_kept(tmp_path: Path) -> None:
    book, mark = PriceBook(edition=EDITION), tmp_path / "mark"
    generator = generator_of(msgspec.json.encode(book), mark)
    environ = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    first, second = Shelf(environ, generator=generator), Shelf(environ, generator=generator)
    assert [first.book(), first.book(), second.book()] == [book] * 3
    assert (first.problem, second.problem) == ("", "")
    assert mark.read_text() == "made\n"
    assert [path.name for path in (tmp_path / "cache" / "fairlead").iterdir()] == [f"prices-{VERSION}.json"]


@pytest.mark.parametrize(
    "kept", [b"", b"[]", b'{"edition": "genai-prices 0.0.0"}', b'{"format": 0, "edition": "EDITION"}']
)
def test_a_file_that_is_torn_or_of_another_edition_or_form_is_made_anew(tmp_path: Path, kept: bytes) -> None:
    write_whole(tmp_path / "fairlead", VERSION, kept.replace(b"EDITION", EDITION.encode()))
    book = PriceBook(edition=EDITION)
    generator = generator_of(msgspec.json.encode(book), tmp_path / "mark")
    assert Shelf({"XDG_CACHE_HOME": str(tmp_path)}, generator=generator).book() == book
    assert read_kept(tmp_path / "fairlead", VERSION) == book


def test_where_nothing_can_be_kept_the_book_is_there_all_the_same(tmp_path: Path) -> None:
    book = PriceBook(edition=EDITION)
    (tmp_path / "file").touch()
    generator = generator_of(msgspec.json.encode(book), tmp_path / "mark")
    for environ in ({"XDG_CACHE_HOME": str(tmp_path / "file")}, {}):
        assert Shelf(environ, generator=generator).book() == book


def test_without_the_package_it_is_said_how_to_get_it() -> None:
    shelf = Shelf({}, package="genai-prices-of-nobody", generator=NO_GENERATOR)
    assert shelf.book() is None
    assert shelf.problem == (
        "the package genai-prices-of-nobody is not installed; to have list prices, pip install 'fairlead[prices]'"
    )


@pytest.mark.parametrize(
    ("generator", "why"),
    [
        (NO_GENERATOR, "no book can be made"),
        ((sys.executable, "-c", "print('{')"), "Input data was truncated"),
        (("/nowhere/python",), "No such file or directory"),
    ],
)
def test_a_book_that_cannot_be_made_is_a_problem_that_says_why(generator: tuple[str, ...], why: str) -> None:
    shelf = Shelf({}, generator=generator)
    assert shelf.book() is None
    assert "cannot be read: " in shelf.problem
    assert why in shelf.problem


@pytest.mark.parametrize(
    ("environ", "directory"),
    [
        ({"XDG_CACHE_HOME": "/var/cache", "HOME": "/home/one"}, "/var/cache/fairlead"),
        ({"XDG_CACHE_HOME": "relative", "HOME": "/home/one"}, "/home/one/.cache/fairlead"),
        ({"XDG_CACHE_HOME": "", "HOME": "/home/one"}, "/home/one/.cache/fairlead"),
        ({}, None),
    ],
)
def test_the_book_is_kept_where_caches_are(environ: dict[str, str], directory: str | None) -> None:
    assert cache_directory(environ) == (None if directory is None else Path(directory))


def test_the_generator_keeps_a_book_where_it_is_told_to(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "fairlead_operator.price_book.generate", "--into", str(tmp_path)]
    subprocess.run(command, check=True)
    book = read_kept(tmp_path, VERSION)
    assert book is not None
    assert len(book.providers) > 40


def test_whoever_takes_the_book_does_not_import_the_package(tmp_path: Path) -> None:
    code = (
        "import sys; from fairlead_operator.price_book.shelf import Shelf; "
        f"assert Shelf({{'XDG_CACHE_HOME': {str(tmp_path)!r}}}).book(); "
        "assert not [name for name in sys.modules if name.startswith(('genai_prices', 'httpx'))]"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


PROVIDER = """
apiVersion: fairlead.dev/v1alpha1
kind: ModelProvider
metadata: {name: lab, namespace: team}
spec: {type: %s, models: [{name: a, price: {perMTok: {input: "0"}}}%s]}
"""


@pytest.mark.parametrize(
    ("of", "more", "needed"),
    [
        ("OpenAI", "", False),
        ("OpenAI", ", {name: b}", True),
        ("Simulated", ", {name: b}", False),
        ("Nonsense", ", {name: b}", False),
    ],
)
def test_a_book_is_needed_where_a_real_model_has_no_price(of: str, more: str, needed: bool) -> None:
    assert needs_book(read_inventory(PROVIDER % (of, more))) is needed
