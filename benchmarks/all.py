"""Run every benchmark and print one table of figures and targets.

    python benchmarks/all.py [--only NAME] [--runs N] [--sizes N,N,...] [--work DIR] [--json FILE] [--long]

DIR keeps the libraries for later runs; one of a million files takes some minutes and 4 GB. Without --work, the folder
is temporary.
"""

import argparse
import json
import platform
import tempfile
from pathlib import Path

import applies
import code_figures
import covering
import exports
import inventory
import pace
import plans
from measure import Benchmark, Figure, Options

BENCHMARKS: dict[str, Benchmark] = {
    "code": code_figures.figures,
    "start-up": plans.start_up,
    "tate": plans.tate,
    "plans": plans.figures,
    "covering": covering.figures,
    "applies": applies.figures,
    "pace": pace.figures,
    "exports": exports.figures,
    "inventory": inventory.figures,
    "octodns": plans.beside_octodns,
}


def main() -> None:
    """Print the table."""
    asked = arguments()
    found: list[Figure] = []
    print(f"Python {platform.python_version()}, median of {asked.runs}", flush=True)
    print(f"{'name':58} {'figure':>12} {'unit':20} {'target':>9} met", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        work = (asked.work or Path(folder)).resolve()
        work.mkdir(parents=True, exist_ok=True)
        options = Options(work, asked.runs, asked.sizes, asked.long)
        for name in asked.only or BENCHMARKS:
            for figure in BENCHMARKS[name](options):
                found.append(figure)
                print(line(figure), flush=True)
    if asked.json:
        asked.json.write_text(json.dumps([figure._asdict() for figure in found], indent=2) + "\n", encoding="utf-8")
    missed = [figure for figure in found if figure.is_met is False]
    print(f"{len(found)} figures, {len(missed)} miss their targets")


def line(figure: Figure) -> str:
    """Return a row of the table."""
    measured = "-" if figure.figure is None else number(figure.figure)
    target = "" if figure.target is None else number(figure.target)
    met = {None: "", True: "yes", False: "NO"}[figure.is_met]
    return f"{figure.name:58} {measured:>12} {figure.unit:20} {target:>9} {met}".rstrip()


def number(value: float) -> str:
    """Return a number with three digits at least, and no more than it needs."""
    return f"{value:,.0f}" if value == int(value) or value >= 100 else f"{value:.3g}"  # noqa: PLR2004 - three digits


def arguments() -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--only", action="append", choices=BENCHMARKS, metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--runs", type=int, default=1, metavar="N", help="print the median of N runs (default: 1)")
    parser.add_argument("--sizes", type=sizes, default=plans.SIZES, metavar="N,N,...", help="numbers of files to plan")
    parser.add_argument("--work", type=Path, metavar="DIR", help="the folder for libraries, which are kept")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to FILE")
    parser.add_argument("--long", action="store_true", help="also run the longest benchmarks")
    return parser.parse_args()


def sizes(text: str) -> tuple[int, ...]:
    """Return sizes that are given as text."""
    return tuple(map(int, text.split(",")))


if __name__ == "__main__":
    main()
