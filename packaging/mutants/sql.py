"""Mutants of SQL: what one would get wrong in a statement, one thing at a time."""

import re
from collections.abc import Iterator

_SQL = re.compile(
    r"\b(SELECT|INSERT INTO|UPDATE|DELETE FROM|FROM|WHERE|AND|ORDER BY|LIMIT|VALUES|SET|UNION|PRAGMA|BEGIN|COMMIT|"
    r"ROLLBACK|SAVEPOINT|RELEASE|WITH RECURSIVE|NULL)\b|^ ?tries = "
)
_OPERAND = r"(?:\?|:\w+|'\w*'|\+?[\w.]+(?:\([^()]*\))?)"
_COMPARISON = re.compile(rf"(\b(?:WHERE|AND|OR|ON) |\()({_OPERAND}) (<=|>=|<>|=|<|>) ({_OPERAND})(?![\w.(])")
_MEMBERSHIP = re.compile(rf"(\b(?:WHERE|AND|OR) |\()({_OPERAND} IN \((?:[^()]|\([^()]*\))*\))")
_ASSIGNMENT = re.compile(
    r"(\bSET |, |^ ?)(\w+) = (\?|NULL|'\w+'|\d+|\w+ [-+] \d|iif\([^()]*\)|excluded\.\w+)(?=, |,$| WHERE|$)"
)
_BOUNDS = {"<=": "<", ">=": ">", "<": "<=", ">": ">="}
_OTHER_STATE = {"ready": "alone", "delayed": "ready", "leased": "ready", "alone": "ready", "dead": "ready"}
_RULES: tuple[tuple[str, str], ...] = (
    (r"\bIS NOT NULL\b", "IS NULL"),
    (r"\bIS NULL\b", "IS NOT NULL"),
    (r" OR ", " AND "),
    (r" ORDER BY [\w., ]+?(?= LIMIT|$)", ""),
    (r" DESC\b", ""),
    (r"(ORDER BY (?:[\w.]+(?: DESC)?, )?[\w.]+)(?=,| LIMIT|$)", r"\1 DESC"),
    (r"(?<=ORDER BY )[\w.]+(?: DESC)?, ", ""),
    (r"(ORDER BY [\w.]+(?: DESC)?), [\w.]+", r"\1"),
    (r"\bmin\(", "max("),
    (r"\bLEFT JOIN\b", "JOIN"),
    (r" \+ 1\b", ""),
    (r" - 1\b", ""),
    (r" LIMIT 1\b", " LIMIT 2"),
    (r" LIMIT \?", " LIMIT ? + 1"),
    (r" OFFSET \?", " OFFSET ? + 1"),
    (r" ON CONFLICT DO UPDATE .*", " ON CONFLICT DO NOTHING"),
    (r"\bBEGIN IMMEDIATE\b", "BEGIN"),
    (r"^BEGIN$", "SELECT 1"),
    (r"\bTRUNCATE\b", "PASSIVE"),
    (r"^ROLLBACK$", "COMMIT"),
    (r"^COMMIT$", "ROLLBACK"),
    (r"^(SAVEPOINT one|ROLLBACK TO one|RELEASE one)$", "SELECT 1"),
    (r"= 0\b", "= 1"),
)


def is_sql(text: str) -> bool:
    """Return whether *text* is a statement or a part of one."""
    return _SQL.search(text) is not None


def mutations(text: str) -> Iterator[str]:
    """Yield *text*, which may be a part of a statement, with one thing changed: for each thing worth changing.

    A comparison is dropped, or its bound moved by one; an assignment leaves the column as it is; a state is another
    one; an order is dropped, turned round or cut. Each parameter stays, so that no test notices by their number alone.
    """
    if not is_sql(text):
        return
    seen = {text}
    for start, end, replacement in _replacements(text):
        changed = text[:start] + replacement + text[end:]
        if changed not in seen:
            seen.add(changed)
            yield changed


def _replacements(text: str) -> Iterator[tuple[int, int, str]]:
    for pattern, replacement in _RULES:
        for match in re.finditer(pattern, text):
            yield match.start(), match.end(), match.expand(replacement)
    for match in _COMPARISON.finditer(text):
        before, left, operator, right = match.groups()
        yield match.start(), match.end(), f"{before}({left} {operator} {right} OR 1)"
        if operator in _BOUNDS:
            yield match.start(), match.end(), f"{before}{left} {_BOUNDS[operator]} {right}"
    for match in _MEMBERSHIP.finditer(text):
        yield match.start(), match.end(), f"{match[1]}({match[2]} OR 1)"
    for match in _ASSIGNMENT.finditer(text):
        if "WHERE" in text[: match.start()]:
            continue
        before, column, value = match.groups()
        yield match.start(), match.end(), f"{before}{column} = iif(1, {column}, {value})"
        if value[1:-1] in _OTHER_STATE:
            yield match.start(), match.end(), f"{before}{column} = '{_OTHER_STATE[value[1:-1]]}'"
    for match in re.finditer(r"(?<=[(, ])'(\w+)'(?=[,)])", text):
        if match[1] in _OTHER_STATE:
            yield match.start(), match.end(), f"'{_OTHER_STATE[match[1]]}'"
