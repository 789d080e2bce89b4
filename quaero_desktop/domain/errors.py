"""The tree of errors: the world's faults (:class:`KnownError`) against our own (:class:`BugError`).

A front end shows a ``KnownError`` as one sentence with its hint, and hands a ``BugError``, or any other exception, to
the crash reporter.
"""


class QuaeroError(Exception):
    """Root of every error that Quaero raises on purpose."""


class BugError(QuaeroError):
    """Our own mistake: something that must not happen whatever the world does."""


class KnownError(QuaeroError):
    """The world's fault, told to a person.

    Args:
        message: one plain sentence that says what is wrong.
        hint: what the person can do about it; empty when there is nothing to do.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(KnownError):
    """What was asked for makes no sense: a bad URL, an unknown status, a negative limit."""


class FieldError(UsageError):
    """One field of something that a person wrote makes no sense.

    Args:
        field: which one, like ``steps[1].config.max_depth``; lists are counted from 1.
        message: one plain sentence, which names the field itself.
        hint: what the person can do about it.
    """

    def __init__(self, field: str, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.field = field


class UnknownSecretError(UsageError):
    """What was pasted does not show of which kind it is."""


class NotFoundError(KnownError):
    """The named job, document or file does not exist."""


class NotAllowedError(KnownError):
    """The job is not in a state that allows what was asked for."""


class SettingsError(KnownError):
    """The settings file cannot be read or changed as it is."""


class SecretError(KnownError):
    """The keyring, or a file that is to be read in its place, does not give, keep or delete a secret."""


class ExportError(KnownError):
    """An export cannot be written where it was asked for."""


class ModelError(KnownError):
    """A language model did not do what was asked of it: it is away, refuses, or answers with nonsense.

    Args:
        message: one plain sentence.
        hint: what the person can do about it.
        cause: the same as a :class:`quaero_desktop.domain.jobs.Cause`.
        is_passing: whether trying again later makes sense.
    """

    def __init__(self, message: str, hint: str = "", *, cause: str, is_passing: bool = False) -> None:
        super().__init__(message, hint)
        self.cause = cause
        self.is_passing = is_passing


class LibraryInUseError(KnownError):
    """Another process has this library open for writing."""


class LibraryError(KnownError):
    """The library cannot be opened or written."""


class LibraryMissingError(LibraryError):
    """There is no library in that folder."""


class LibraryTooNewError(LibraryError):
    """A newer version of Quaero wrote this library; it was left untouched."""


class ForeignDatabaseError(LibraryError):
    """The file is a database of another application; it was left untouched."""


class LibraryDamagedError(LibraryError):
    """The database file is damaged; nothing was written to it."""


class SearchIndexDamagedError(LibraryError):
    """Only the full-text index is damaged; it can be built anew from the documents, which are sound."""


class LibraryReadOnlyError(LibraryError):
    """The library's folder or file cannot be written."""


class DiskFullError(LibraryError):
    """There is no room left for the library; work can go on once there is."""


class StaleReceiptError(QuaeroError):
    """The lease ran out and somebody else has the message: the whole result must be discarded (Q2)."""


class RootClosedError(QuaeroError):
    """The root of a delivery was cancelled, trashed or deleted meanwhile: its result must be discarded."""
