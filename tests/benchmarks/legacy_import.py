"""How long the import of a legacy database takes, how much memory, and how long other writes wait meanwhile (O2).

Run as ``python -m tests.benchmarks.legacy_import [JOBS] [DOCUMENTS]``; 100,000 jobs and 5,000 documents by default, and
a line in the log of each job. The file is made in a process of its own, so that the peak is the import's.
"""

import argparse
import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from quaero_desktop.domain.importing import Kind
from quaero_desktop.infra.paths import LibraryFiles
from quaero_desktop.infra.settings.sections import Settings
from quaero_desktop.services import compose
from tests.benchmarks.figures import Figure, tell
from tests.benchmarks.measuring import CHECKOUT, Spread, other_writes, peak_mb

JOBS, DOCUMENTS = 100_000, 5_000

_MAKE = (
    "import sys; from pathlib import Path; from tests.support.legacy import large;"
    " large(Path(sys.argv[1]), int(sys.argv[2]), documents=int(sys.argv[3]))"
)


async def measure(folder: Path, old: Path) -> list[Figure]:
    """Return what the import of a file into a new library costs."""
    before = peak_mb()
    async with compose.writing(LibraryFiles(folder / "library"), Settings(), create=True) as services:
        began = time.perf_counter()
        preview = await services.importing.preview(old)
        print(f"preview: {time.perf_counter() - began:.1f} s, {preview.coming['jobs']:,} jobs")
        database = services.importing._database
        assert database is not None
        async with other_writes(database) as waits:
            began = time.perf_counter()
            report = await services.importing.run(old)
            took = time.perf_counter() - began
        began = time.perf_counter()
        again = await services.importing.run(old)
        second, new = time.perf_counter() - began, sum(again.imported.values())
        peak = peak_mb()
        verified = await services.maintenance.verify()
        assert verified.ok, verified
    jobs, spread = report.imported["jobs"], Spread.of(waits)
    documents, lines = report.imported[Kind.DOCUMENTS], report.imported[Kind.LOGS]
    return [
        Figure(
            what=f"import of {jobs:,} legacy jobs",
            value=took,
            unit="s",
            detail=f"{documents:,} documents, {lines:,} log lines; {jobs / took:,.0f} jobs/s;"
            f" a second time {second:.1f} s, {new} new",
        ),
        Figure(
            what=f"import of {jobs:,} legacy jobs: longest that a small write waits meanwhile",
            value=spread.worst,
            unit="ms",
            detail=str(spread),
        ),
        Figure(
            what=f"import of {jobs:,} legacy jobs: most memory",
            value=peak,
            unit="MB",
            detail=f"{before:.0f} MB of it before",
        ),
    ]


def run(jobs: int, documents: int) -> Iterator[Figure]:
    """Make the file in a process of its own and yield what its import costs."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        old = folder / "quaero.db"
        subprocess.run([sys.executable, "-c", _MAKE, str(old), str(jobs), str(documents)], check=True, cwd=CHECKOUT)
        print(f"a file of {old.stat().st_size / 1e6:.0f} MB")
        yield from asyncio.run(measure(folder, old))


def figures(quick: bool) -> Iterator[Figure]:
    """Yield what an import costs; of a tenth of it when it is to be *quick*."""
    yield from run(JOBS // 10, DOCUMENTS // 10) if quick else run(JOBS, DOCUMENTS)


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("jobs", nargs="?", type=int, default=JOBS)
    parser.add_argument("documents", nargs="?", type=int, default=DOCUMENTS)
    given = parser.parse_args()
    tell(run(given.jobs, given.documents))


if __name__ == "__main__":
    main()
