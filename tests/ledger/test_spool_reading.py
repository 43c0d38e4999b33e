"""What a spool says is read once and in order, however it was cut, and what is missing is noticed."""

from pathlib import Path

import pytest
from doubles.spool_writer import LONG_AGO_MS, SpoolWriter, entry_line, kind_line
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead_ledger.spool.instances import BIRTH_MS, Life, clear_leftovers, find_lives
from fairlead_ledger.spool.reading import Gap, LifeReader, Read

NOW_MS = LONG_AGO_MS + 3_600_000


def life_of(writer: SpoolWriter) -> Life:
    return next(life for life in find_lives(writer.directory.parent) if life.directory == writer.directory)


def calls_of(read: Read) -> list[str]:
    return [record.call for record in read.records]


@pytest.fixture
def writer(tmp_path: Path) -> SpoolWriter:
    return SpoolWriter(tmp_path, segment_records=3)


def test_the_records_of_all_segments_come_in_order(writer: SpoolWriter) -> None:
    writer.write(*(f"call-{number}" for number in range(8)))
    read = LifeReader(life_of(writer), 0).read(100, over=False)
    assert calls_of(read) == writer.calls
    assert (read.position, read.gaps, read.unreadable) == (8, [], [])


@pytest.mark.parametrize("position", range(9))
def test_reading_goes_on_from_any_record(writer: SpoolWriter, position: int) -> None:
    writer.write(*(f"call-{number}" for number in range(8)))
    assert calls_of(LifeReader(life_of(writer), position).read(100, over=True)) == writer.calls[position:]


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 7])
def test_a_limit_cuts_nothing_off(writer: SpoolWriter, limit: int) -> None:
    writer.write(*(f"call-{number}" for number in range(8)))
    reader = LifeReader(life_of(writer), 0)
    found: list[str] = []
    while read := reader.read(limit, over=True).records:
        assert len(read) <= limit
        found += [record.call for record in read]
    assert found == writer.calls


def test_what_is_written_later_is_read_later(writer: SpoolWriter) -> None:
    reader = LifeReader(life_of(writer), 0)
    for number in range(10):
        writer.write(f"call-{number}")
        assert calls_of(reader.read(100, over=False)) == [f"call-{number}"]
        assert calls_of(reader.read(100, over=False)) == []


def test_a_record_counts_once_its_writer_has_counted_it(writer: SpoolWriter) -> None:
    writer.write("first")
    writer.write_line(entry_line("second"))
    reader = LifeReader(life_of(writer), 0)
    assert calls_of(reader.read(100, over=False)) == ["first"]
    writer.confirm()
    assert calls_of(reader.read(100, over=False)) == ["second"]


def test_of_a_life_that_is_over_every_whole_line_counts(writer: SpoolWriter) -> None:
    writer.write("first")
    writer.write_line(entry_line("second"))
    writer.write_line(entry_line("third")[:-1])
    writer.end()
    assert calls_of(LifeReader(life_of(writer), 0).read(100, over=True)) == ["first", "second"]


def test_a_kind_that_comes_later_holds_for_the_lines_after_it(writer: SpoolWriter) -> None:
    writer.write("first")
    writer.write_line(kind_line(7, namespace="team-b"))
    writer.write("second", kind=7)
    read = LifeReader(life_of(writer), 0).read(100, over=False)
    assert [record.namespace for record in read.records] == ["team-a", "team-b"]


def test_a_segment_that_was_deleted_is_a_gap(writer: SpoolWriter) -> None:
    writer.write(*(f"call-{number}" for number in range(9)))
    for segment in writer.segments()[:2]:
        segment.unlink()
    read = LifeReader(life_of(writer), 1).read(100, over=False)
    assert (calls_of(read), read.gaps, read.position) == (writer.calls[6:], [Gap(1, 5)], 9)


def test_a_segment_in_between_that_was_deleted_is_a_gap(writer: SpoolWriter) -> None:
    writer.write(*(f"call-{number}" for number in range(9)))
    writer.segments()[1].unlink()
    read = LifeReader(life_of(writer), 0).read(100, over=False)
    assert calls_of(read) == writer.calls[:3] + writer.calls[6:]
    assert read.gaps == [Gap(3, 3)]


def test_a_segment_that_is_deleted_while_it_is_read_is_read_to_its_end(writer: SpoolWriter) -> None:
    writer.write(*(f"call-{number}" for number in range(6)))
    reader = LifeReader(life_of(writer), 0)
    assert calls_of(reader.read(2, over=False)) == writer.calls[:2]
    writer.segments()[0].unlink()
    read = reader.read(100, over=False)
    assert (calls_of(read), read.gaps) == (writer.calls[2:], [])


