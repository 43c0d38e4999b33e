"""Results as tables, in Markdown, which reads as well on a terminal."""

import math

from fairlead_bench.results import Results, spread
from fairlead_bench.workloads.workload import Figures, Workload

BASE = "envoy"


def table(workload: Workload, results: Results) -> str:
    """Return one workload's table: median (least to most) of every column, and each cost as a multiple of Envoy's."""
    columns = [name for name in workload.columns if any(name in each for each in _all(results))]
    heads = ["target", *([f"÷ {BASE}", f"÷ {BASE}, by the gauge"] if workload.cost else []), *columns]
    rows = [
        [target, *_ratios(workload, results, target), *_cells(results, target, columns)] for target in results.rounds
    ]
    lines = [_row(heads), _row(["---"] * len(heads)), *(_row(row) for row in rows)]
    lines += [f"\n{target}: {why}" for target, why in results.absent.items()]
    return "\n".join(lines)


def number(value: float) -> str:
    """Return a number with as many digits as are worth reading."""
    if math.isnan(value):
        return "–"
    size = abs(value)
    if size >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if size >= 10 else f"{value:.2f}"


def _all(results: Results) -> list[Figures]:
    return [figures for rounds in results.rounds.values() for figures in rounds]


def _ratios(workload: Workload, results: Results, target: str) -> list[str]:
    if not workload.cost:
        return []
    found = [results.ratio(target, BASE, workload.cost, by_gauge=by_gauge) for by_gauge in (False, True)]
    return [number(ratio) if ratio else "–" for ratio in found]


def _cells(results: Results, target: str, columns: list[str]) -> list[str]:
    return [_cell(results, target, column) for column in columns]


def _cell(results: Results, target: str, column: str) -> str:
    values = results.values(target, column)
    if not values:
        words = [str(figures[column]) for figures in results.rounds[target] if column in figures]
        return words[-1] if words else "–"
    least, median, most = spread(values)
    if len(values) == 1 or least == most:
        return number(median)
    return f"{number(median)} ({number(least)}–{number(most)})"


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
