"""What people pay until a quality is reached, in several simulations of one project with other pipelines.

    python benchmarks/simulations.py FOLDER OTHER_FOLDER… [--shares 0.9,0.95,0.98]

The quality is a share of the exact F that the full model of the *first* simulation has; in brackets the share
of what ``random`` paid there. Folders
are what ``spacy-tagtog simulate`` wrote; simulations whose pool or test documents differ are refused.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

from spacy_tagtog.selection.curves import COSTS, Spread, cost_to_reach
from spacy_tagtog.selection.simulation_record import Round


def read(folder: Path) -> tuple[dict[str, Any], dict[str, list[list[Round]]], float]:
    """The report of a simulation, the rounds of each strategy by seed, and the F of its full model."""
    report: dict[str, Any] = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    runs: defaultdict[str, list[list[Round]]] = defaultdict(list)
    for run in report["runs"]:
        if run["strategy"] is not None:
            runs[run["strategy"]].append([Round(**one) for one in run["rounds"]])
    [full, *_] = [run["rounds"][-1]["f1"] for run in report["runs"] if run["strategy"] is None]
    return report, dict(runs), full


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--shares", default="0.9,0.95,0.98")
    arguments = parser.parse_args()
    found = [read(folder) for folder in arguments.folders]
    (first, own, full) = found[0]
    for folder, (report, _, f1) in zip(arguments.folders, found, strict=True):
        if any(report[side] != first[side] for side in ("pool", "test")):
            raise SystemExit(f"{folder} has other documents than {arguments.folders[0]}")
        print(f"{folder}: full model {100 * f1:.1f}")
    print(f"| to reach | simulation | strategy | {' | '.join(COSTS)} |\n|---|---|---|{'---|' * len(COSTS)}")
    for share in map(float, arguments.shares.split(",")):
        at_random = {
            cost: [cost_to_reach(rounds, cost, share * full) for rounds in own["random"]] for cost in COSTS
        }
        for folder, (_, runs, _) in zip(arguments.folders, found, strict=True):
            for strategy, seeds in runs.items():
                cells = []
                for cost in COSTS:
                    paid = [cost_to_reach(rounds, cost, share * full) for rounds in seeds]
                    known, others = (
                        [one for one in side if one is not None] for side in (paid, at_random[cost])
                    )
                    if len(known) < len(paid) or len(others) < len(at_random[cost]):
                        cells.append(f"{len(known)} of {len(paid)} seeds")
                    else:
                        cells.append(
                            f"{Spread.of(known):,.0f} "
                            f"({100 * sum(known) / len(known) / (sum(others) / len(others)):.0f} %)"
                        )
                print(f"| {100 * share * full:.1f} | {folder} | {strategy} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