@pytest.mark.parametrize(
    "line",
    [
        "[0,\n",
        "no JSON\n",
        entry_line("of no kind", kind=9),
        entry_line("too much", tokens=(10**13, 0)),
        entry_line("too dear", cost=10**16),
        entry_line("negative", tokens=(-1, 0)),
        entry_line("negative", cost=-1),
        entry_line("huge", tokens=(10**40, 0)),
        '[0, "half", 1.5, 0, 0, 0]\n',
    ],
)
def test_a_line_that_is_no_record_has_a_number_and_is_told(writer: SpoolWriter, line: str) -> None:
    writer.write("first")
    writer.begin()
    writer.write_line(line)
    writer.confirm()
    writer.write("third")
    read = LifeReader(life_of(writer), 0).read(100, over=False)
    assert (calls_of(read), read.unreadable, read.position) == (["first", "third"], [1], 3)


def test_a_kind_that_cannot_be_read_spoils_its_own_records_only(tmp_path: Path) -> None:
    writer = SpoolWriter(tmp_path, kinds=(kind_line(0), kind_line(1, operation="levitate")))
    writer.write("good")
    writer.write("bad", kind=1)
    read = LifeReader(life_of(writer), 0).read(100, over=False)
    assert (calls_of(read), read.unreadable) == (["good"], [1])


def test_a_kind_whose_status_is_none_of_http_cannot_be_read(tmp_path: Path) -> None:
    writer = SpoolWriter(tmp_path, kinds=(kind_line(0), kind_line(1, status=10**30)))
    writer.write("good")
    writer.write("bad", kind=1)
    read = LifeReader(life_of(writer), 0).read(100, over=False)
    assert (calls_of(read), read.unreadable) == (["good"], [1])


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_spool_cut_at_any_byte_gives_each_record_once(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    root = tmp_path_factory.mktemp("cut")
    writer = SpoolWriter(root, segment_records=1_000)
    writer.write("call-0")
    segment = writer.segments()[0]
    text = segment.read_text() + "".join(
        kind_line(number, namespace=f"team-{number}") + entry_line(f"call-{number}", kind=number)
        for number in range(1, 5)
    )
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    writer.end()
    reader = LifeReader(life_of(writer), 0)
    found: list[str] = []
    for cut in [*cuts, len(text)]:
        segment.write_text(text[:cut])
        found += calls_of(reader.read(data.draw(st.integers(1, 5)), over=True))
    found += calls_of(reader.read(100, over=True))
    assert found == [f"call-{number}" for number in range(5)]


def test_a_life_is_over_once_its_lock_is_free(writer: SpoolWriter) -> None:
    assert not life_of(writer).is_over(NOW_MS)
    writer.end()
    assert life_of(writer).is_over(NOW_MS)


def test_a_life_that_has_just_begun_is_not_over_though_it_has_no_lock_yet(tmp_path: Path) -> None:
    (tmp_path / f"main-0-{NOW_MS}").mkdir()
    (life,) = find_lives(tmp_path)
    assert not life.is_over(NOW_MS + BIRTH_MS - 1)
    assert life.is_over(NOW_MS + BIRTH_MS)


def test_what_is_no_life_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "lost+found").mkdir()
    (tmp_path / f"a-file-{NOW_MS}").write_text("")
    (tmp_path / f".gone-main-0-{NOW_MS}").mkdir()
    assert find_lives(tmp_path) == []
    clear_leftovers(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"a-file-{NOW_MS}", "lost+found"]


def test_a_life_without_counters_is_read_all_the_same(writer: SpoolWriter) -> None:
    writer.write("first")
    (writer.directory / "counters").unlink()
    assert life_of(writer).counters() is None
    assert calls_of(LifeReader(life_of(writer), 0).read(100, over=False)) == ["first"]


def test_lives_come_in_the_order_in_which_they_began(tmp_path: Path) -> None:
    for proxy, started in (("a", 30), ("b", 10), ("c", 20)):
        (tmp_path / f"{proxy}-{started}").mkdir()
    assert [life.name for life in find_lives(tmp_path)] == ["b-10", "c-20", "a-30"]


def test_a_segment_that_cannot_be_read_is_no_loss(writer: SpoolWriter) -> None:
    writer.write("first")
    (segment,) = writer.segments()
    segment.unlink()
    segment.symlink_to(segment)
    with pytest.raises(OSError, match="symbolic links"):
        LifeReader(life_of(writer), 0).read(100, over=False)
