"""JSON from the library without its secrets (J8)."""

import functools
from typing import Any

import msgspec

from quaero_desktop.infra.redact import mask, redact


def masked_json(text: str | None) -> dict[str, Any] | None:
    """Return a JSON object without its secrets (J8); another value as the only one of an object."""
    if text is None:
        return None
    try:
        value = _masked(msgspec.json.decode(text))
    except (msgspec.DecodeError, RecursionError):
        return {}  # valid for SQLite and not for us: only an imported job can have that
    return value if isinstance(value, dict) else {"value": value}


def _masked(value: Any) -> Any:
    match value:
        case dict():
            return {
                key: _all_masked(below) if _is_secret(key, below) else _masked(below) for key, below in value.items()
            }
        case list():
            return [_masked(below) for below in value]
        case str():
            return redact(value)
        case _:
            return value


def _all_masked(value: Any) -> Any:
    match value:
        case dict():
            return {key: _all_masked(below) for key, below in value.items()}
        case list():
            return [_all_masked(below) for below in value]
        case None | bool():
            return value
        case _:
            return mask(str(value))


def _is_secret(key: str, value: Any) -> bool:
    # "cookies": [...] holds secrets, "max_tokens": 500 counts.
    return _names_secret(key) or (not isinstance(value, int | float) and _names_secret(key.removesuffix("s")))


@functools.lru_cache(maxsize=1024)
def _names_secret(key: str) -> bool:
    """Return whether what is called *key* is a secret: exactly when a log line would hide it."""
    line = f'"{key}": "value"'
    return redact(line) != line
