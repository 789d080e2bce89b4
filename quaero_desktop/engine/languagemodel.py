"""The language model that the settings name: made when it is first needed, anew when they change."""

import asyncio

from quaero_desktop.infra.secrets import SecretStore
from quaero_desktop.infra.settings.sections import SummariesSettings
from quaero_desktop.web.languagemodel import LanguageModel, origin_of_endpoint


def key_of(endpoint: str) -> str:
    """Return under which name the key of an endpoint is kept: it is bound to its origin and is shown to no other."""
    return f"summaries:{origin_of_endpoint(endpoint)}"


class ModelOfSettings:
    """Implements :class:`quaero_desktop.engine.summarising.Models`.

    Args:
        settings: names the endpoint, or none.
        secrets: keeps its key.
    """

    def __init__(self, settings: SummariesSettings, secrets: SecretStore) -> None:
        self._settings = settings
        self._secrets = secrets
        self._made: LanguageModel | None = None
        self._made_with: tuple[object, ...] = ()
        self._old: list[LanguageModel] = []
        self._making = asyncio.Lock()

    @property
    def at_once(self) -> int:
        """How many questions it may be asked at the same time."""
        return self._settings.at_once

    @property
    def sentences(self) -> int:
        """How many sentences a summary has where a step says nothing."""
        return self._settings.sentences

    @property
    def context_tokens(self) -> int:
        """How much it reads at a time."""
        return self._settings.context_tokens

    @property
    def is_set(self) -> bool:
        """Whether there is one."""
        return bool(self._settings.endpoint)

    async def model(self) -> LanguageModel | None:
        """Return the model; None where no endpoint is set.

        Raises:
            SecretError: the keyring does not give its key.
        """
        if not self.is_set:
            return None
        async with self._making:
            settings = self._settings
            key = await self._secrets.fetch(key_of(settings.endpoint)) or ""
            wanted = (settings.endpoint, settings.model, settings.timeout_seconds, key)
            if self._made is None or self._made_with != wanted:
                if self._made is not None:
                    # What is under way there may end.
                    self._old.append(self._made)
                self._made = LanguageModel(
                    settings.endpoint, model=settings.model, key=key, timeout_seconds=settings.timeout_seconds
                )
                self._made_with = wanted
            return self._made

    def apply(self, settings: SummariesSettings) -> None:
        """Go on with other settings."""
        self._settings = settings

    async def aclose(self) -> None:
        """Close all connections."""
        made, self._made = self._made, None
        for model in [*self._old, *([] if made is None else [made])]:
            await model.aclose()
        self._old.clear()
