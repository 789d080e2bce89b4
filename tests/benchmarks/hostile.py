"""What becomes of pages whose servers mean no good: every behaviour, its outcome and how long it took.

Run it with ``python -m tests.benchmarks.hostile``; the exit code is 1 when an outcome is not one that is expected.
"""

import argparse
import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.figures import Figure, tell
from tests.support import hostile, hostile_servers

SELF_SIGNED = Path(__file__).parents[1] / "web" / "self_signed.pem"
MOST_MB = 50.0
BEHAVIOURS = 40


def figures(quick: bool) -> Iterator[Figure]:
    """Crawl, print the table, and yield what it comes to; there is nothing that could make it *quick*."""
    with tempfile.TemporaryDirectory() as folder:
        run = asyncio.run(hostile.run(Path(folder, "library"), SELF_SIGNED))
    wide = max(len(name) for name in run.visits)
    unexpected = 0
    for name, visit in run.visits.items():
        fine = visit.outcome in hostile.EXPECTED[name]
        unexpected += not fine
        status = visit.outcome if visit.outcome in (hostile_servers.STORED, hostile_servers.RECORDED) else "failed"
        cause = "" if status == visit.outcome else visit.outcome
        print(f"{name:{wide}}  {status:8}  {cause:15} {visit.seconds:6.2f} s{'' if fine else '  NOT EXPECTED'}")
    for problem in run.problems:
        print(f"  {problem}")
    stored = run.good.count(hostile_servers.STORED)
    yield Figure(what="hostile servers and pages: behaviours", value=len(run.visits), at_least=BEHAVIOURS)
    yield Figure(
        what="hostile: unexpected outcomes, errors, and good pages lost",
        value=unexpected + len(run.problems) + len(run.good) - stored,
        at_least=0,
        at_most=0,
        detail=f"{stored} of {len(run.good)} good pages stored; {run.seconds:.1f} s",
    )
    yield Figure(what="hostile: growth of memory", value=run.grown / 1e6, unit="MB", at_most=MOST_MB)


def main() -> None:
    """Crawl and judge."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    tell(figures(quick=False))


if __name__ == "__main__":
    main()
