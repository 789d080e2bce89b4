"""What becomes of pages whose servers mean no good: every behaviour, its outcome and how long it took.

Run it with ``python -m tests.benchmarks.hostile``; the exit code is 1 when an outcome is not one that is expected.
"""

import asyncio
import sys
import tempfile
from pathlib import Path

from tests.support import hostile, hostile_servers

SELF_SIGNED = Path(__file__).parents[1] / "web" / "self_signed.pem"


def main() -> int:
    """Crawl, print the table, and return the exit code."""
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
    stored = run.good.count(hostile_servers.STORED)
    print(
        f"{len(run.visits)} behaviours, {unexpected} unexpected outcomes,"
        f" {stored} of {len(run.good)} good pages stored, {len(run.problems)} problems,"
        f" memory grew by {run.grown / 1e6:.0f} MB, {run.seconds:.1f} s"
    )
    for problem in run.problems:
        print(f"  {problem}")
    return int(unexpected > 0 or stored < len(run.good) or bool(run.problems))


if __name__ == "__main__":
    sys.exit(main())
