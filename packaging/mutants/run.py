"""Breaks the queue and the writer on purpose, one small thing at a time, and tells which of it no test notices.

Started by `packaging/dev.py mutants`, in an environment that has mutmut. All work is done in a copy; the checkout stays
as it is. What is broken, and which mutants make no difference, says mutants.toml. Standard library only.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
COPIED = ("quaero_desktop", "tests", "resources", "pyproject.toml")


@dataclass(frozen=True)
class Verdict:
    """What became of one mutant.

    Attributes:
        kind: ``python``, ``sql`` or ``constant``.
        function: where it is, such as ``Queue.receive``; empty for a constant.
        was: the line or lines as they are.
        now: what the mutant made of them.
        status: ``killed``, ``timeout`` (it hung so that no test could end it), ``survived`` or ``no tests``.
        by: the test that noticed first; empty when none did, or when it hung.
        how: in which phase of the test, and the last line of what it said.
        name: mutmut's.
        why: for an equivalent mutant, why it makes no difference; empty for all others.
    """

    module: str
    kind: str
    function: str
    was: str
    now: str
    status: str
    by: str = ""
    how: str = ""
    name: str = ""
    why: str = ""

    @property
    def is_killed(self) -> bool:
        """Whether the tests noticed."""
        return self.status in ("killed", "timeout")

    @property
    def hung(self) -> bool:
        """Whether it was noticed by nothing but the time it took."""
        return self.status == "timeout" or "Timeout" in self.how


def main(arguments: Sequence[str]) -> int:
    """Make the mutants, let the tests look at each, and print what became of them.

    Returns:
        0 when enough were killed in each module, counting those that make no difference as survivors; 1 when not.
    """
    parser = argparse.ArgumentParser(prog="dev.py mutants", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", help="only mutants whose names match, such as '*receive*'; else all")
    parser.add_argument("--folder", type=Path, help="work there, keep what was found, and go on from it")
    parser.add_argument("--processes", type=int, default=1, help="so many mutants at a time; default 1")
    chosen = parser.parse_args(arguments)
    config = tomllib.loads((HERE / "mutants.toml").read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory(prefix="quaero-mutants-") as temporary:
        folder = (chosen.folder or Path(temporary)).absolute()
        copy_checkout(folder)
        (folder / "setup.cfg").write_text(setup_cfg(config), encoding="utf-8")
        options = {
            "names": chosen.names,
            "processes": chosen.processes,
            "constants": config["constant"],
            "tests": config["tests"],
            # In the order of the files, so that two runs are alike.
            "pytest": ["-p", "no:cacheprovider", "-p", "no:randomly", f"--timeout={config['seconds_per_test']}"],
        }
        inside = [sys.executable, str(HERE / "inside.py"), json.dumps(options)]
        code = subprocess.run(inside, cwd=folder, env=environment(folder), check=False).returncode
        if code:
            return code
        found = json.loads((folder / "mutants" / "verdicts.json").read_text(encoding="utf-8"))
        verdicts = [Verdict(**each) for each in found.values()]
    verdicts = [with_reason(verdict, config.get("equivalent", [])) for verdict in verdicts]
    return tell(verdicts, config, check_floor=not chosen.names)


def copy_checkout(folder: Path) -> None:
    """Copy what the tests need to *folder*, over what an earlier run left there."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, folder / name, ignore=ignored, dirs_exist_ok=True)
        else:
            shutil.copy2(source, folder / name)


def environment(folder: Path) -> dict[str, str]:
    """Return the variables of the processes that run tests of mutants in *folder*."""
    temporary = folder / "tmp"
    temporary.mkdir(exist_ok=True)
    return {**os.environ, "TMPDIR": os.environ.get("TMPDIR", str(temporary)), "PYTHONDONTWRITEBYTECODE": "1"}


def setup_cfg(config: dict[str, Any]) -> str:
    """Return what mutmut is told."""
    modules = "".join(f"\n    {module}" for module in config["modules"])
    return f"[mutmut]\nsource_paths = quaero_desktop\nonly_mutate ={modules}\nalso_copy = resources\n"


def with_reason(verdict: Verdict, equivalents: list[dict[str, str]]) -> Verdict:
    """Return *verdict*, with the reason if it is known to make no difference."""
    for each in equivalents:
        if (verdict.function, verdict.was, verdict.now) == (each["function"], each["was"], each["now"]):
            return Verdict(**{**vars(verdict), "why": each["why"]})
    return verdict


def tell(verdicts: list[Verdict], config: dict[str, Any], *, check_floor: bool) -> int:
    """Print the score of each module and the survivors; return the exit code."""
    for verdict in sorted(verdicts, key=lambda each: (each.module, bool(each.why), each.function)):
        if verdict.is_killed:
            continue
        print(f"\n{verdict.status}: {verdict.module} {verdict.function} ({verdict.kind})")
        print("\n".join(f"    - {line}" for line in verdict.was.splitlines()))
        print("\n".join(f"    + {line}" for line in verdict.now.splitlines()))
        if verdict.name:
            print(f"    {verdict.name}")
        if verdict.why:
            print(f"    makes no difference: {verdict.why}")
    enough = True
    print(f"\n{'':44}{'mutants':>9}{'killed':>8}{'by time':>9}{'survived':>10}{'of them equivalent':>20}{'score':>8}")
    for module in config["modules"]:
        of_module = [verdict for verdict in verdicts if verdict.module == module]
        for kind in ("python", "sql", "constant", ""):
            these = [verdict for verdict in of_module if kind in ("", verdict.kind)]
            if not these:
                continue
            killed = sum(verdict.is_killed for verdict in these)
            equivalent = sum(bool(verdict.why) for verdict in these if not verdict.is_killed)
            hung = sum(verdict.hung for verdict in these)
            score = 100 * killed / len(these)
            without = 100 * killed / max(1, len(these) - equivalent)
            name = f"  {kind}" if kind else module
            print(
                f"{name:44}{len(these):>9}{killed:>8}{hung:>9}{len(these) - killed:>10}{equivalent:>20}{score:>7.1f}%"
                f" ({without:.1f}% without the equivalent ones)"
            )
            if not kind and score < config["floor"]:
                enough = False
    if check_floor and not enough:
        print(f"Fewer than {config['floor']}% were killed.")
    return int(check_floor and not enough)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
