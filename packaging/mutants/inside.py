"""Makes the mutants in the current folder, a copy of the checkout that may be spoiled, and runs their tests.

mutmut (https://mutmut.readthedocs.io) makes them: it writes each function once for each of its mutants and chooses
between them as it is called. Three things are ours. Of SQL it knows only to spoil a whole text, which no test
overlooks; sql.py knows more. It changes nothing outside functions; mutants.toml says which constants are worth it. And
it starts pytest anew for each mutant, which takes longer than the tests: here pytest collects once, and each mutant is
a fork of that process.
"""

import ast
import collections
import json
import os
import re
import resource
import signal
import sys
import time
from collections.abc import Iterable, Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import libcst as cst
import mutmut.__main__ as mutmut_main
import pytest
import sql
from mutmut.mutation import mutators
from mutmut.mutation.data import SourceFileMutationData
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.mutation.trampoline import set_mutant_under_test
from mutmut.state import state
from mutmut.utils.file_utils import copy_also_copy_files, copy_src_dir, setup_source_paths, walk_mutatable_files
from mutmut.utils.format_utils import mangled_name_from_mutant_name, orig_function_and_class_names_from_key

FOLDER = Path("mutants").absolute()
KNOWN = FOLDER / "verdicts.json"


# --- making them ------------------------------------------------------------------------------------------------------


def of_sql(node: cst.SimpleString | cst.FormattedStringText) -> Iterable[cst.CSTNode]:
    """Yield the mutants of a text of SQL, or of what lies between the braces of an f-string."""
    if isinstance(node, cst.FormattedStringText):
        for changed in sql.mutations(node.value):
            yield node.with_changes(value=changed)
    elif node.quote == '"' and not node.prefix:
        for changed in sql.mutations(node.raw_value):
            yield node.with_changes(value=f'"{changed}"')


def of_other_text(node: cst.BaseString) -> Iterable[cst.BaseString]:
    """Do as mutmut does, but leave SQL to :func:`of_sql`: SQLite never minds capitals, and always a misspelling."""
    if not (isinstance(node, cst.SimpleString) and sql.is_sql(node.raw_value)):
        yield from mutators.operator_string(node)


def make_mutants() -> None:
    """Write the mutated modules to mutmut's folder, and let imports find them there."""
    operators: Any = mutators.mutation_operators
    operators[:] = [
        (kind, of_other_text if operator is mutators.operator_string else operator) for kind, operator in operators
    ]
    operators += [(cst.SimpleString, of_sql), (cst.FormattedStringText, of_sql)]
    FOLDER.mkdir(exist_ok=True)
    set_mutant_under_test("mutant_generation")
    with mutmut_main.CatchOutput():
        copy_src_dir()
        copy_also_copy_files()
        setup_source_paths()
        mutmut_main.create_mutants(1)
    set_mutant_under_test("")


def mutants() -> Iterator[dict[str, str]]:
    """Yield each mutant: what it is, and where, as run.py's `Verdict` has it."""
    for path in walk_mutatable_files():
        data = SourceFileMutationData(path=path)
        data.load()
        for name in data.exit_code_by_key:
            function, owner = orig_function_and_class_names_from_key(name)
            function = function.rpartition(".")[2]
            was, now = changed_lines(get_diff_for_mutant(name, path=path))
            yield {
                "name": name,
                "module": str(path),
                "kind": "sql" if is_in_sql(was, now) else "python",
                "function": f"{owner}.{function}" if owner else function,
                "was": was,
                "now": now,
            }


def constants(entries: list[dict[str, Any]]) -> Iterator[dict[str, str]]:
    """Yield the mutants of constants that mutants.toml asks for.

    Raises:
        UsageError: what is to be changed is not there, or not once.
    """
    for entry in entries:
        source = (FOLDER.parent / entry["module"]).read_text(encoding="utf-8")
        for was, now in entry["mutants"]:
            if source.count(was) != 1:
                raise pytest.UsageError(f"mutants.toml: {was!r} is not once in {entry['module']}")
            yield {
                "name": f"{entry['module']}: {was.strip()} => {now.strip()}",
                "module": entry["module"],
                "kind": "constant",
                "function": "",
                "was": was,
                "now": now,
            }


def change_constant(mutant: dict[str, str]) -> None:
    """Assign the constant anew in the module, whose functions look at it each time."""
    source = (FOLDER.parent / mutant["module"]).read_text(encoding="utf-8")
    before = {ast.dump(node) for node in ast.parse(source).body}
    changed = ast.parse(source.replace(mutant["was"], mutant["now"]))
    changed.body = [node for node in changed.body if ast.dump(node) not in before]
    exec(compile(changed, mutant["module"], "exec"), vars(sys.modules[dotted(mutant["module"])]))


