"""The recent past in bounded memory."""

from hypothesis import given
from hypothesis import strategies as st

from fairlead_proxy.exchange.window import GROWTH, SLICES, LatencyWindow, Window

SPAN = 100.0
STEPS = st.lists(st.floats(0.0, 40.0), max_size=60)


@given(STEPS)
def test_all_of_the_span_is_counted_and_little_beyond_it(steps: list[float]) -> None:
    window, now, instants = Window(SPAN, 1), 1000.0, []
    for step in steps:
        now += step
        window.add(0, now)
        instants.append(now)
    counted = window.totals(now)[0]
    span_and_a_slice = sum(instant > now - SPAN - SPAN / SLICES for instant in instants)
    assert sum(instant > now - SPAN + SPAN / SLICES for instant in instants) <= counted <= span_and_a_slice


@given(st.lists(st.floats(0.0, 1e6), max_size=60))
def test_no_order_of_instants_makes_a_count_negative(instants: list[float]) -> None:
    window = Window(SPAN, 1)
    for instant in instants:
        window.add(0, instant)
    assert 0 <= window.totals(instants[-1] if instants else 0.0)[0] <= len(instants)


def test_window_forgets() -> None:
    window = Window(SPAN, 1)
    window.add(0, 0.0)
    assert window.totals(SPAN + SPAN / SLICES)[0] == 0


@given(st.lists(st.floats(0.001, 700.0), min_size=1, max_size=200), st.sampled_from([0.5, 0.95, 0.99, 1.0]))
def test_quantile_is_never_too_low_and_at_most_a_bucket_too_high(latencies: list[float], share: float) -> None:
    window = LatencyWindow(SPAN)
    for latency in latencies:
        window.observe(latency, 5.0)
    exact = sorted(latencies)[max(0, -(-int(share * 100) * len(latencies) // 100) - 1)]
    found = window.quantile(share, 5.0)
    assert found is not None
    assert exact * (1 - 1e-6) <= found <= max(exact * GROWTH, 0.001) * (1 + 1e-6)


def test_too_few_samples_say_nothing() -> None:
    window = LatencyWindow(SPAN)
    for _ in range(19):
        window.observe(0.1, 0.0)
    assert window.quantile(0.99, 0.0, least=20) is None
