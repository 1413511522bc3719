"""python -m benchmarks.run [peers] [diagrams] [time_to_loss] [scaling] [limit] [--repeats 5] [--models 100000]

Runs the named parts (all by default), saves JSON and a figure in outputs/benchmarks, and puts the tables of peers and
diagrams into the README. What each measures, and how to read it: benchmarks/README.md.
"""

import argparse
import importlib.util
from typing import Any

from benchmarks import limit, peers, report, scaling, time_to_loss
from benchmarks.report import say
from benchmarks.settings import DIAGRAMS, PROBLEMS
from benchmarks.worker import measure

PARTS = ("peers", "diagrams", "time_to_loss", "scaling", "limit")


def main() -> None:
    """Measure, save, draw."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.run", description="Half an hour on two cores; rewrites the tables in README.md."
    )
    parser.add_argument("parts", nargs="*", metavar="part", help=f"of {', '.join(PARTS)}; all by default")
    parser.add_argument("--repeats", type=int, default=5, help="measurements of every contender of peers, in turn (5)")
    parser.add_argument("--models", type=int, default=100_000, help="largest number of models in scaling (100000)")
    arguments = parser.parse_args()
    if arguments.repeats < 1 or arguments.models < 1:
        parser.error("--repeats and --models must be at least 1")
    if unknown := sorted(set(arguments.parts) - set(PARTS)):
        parser.error(f"{unknown[0]}: no such part; choose from {', '.join(PARTS)}")
    torch = importlib.util.find_spec("torch") is not None
    if not torch:
        say("torch is not installed (pip install -e '.[bench]'): PyTorch is left out")
    for part in arguments.parts or PARTS:
        say(f"{part} …")
        results = _measure(part, arguments, torch)
        say(f"{part}: {report.write(part, results)}")
    report.update_readme()
    say("README.md: tables")
    if picture := report.figure():
        path = report.FOLDER / "benchmarks.png"
        picture.savefig(path, dpi=130)
        say(str(path))


def _measure(part: str, arguments: argparse.Namespace, torch: bool) -> dict[str, Any]:
    if part == "peers":
        return peers.compare(arguments.repeats, torch)
    if part == "diagrams":
        return {name: measure("command", overrides=[*overrides, *_AFRESH]) for name, overrides in DIAGRAMS.items()}
    if part == "time_to_loss":
        return {problem: time_to_loss.run(problem, torch) for problem in ("n=5, m=2", "n=20, m=5")}
    if part == "scaling":
        return scaling.run(arguments.models)
    return limit.run([problem for problem in PROBLEMS if problem != "n=2, m=1"])


_AFRESH = ("runtime.keep_programs=false",)


if __name__ == "__main__":
    main()
