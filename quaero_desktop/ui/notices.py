"""What the window has to say to its person: sentences in a bar, and deletions that can be undone."""

from collections.abc import Callable
from typing import Literal

import msgspec
from PySide6.QtCore import QObject, Signal

from quaero_desktop.domain.errors import KnownError

Kind = Literal["info", "success", "error"]

UNDO_SECONDS = 30
"""How long a deletion can be undone (X6)."""


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """A sentence for the person.

    Attributes:
        message: what happened.
        hint: what can be done about it; empty when there is nothing to do.
        kind: decides about colour and icon.
        details: the exact error, for "Copy details"; empty when there is no more to it.
        button: the text of a button beside it; empty for none.
        on_click: what the button does.
        key: a later notice with the same key takes its place; empty for none.
        progress: from 0 to 1, how far the work is that it tells of; None for no work.
    """

    message: str
    hint: str = ""
    kind: Kind = "info"
    details: str = ""
    button: str = ""
    on_click: Callable[[], None] | None = None
    key: str = ""
    progress: float | None = None


class UndoOffer(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was done and can be undone for some seconds."""

    message: str
    undo: Callable[[], None]
    seconds: int = UNDO_SECONDS


class Notices(QObject):
    """Where every part of the window says things; the bars show them.

    Signals:
        posted: a new :class:`Notice`.
        withdrawn: the key of a notice that is no longer true.
        undo_offered: a new :class:`UndoOffer`.
    """

    posted = Signal(object)
    withdrawn = Signal(str)
    undo_offered = Signal(object)

    def show(self, message: str, hint: str = "", kind: Kind = "info", *, key: str = "") -> None:
        """Say something."""
        self.post(Notice(message=message, hint=hint, kind=kind, key=key))

    def post(self, notice: Notice) -> None:
        """Say something, with a button or details."""
        self.posted.emit(notice)

    def error(self, error: KnownError) -> None:
        """Say what is wrong in the world, with its hint."""
        cause = error.__cause__
        self.post(
            Notice(
                message=error.message,
                hint=error.hint,
                kind="error",
                details=f"{type(cause).__name__}: {cause}" if cause is not None else "",
            )
        )

    def withdraw(self, key: str) -> None:
        """Take back the notice with that key: it is no longer true."""
        self.withdrawn.emit(key)

    def undo(self, message: str, on_undo: Callable[[], None], seconds: int = UNDO_SECONDS) -> None:
        """Say what was done, and offer to undo it."""
        self.undo_offered.emit(UndoOffer(message=message, undo=on_undo, seconds=seconds))
