"""On what the figures were measured."""

import os
import platform
import sqlite3
import subprocess
import tempfile
from importlib import metadata
from pathlib import Path

import psutil

import quaero_desktop
from tests.benchmarks.measuring import CHECKOUT


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def load() -> float | None:
    """Return how many processes wanted a core in the last minute, where the system tells."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def facts() -> dict[str, str]:
    """Return what has to be known to understand a figure, by name."""
    waiting = load()
    busy = waiting is not None and waiting > 0.5 * cores()
    return {
        "Machine": f"{cores()} cores of {_processor()}, {psutil.virtual_memory().total / 2**30:.0f} GB of memory,"
        f" temporary files on {_file_system()}",
        "System": f"{platform.system()} {platform.release()}",
        "Load at the start": "unknown"
        if waiting is None
        else f"{waiting:.1f}" + (" (**busy: these figures say little**)" if busy else ""),
        "Quaero Desktop": f"{quaero_desktop.__version__}{_commit()}",
        "Python, Qt, SQLite": f"{platform.python_version()}, {metadata.version('PySide6-Essentials')},"
        f" {sqlite3.sqlite_version}",
    }


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _file_system() -> str:
    folder = Path(tempfile.gettempdir()).resolve()
    holding = [each for each in psutil.disk_partitions(all=True) if folder.is_relative_to(each.mountpoint)]
    return max(holding, key=lambda each: len(each.mountpoint)).fstype if holding else "an unknown file system"


def _commit() -> str:
    """Return which commit is checked out, in words; nothing where there is no git."""
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty=, changed since"],
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return f", commit {described.stdout.strip()}"