def dotted(module: str) -> str:
    """Return the name by which the file *module* is imported."""
    return module.removesuffix(".py").replace("/", ".")


def changed_lines(diff: str) -> tuple[str, str]:
    """Return the lines that a diff removes and those that it adds."""
    lines = diff.splitlines()[2:]
    was, now = ("\n".join(line[1:].strip() for line in lines if line.startswith(sign)) for sign in "-+")
    return was, now


def is_in_sql(was: str, now: str) -> bool:
    """Return whether what differs lies within a text of SQL."""
    start = next((place for place, (old, new) in enumerate(zip(was, now, strict=False)) if old != new), len(now))
    texts = [match for match in re.finditer(r'"[^"]*"', was) if match.start() < start < match.end()]
    return any(sql.is_sql(match[0][1:-1]) for match in texts)


# --- trying them ------------------------------------------------------------------------------------------------------


class Loop:
    """A plugin of pytest that, once the tests are collected, runs those of each mutant in a process of its own.

    Args:
        wanted: patterns of the names of mutants to try; none for all of which nothing is known.
        processes: so many mutants at a time.
        constants: what mutants.toml says of constants.
    """

    def __init__(self, wanted: list[str], processes: int, constants: list[dict[str, Any]]) -> None:
        self._wanted = wanted
        self._processes = processes
        self._constants = constants
        self._seconds: dict[pytest.Item, float] = {}
        self._tests_of: dict[str, list[pytest.Item]] = collections.defaultdict(list)
        self._killers: dict[str, dict[str, int]] = collections.defaultdict(dict)
        self._failed: pytest.TestReport | None = None
        self._answer: int | None = None
        self.verdicts: dict[str, dict[str, str]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note the first failure. In the process of a mutant, tell of it and end: its fixtures might hang, too."""
        if not report.failed or self._failed is not None:
            return
        self._failed = report
        if self._answer is not None:
            why = (str(report.longrepr).strip().splitlines() or [""])[-1][:200]
            verdict = {"status": "killed", "by": report.nodeid, "how": f"{report.when}: {why}"}
            os.write(self._answer, json.dumps(verdict).encode())
            os._exit(0)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Try the mutants."""
        if session.testsfailed or not session.items:
            raise session.Failed("the tests cannot be collected")
        self._learn(session.items)
        made = [*mutants_outside(mutants), *constants(self._constants)]
        all_mutants = {mutant["name"]: mutant for mutant in made}
        self.verdicts = {name: verdict for name, verdict in known().items() if name in all_mutants}
        for name, mutant in all_mutants.items():
            old = self.verdicts.get(name, {})
            if any(old.get(key) != mutant[key] for key in ("function", "was", "now")):
                self.verdicts.pop(name, None)
        chosen = [
            mutant
            for name, mutant in all_mutants.items()
            if (any(fnmatch(name, each) for each in self._wanted) if self._wanted else name not in self.verdicts)
        ]
        chosen.sort(key=self._most_seconds)
        self._try_all(chosen)
        return True

    def _learn(self, items: list[pytest.Item]) -> None:
        """Run all tests without a mutant, to know which function is run by which, and how long they take."""
        print(f"{len(items)} tests without a mutant", flush=True)
        for item, following in zip(items, [*items[1:], None], strict=True):
            set_mutant_under_test("stats")
            started = time.monotonic()
            with Silence():
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if self._failed is not None:
                raise pytest.UsageError(f"{item.nodeid} fails without a mutant:\n{self._failed.longrepr}")
            self._seconds[item] = time.monotonic() - started
            for place in state()._stats | {function.rpartition(".")[0] for function in state()._stats}:
                self._tests_of[place].append(item)
            state()._stats.clear()
        for tests in self._tests_of.values():
            tests.sort(key=self._seconds.__getitem__)

    def _tests(self, mutant: dict[str, str]) -> list[pytest.Item]:
        """Return the tests of what the mutant changed: first those that noticed another one there, then the fast."""
        killers = self._killers[place_of(mutant)]
        return sorted(self._tests_of.get(place_of(mutant), []), key=lambda item: -killers.get(item.nodeid, 0))

    def _most_seconds(self, mutant: dict[str, str]) -> float:
        return sum(self._seconds[item] for item in self._tests_of.get(place_of(mutant), []))

    def _try_all(self, chosen: list[dict[str, str]]) -> None:
        waiting = collections.deque(chosen)
        running: dict[int, tuple[dict[str, str], int, float]] = {}
        counts: collections.Counter[str] = collections.Counter()
        while waiting or running:
            while waiting and len(running) < self._processes:
                mutant = waiting.popleft()
                tests = self._tests(mutant)
                if not tests:
                    self._settle(mutant, {"status": "no tests"}, counts, len(chosen))
                    continue
                limit = 60 + 10 * self._most_seconds(mutant)
                pid, answer = self._start(mutant, tests, int(limit))
                running[pid] = (mutant, answer, time.monotonic() + limit)
            for pid, (mutant, answer, deadline) in list(running.items()):
                if time.monotonic() > deadline:
                    os.kill(pid, signal.SIGKILL)
                ended, status = os.waitpid(pid, os.WNOHANG)
                if ended:
                    del running[pid]
                    with os.fdopen(answer) as pipe:
                        text = pipe.read()
                    verdict = json.loads(text) if text else {"status": end_of(status)}
                    self._settle(mutant, verdict, counts, len(chosen))
            time.sleep(0.005)
        self._save()

    def _settle(self, mutant: dict[str, str], verdict: dict[str, str], counts: Any, total: int) -> None:
        self.verdicts[mutant["name"]] = mutant | verdict
        if verdict.get("by"):
            killers = self._killers[place_of(mutant)]
            killers[verdict["by"]] = killers.get(verdict["by"], 0) + 1
        counts[verdict["status"]] += 1
        done = counts.total()
        if verdict["status"] not in ("killed", "timeout") or done % 25 == 0:
            print(f"{done}/{total} {dict(counts)} {mutant['name']} {verdict['status']}", flush=True)
            self._save()

    def _save(self) -> None:
        KNOWN.write_text(json.dumps(self.verdicts, indent=1, ensure_ascii=False), encoding="utf-8")

    def _start(self, mutant: dict[str, str], tests: list[pytest.Item], cpu_seconds: int) -> tuple[int, int]:
        """Fork a process that runs *tests*; return its id, and where it tells of the first failure."""
        read, write = os.pipe()
        sys.stdout.flush()
        pid = os.fork()
        if pid:
            os.close(write)
            return pid, read
        try:
            os.close(read)
            self._answer = write
            resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 1))
            if mutant["kind"] == "constant":
                set_mutant_under_test("")
                change_constant(mutant)
            else:
                set_mutant_under_test(mutant["name"])
            with Silence():
                for item, following in zip(tests, [*tests[1:], None], strict=True):
                    item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        except BaseException as error:
            os.write(write, json.dumps({"status": "killed", "by": "", "how": f"pytest: {error!r}"[:300]}).encode())
        finally:
            os._exit(0)


