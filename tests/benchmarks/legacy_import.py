"""How long the import of a legacy database takes, how much memory, and how long other writes wait meanwhile (O2).

Run as ``python -m tests.benchmarks.legacy_import [JOBS] [DOCUMENTS]``; 100,000 jobs and 5,000 documents by default, and
a line in the log of each job. The file is made in a process of its own, so that the peak is the import's.
"""

import asyncio
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from quaero_desktop.domain.importing import Kind
from quaero_desktop.infra.paths import LibraryFiles
from quaero_desktop.infra.settings import Settings
from quaero_desktop.services import compose

_MAKE = (
    "import sys; from pathlib import Path; from tests.support.legacy import large;"
    " large(Path(sys.argv[1]), int(sys.argv[2]), documents=int(sys.argv[3]))"
)


def _peak_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak / 1e3


async def _other_writes(services: compose.Services, waits: list[float]) -> None:
    """Write now and then, as a crawl would, and note how long each write waited."""
    database = services.importing._database
    assert database is not None
    while True:
        began = time.perf_counter()
        await database.write(lambda tx: tx.execute("UPDATE library SET created_at = created_at"))
        waits.append(time.perf_counter() - began)
        await asyncio.sleep(0.02)


async def _measure(folder: Path, old: Path) -> None:
    before = _peak_mb()
    async with compose.writing(LibraryFiles(folder / "library"), Settings(), create=True) as services:
        began = time.perf_counter()
        preview = await services.importing.preview(old)
        sys.stdout.write(f"preview        {time.perf_counter() - began:6.1f} s   {preview.coming['jobs']:,} jobs\n")
        waits: list[float] = []
        others = asyncio.create_task(_other_writes(services, waits))
        began = time.perf_counter()
        report = await services.importing.run(old)
        took = time.perf_counter() - began
        others.cancel()
        await asyncio.wait([others])
        jobs = report.imported["jobs"]
        sys.stdout.write(
            f"import         {took:6.1f} s   {jobs / took:,.0f} jobs/s, {report.imported[Kind.DOCUMENTS]:,} documents,"
            f" {report.imported[Kind.LOGS]:,} log lines\n"
        )
        waits.sort()
        sys.stdout.write(
            f"other writes   {waits[len(waits) // 2] * 1000:6.0f} ms at the median,"
            f" {waits[int(len(waits) * 0.99)] * 1000:.0f} ms p99, {waits[-1] * 1000:.0f} ms at most\n"
        )
        began = time.perf_counter()
        again = await services.importing.run(old)
        sys.stdout.write(f"once more      {time.perf_counter() - began:6.1f} s   {sum(again.imported.values())} new\n")
        sys.stdout.write(f"peak memory    {_peak_mb():6.0f} MB   {before:.0f} MB of it before\n")
        verified = await services.maintenance.verify()
        sys.stdout.write(f"verify         {'nothing wrong' if verified.ok else verified}\n")


def main() -> None:
    """Measure."""
    jobs, documents = (int(each) for each in (*sys.argv[1:], *("100000", "5000")[len(sys.argv) - 1 :]))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        old = folder / "quaero.db"
        subprocess.run([sys.executable, "-c", _MAKE, str(old), str(jobs), str(documents)], check=True)
        sys.stdout.write(f"file           {old.stat().st_size / 1e6:6.0f} MB\n")
        asyncio.run(_measure(folder, old))


if __name__ == "__main__":
    main()
