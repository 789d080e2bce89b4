"""The language model of the settings: its key, and whether it answers."""

from quaero_desktop.domain.errors import UsageError
from quaero_desktop.infra.redact import mask
from quaero_desktop.infra.secrets import SecretStore
from quaero_desktop.infra.settings.info import checked

_TRY_SECONDS = 30.0
_MAX_KEY = 4_000


class LanguageModelService:
    """Keeps the key of an endpoint and asks whether it answers. The key is bound to the origin of the endpoint.

    Args:
        secrets: where keys are kept.
    """

    def __init__(self, secrets: SecretStore) -> None:
        self._secrets = secrets

    async def key_tail(self, endpoint: str) -> str | None:
        """Return what may be shown of the key of an endpoint; None when there is none.

        Raises:
            UsageError: the endpoint is no address.
            SecretError: the keyring does not give it.
        """
        key = await self._secrets.fetch(_name_of_key(endpoint)) if endpoint else None
        return None if not key else mask(key)

    async def keep_key(self, endpoint: str, key: str) -> bool:
        """Keep the key of an endpoint; an empty one forgets it.

        Returns:
            Whether it lies in the keyring; else Quaero remembers it until it ends.

        Raises:
            UsageError: it is no key, or the endpoint is no address.
            SecretError: the keyring does not forget it.
        """
        _check(key)
        if key:
            return await self._secrets.keep(_name_of_key(endpoint), key)
        await self._secrets.drop(_name_of_key(endpoint))
        return True

    async def try_model(self, endpoint: str, model: str = "", key: str | None = None) -> str:
        """Ask a language model to say a word; return its name. No document goes there.

        Args:
            endpoint: its address.
            model: which one; empty for the first that is offered.
            key: what the endpoint asks for; None for the one that is kept.

        Raises:
            UsageError: the key is none, or the endpoint is no address.
            ModelError: it is away, refuses, or answers with nonsense.
            SecretError: the keyring does not give its key.
        """
        from quaero_desktop.web.languagemodel import LanguageModel

        name = _name_of_key(endpoint)
        if key is None:
            key = await self._secrets.fetch(name) or ""
        _check(key)
        asked = LanguageModel(endpoint, model=model, key=key, timeout_seconds=_TRY_SECONDS)
        try:
            await asked.check()
            await asked.chat("Answer with one word.", "Say yes.")
            return await asked.name()
        finally:
            await asked.aclose()


def _name_of_key(endpoint: str) -> str:
    """Return under which name the key of an endpoint is kept, which may be as somebody typed it.

    Raises:
        UsageError: it is no address.
    """
    checked("summaries.endpoint", endpoint)
    # With it comes all that fetches: a third of a second that no start of the window has to wait for.
    from quaero_desktop.engine.languagemodel import key_of

    return key_of(endpoint)


def _check(key: str) -> None:
    if not (key.isascii() and key.isprintable() and len(key) <= _MAX_KEY) or " " in key:
        raise UsageError("That is no key: it has blanks or letters that no server takes.", "Copy it once more.")