def place_of(mutant: dict[str, str]) -> str:
    """Return what tells which tests a mutant needs: its function's name, as mutmut has it, or its module's."""
    if mutant["kind"] == "constant":
        return dotted(mutant["module"])
    return mangled_name_from_mutant_name(mutant["name"])


class Silence:
    """Sends the standard streams to nowhere for a while, those of the system too."""

    def __enter__(self) -> None:
        self._kept = [os.dup(number) for number in (1, 2)]
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for number in (1, 2):
            os.dup2(nowhere, number)
        os.close(nowhere)

    def __exit__(self, *_: object) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, kept in zip((1, 2), self._kept, strict=True):
            os.dup2(kept, number)
            os.close(kept)


def end_of(status: int) -> str:
    """Return what became of a mutant whose process told of no failure, by how it ended."""
    if os.WIFSIGNALED(status):
        return "timeout" if os.WTERMSIG(status) in (signal.SIGKILL, signal.SIGXCPU) else "crashed"
    return "survived"


def mutants_outside(function: Any) -> list[dict[str, str]]:
    """Return what *function* yields with the copy of the checkout as the current folder, as mutmut expects it."""
    os.chdir(FOLDER.parent)
    try:
        return list(function())
    finally:
        os.chdir(FOLDER)


def known() -> dict[str, dict[str, str]]:
    """Return what an earlier run in this folder found out."""
    return json.loads(KNOWN.read_text(encoding="utf-8")) if KNOWN.exists() else {}


def main() -> int:
    """Make the mutants and try them."""
    options = json.loads(sys.argv[1])
    make_mutants()
    os.chdir(FOLDER)
    os.environ["MUTMUT_DEPENDENCY_DEPTH"] = "-1"
    loop = Loop(options["names"], options["processes"], options["constants"])
    return int(
        pytest.main(["-q", "--rootdir=.", "--capture=no", *options["pytest"], *options["tests"]], plugins=[loop])
    )


if __name__ == "__main__":
    sys.exit(main())
