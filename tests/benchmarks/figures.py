"""What a benchmark tells: figures, each with what it has to be.

Every module of this folder that measures something has a function::

    def figures(quick: bool) -> Iterator[Figure]

which yields each figure as soon as it is known; *quick* asks for sizes that only prove that it works. What it prints
meanwhile is for those who look on. ``python -m tests.benchmarks`` makes one table of them all, and each module can be
run alone.
"""

import sys
from collections.abc import Iterable
from typing import NoReturn

import msgspec


class Figure(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One figure, or the reason why it is none.

    Attributes:
        what: what was measured, as the table says it.
        value: the measured number; None when it could not be measured.
        unit: of *value*; empty for a ratio or a count.
        at_least: what it has to reach; with *at_most* the same, what it has to be.
        at_most: what it may not exceed.
        detail: what the number is made of, or why there is none.
        note: a sentence below the table.
        failed: there is no number because the benchmark did not end well, not because something is missing here.
    """

    what: str
    value: float | None = None
    unit: str = ""
    at_least: float | None = None
    at_most: float | None = None
    detail: str = ""
    note: str = ""
    failed: bool = False

    @property
    def met(self) -> bool | None:
        """Whether it is as wanted; None when nothing is wanted, or it could not be measured here."""
        if self.value is None:
            return False if self.failed else None
        if self.at_least is None and self.at_most is None:
            return None
        enough = self.at_least is None or self.value >= self.at_least
        return enough and (self.at_most is None or self.value <= self.at_most)

    @property
    def measured(self) -> str:
        """The number with its unit and its details, for a person."""
        if self.value is None:
            return f"not measured: {self.detail}"
        return with_unit(self.value, self.unit) + (f" ({self.detail})" if self.detail else "")

    @property
    def wanted(self) -> str:
        """What it has to be, for a person; empty when that is nothing."""
        if self.at_least is not None and self.at_least == self.at_most:
            return with_unit(self.at_least, self.unit, exact=True)
        bounds = (("≥", self.at_least), ("≤", self.at_most))
        return " and ".join(
            f"{sign} {with_unit(bound, self.unit, exact=True)}" for sign, bound in bounds if bound is not None
        )


class Impossible(Exception):  # noqa: N818 (nothing went wrong)
    """Something that a benchmark needs is not on this machine; the message says what."""


def with_unit(value: float, unit: str, *, exact: bool = False) -> str:
    """Return a number with three digits that count, or all that were given when it is *exact*, and its unit."""
    if exact or value == int(value):
        number = f"{value:,g}" if abs(value) < 1_000_000 else f"{value:,.0f}"
    else:
        number = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
    return f"{number} {unit}" if unit else number


def tell(figures: Iterable[Figure]) -> NoReturn:
    """Print each figure with what is wanted, and end the process: with 1 when one is not as wanted."""
    good = True
    try:
        for figure in figures:
            wanted = f"   wanted {figure.wanted}" if figure.wanted else ""
            print(
                f"{figure.what}: {figure.measured}{wanted}{'' if figure.met is not False else '   NOT MET'}", flush=True
            )
            good = good and figure.met is not False
    except Impossible as missing:
        sys.exit(str(missing))
    sys.exit(0 if good else 1)
