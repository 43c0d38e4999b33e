"""The table of stages: measured on the real code, in the order of a call."""

from fairlead_bench.stages import measure, table


async def test_every_stage_of_a_call_has_its_cost() -> None:
    stages = await measure(repeats=1)
    names = [stage.name.partition(":")[0] for stage in stages]
    assert names == ["admit", "read", "decide", "attempt", "relay", "settle", "all of a call, between its two edges"]
    assert all(stage.micros > 0 and stage.loops > 0 for stage in stages if not stage.name.startswith("attempt"))
    assert table(stages).count("\n") == len(stages) + 1
