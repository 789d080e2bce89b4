"""The log as a text file."""

import os
import secrets
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from quaero_desktop.domain.errors import LibraryError
from quaero_desktop.domain.jobs import TailLine
from quaero_desktop.ui.models.log import LogRow


async def write_log(
    file: Path,
    fetch: Callable[[int], Awaitable[Sequence[TailLine]]],
    *,
    after_id: int = 0,
    containing: str = "",
    progress: Callable[[int], None] = lambda _: None,
) -> int:
    """Write log lines with their times to *file*, wholly or not at all, and return how many.

    Args:
        file: what is there is replaced when all is written.
        fetch: returns the next lines after an id, oldest first; none at the end.
        after_id: only lines after this one.
        containing: only lines with this in their message, job or level, in lower case.
        progress: told how many lines are written.

    Raises:
        LibraryError: the file cannot be written.
    """
    temporary = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    written = 0
    try:
        with temporary.open("x", encoding="utf-8", newline="\n") as out:
            while lines := await fetch(after_id):
                after_id = lines[-1].id
                rows = [LogRow.of(line, with_host=True) for line in lines]
                wanted = [row.text() for row in rows if containing in row.folded]
                out.writelines(f"{text}\n" for text in wanted)
                written += len(wanted)
                progress(written)
            out.flush()
            os.fsync(out.fileno())
        temporary.replace(file)
    except OSError as error:
        raise LibraryError(
            f"The log cannot be written to {file} ({error.strerror or error}).", "Choose another folder, or make room."
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
    return written
