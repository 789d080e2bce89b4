"""Credentials of sites, and their secrets (J5, J8)."""

import os
import secrets as random_names
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from quaero_desktop.domain import pasting, urls
from quaero_desktop.domain.credentials import Credential, CredentialKind, CredentialTest, NewCredential, memory_key
from quaero_desktop.domain.errors import FieldError, KnownError, SecretError, UsageError
from quaero_desktop.domain.pasting import Pasted
from quaero_desktop.domain.secrets import Secret
from quaero_desktop.infra import secretfiles
from quaero_desktop.infra.clock import Clock
from quaero_desktop.infra.secrets import SecretStore
from quaero_desktop.infra.settings.sections import Settings
from quaero_desktop.infra.tasks import to_the_end
from quaero_desktop.storage import credentials, sources
from quaero_desktop.storage.database import Database

if TYPE_CHECKING:
    from quaero_desktop.domain.pages import FetchResult
    from quaero_desktop.services.engine import Engine
    from quaero_desktop.services.later import LaterEngine

_WITHOUT_KEYRING = (
    "There is no keyring to keep it. Do this where it can be asked for (in the window, on a terminal), or let"
    " QUAERO_SECRETS name a folder that holds it as a file."
)


class CredentialService:
    """Everything that can be done with credentials. No answer of it holds a secret.

    Args:
        database: the open library.
        store: where the secrets are.
        settings: how the web is asked, for :meth:`test`.
        clock: time.
        engine: what runs jobs in this process, if anything does.
    """

    def __init__(
        self,
        database: Database,
        store: SecretStore,
        settings: Settings,
        clock: Clock,
        engine: "Engine | LaterEngine | None",
    ) -> None:
        self._database = database
        self._store = store
        self._settings = settings
        self._clock = clock
        self._engine = engine

    def apply(self, settings: Settings) -> None:
        """Ask the web under other settings from now on."""
        self._settings = settings

    async def kept(self) -> bool:
        """Return whether there is a keyring; without one, secrets have to be given at each start."""
        return await self._store.is_kept()

    async def place(self) -> str:
        """Return where secrets are kept, as the end of a sentence."""
        return await self._store.where()

    async def list(self) -> tuple[Credential, ...]:
        """Return all credentials by name."""
        return await self._database.read(credentials.every)

    async def get(self, credential_id: int) -> Credential:
        """Return one.

        Raises:
            NotFoundError: there is none.
        """
        return await self._database.read(lambda connection: credentials.get(connection, credential_id))

    def read(self, text: Secret | str, kind: CredentialKind | None = None, origin: str = "") -> Pasted:
        """Return what is made of a pasted secret, before it is added.

        Args:
            text: as pasted, or the content of a file.
            kind: what it is to be; None for what it looks like.
            origin: the web address of the site, as typed; empty where the text says it.

        Raises:
            UsageError: there is no secret in it, or it is for another site.
        """
        return pasting.read(
            text.reveal() if isinstance(text, Secret) else text,
            now=self._clock.now_ms(),
            kind=kind,
            origin=_origin(origin),
        )

    async def add(self, new: NewCredential, secret: Secret | str) -> int:
        """Add a credential and return its id. Its secret goes to the keyring, or stays in memory where there is none.

        Raises:
            FieldError: naming the field that makes no sense.
            UsageError: there is no secret in it, or it is for another site.
        """
        checked = new.checked()
        pasted = self.read(secret, checked.kind, checked.origin)
        if not pasted.origin:
            raise FieldError("origin", "Say which site the secret is for.", "Give its web address.")
        return await to_the_end(self._add(checked, pasted))

    async def update(self, credential_id: int, new: NewCredential, secret: Secret | str | None = None) -> None:
        """Put *new* in the place of a credential; without a *secret* it keeps the one that it has.

        Raises:
            NotFoundError: there is none of that id.
            FieldError: naming the field that makes no sense: among others, another site without its secret.
            UsageError: there is no secret in it, or it is for another site.
        """
        before = await self.get(credential_id)
        checked = new.checked()
        pasted = None
        if secret is not None:
            pasted = self.read(secret, checked.kind, checked.origin or before.origin)
        origin = (pasted.origin if pasted is not None else "") or checked.origin or before.origin
        if pasted is None and origin != before.origin:
            raise FieldError("origin", f"The secret is bound to {before.origin}.", "Give it anew for another site.")
        if pasted is None and checked.kind not in (None, before.kind):
            raise FieldError("kind", f"The secret is of the kind {before.kind}.", "Give it anew for another kind.")
        changed = msgspec.structs.replace(
            before,
            name=checked.name,
            origin=origin,
            kind=before.kind if pasted is None else pasted.kind,
            login_url=checked.login_url,
        )
        await to_the_end(self._change(before, changed, pasted))

    async def provide(self, credential_id: int, secret: Secret | str, *, keep: bool = True) -> None:
        """Give a new secret for a credential: after its session expired, or at a start without a keyring.

        Args:
            credential_id: which.
            secret: as a person gives it.
            keep: put it into the keyring if there is one; else only this process has it.

        Raises:
            NotFoundError: there is no such credential.
            UsageError: there is no secret of its kind in it, or it is for another site.
        """
        before = await self.get(credential_id)
        pasted = self.read(secret, before.kind, before.origin)
        if keep:
            await to_the_end(self._change(before, before, pasted))
        else:
            self._store.lend(before.key, pasted.secret.reveal())

    async def lend_files(self, environ: Mapping[str, str] | None = None) -> tuple[KnownError, ...]:
        """Use the secrets of the files in the folder that ``QUAERO_SECRETS`` names: for a start with nobody to ask.

        Only this process has them, and they go before what the keyring has. A file is called by the number or the name
        of its credential, and holds what a person would paste.

        Args:
            environ: the environment.

        Returns:
            What of it cannot be used, and why.
        """
        try:
            folder = secretfiles.folder(os.environ if environ is None else environ)
        except SecretError as error:
            return (error,)
        if folder is None:
            return ()
        problems: list[KnownError] = []
        found = False
        for credential in await self.list():
            try:
                secret = secretfiles.read(folder, str(credential.id)) or secretfiles.read(folder, credential.name)
                if secret is not None:
                    found = True
                    await self.provide(credential.id, secret, keep=False)
            except UsageError as error:
                problems.append(UsageError(f"The file for “{credential.name}”: {error.message}", error.hint))
            except SecretError as error:
                problems.append(error)
        if not found and not problems:
            problems.append(
                SecretError(
                    f"No file in “{folder}” is called like a credential.",
                    "Call each by the number or the name that quaero credentials list shows.",
                )
            )
        return tuple(problems)

    async def delete(self, credential_id: int) -> None:
        """Delete a credential and its secret; sources that had it have none then (X5). What is gone is a success.

        Raises:
            SecretError: the keyring does not delete the secret; the credential is gone.
        """
        await to_the_end(self._delete(credential_id))

    async def missing(self, root_ids: Sequence[int] | None = None) -> tuple[Credential, ...]:
        """Return the credentials whose secret has to be asked for before roots can go on, each once.

        Args:
            root_ids: the roots; None for all that are pending or running.
        """
        if root_ids is None:
            needed = await self._database.read(credentials.needed)
        else:
            needed = await self._database.read(lambda connection: credentials.needed_by(connection, root_ids))
        return tuple([each for each in needed if not await self.is_at_hand(each)])

    async def waiting(self, credential_id: int) -> tuple[int, ...]:
        """Return the roots that are paused until this credential has a new secret; resuming them is up to the person.

        Raises:
            NotFoundError: there is no such credential.
        """
        which = await self.get(credential_id)
        return await self._database.read(lambda connection: credentials.waiting_for(connection, which))

    async def test(self, credential_id: int, url: str = "") -> CredentialTest:
        """Ask the site for a page with the secret, and without, and tell whether it makes a difference.

        Args:
            credential_id: which.
            url: a page of the site that needs the sign-in, as typed; empty for where its source begins.

        Raises:
            NotFoundError: there is no such credential.
            SecretError: its secret is not at hand.
            UsageError: *url* is at another site.
        """
        credential = await self.get(credential_id)
        text = await self._store.fetch(credential.key)
        if text is None:
            raise SecretError(
                f"The secret of “{credential.name}” is not at hand.",
                f"Give it with: quaero credentials edit {credential.id}" if await self.kept() else _WITHOUT_KEYRING,
            )
        page = urls.seed(url) if url.strip() else await self._first_page(credential)
        if urls.origin_of(page) != credential.origin:
            raise UsageError(
                f"“{credential.name}” is for {credential.origin} and is shown to nobody else.",
                "Give a page of that site.",
            )
        return await self._tested(credential, text, page)

    async def _first_page(self, credential: Credential) -> str:
        for source in await self._database.read(sources.every):
            if source.credential is not None and source.credential.id == credential.id:
                start = source.start_url
                if urls.identity(start) == start and urls.origin_of(start) == credential.origin:
                    return start
        return credential.origin + "/"

    async def _tested(self, credential: Credential, text: str, page: str) -> CredentialTest:
        # What fetches takes a third of a second to import.
        from quaero_desktop.engine.session import try_out
        from quaero_desktop.services.engine import limits_of, user_agent
        from quaero_desktop.web.fetcher import Fetcher

        fetch = self._settings.fetch
        fetcher = Fetcher(user_agent=user_agent(fetch), limits=limits_of(fetch), clock=self._clock)
        try:
            state, answer = await try_out(fetcher.fetch, credential, text, page, self._clock.now_ms())
        finally:
            await fetcher.aclose()
        return _words_of_test(state.name, answer, credential, page)

    async def is_at_hand(self, credential: Credential) -> bool:
        """Return whether the secret of a credential can be shown to its site now."""
        try:
            return await self._store.fetch(credential.key) is not None
        except SecretError:
            return False

    # What is in the keyring must be what the library says, also when the caller is cancelled in between. A secret is
    # put there under a name of its own each time: a crash leaves an entry too many, and never one that is wrong.

    async def _add(self, new: NewCredential, pasted: Pasted) -> int:
        reference = await self._keep(pasted)
        try:
            credential_id = await self._database.write(
                lambda tx: credentials.add(
                    tx,
                    name=new.name,
                    origin=pasted.origin,
                    kind=pasted.kind,
                    tail=pasted.tail,
                    reference=reference,
                    login_url=new.login_url,
                )
            )
        except BaseException:
            await self._drop(reference)
            raise
        if reference is None:
            await self._store.keep(memory_key(credential_id), pasted.secret.reveal())
        return credential_id

    async def _change(self, before: Credential, changed: Credential, pasted: Pasted | None) -> None:
        reference = before.reference
        if pasted is not None:
            reference = await self._keep(pasted)
            changed = msgspec.structs.replace(
                changed, reference=reference, kept=reference is not None, tail=pasted.tail
            )
        try:
            await self._database.write(lambda tx: credentials.change(tx, changed))
        except BaseException:
            if reference != before.reference:
                await self._drop(reference)
            raise
        if pasted is not None and reference is None:
            await self._store.keep(changed.key, pasted.secret.reveal())
        # Before the old one goes: a page that starts meanwhile must find one of them.
        if self._engine is not None:
            await self._engine.credentials_changed()
        if pasted is not None and changed.key != before.key:
            self._store.forget(before.key)
            await self._drop(before.reference)

    async def _delete(self, credential_id: int) -> None:
        found = await self._database.read(
            lambda connection: next((each for each in credentials.every(connection) if each.id == credential_id), None)
        )
        if found is None:
            return
        await self._database.write(lambda tx: credentials.delete(tx, credential_id))
        if self._engine is not None:
            await self._engine.credentials_changed()
        await self._store.drop(found.key)

    async def _keep(self, pasted: Pasted) -> str | None:
        """Put a secret into the keyring and return under which name; None where there is no keyring for it."""
        reference = f"credential-{random_names.token_hex(8)}"
        if await self._store.keep(reference, pasted.secret.reveal()):
            return reference
        self._store.forget(reference)
        return None

    async def _drop(self, reference: str | None) -> None:
        """Take out of the keyring what nobody uses any more; that it refuses must not undo what was done."""
        if reference is not None:
            try:
                await self._store.drop(reference)
            except SecretError:
                self._store.forget(reference)


def _origin(text: str) -> str:
    return urls.origin_of(urls.seed(text)) if text.strip() else ""


def _words_of_test(state: str, answer: "FetchResult", credential: Credential, page: str) -> CredentialTest:
    from quaero_desktop.domain.pages import FetchFailed

    ok: bool | None = None
    match state:
        case "ALIVE":
            ok, message = True, f"{credential.origin} lets us in with “{credential.name}”, and does not without it."
        case "OPEN":
            message = "That page is shown to anybody, so it does not tell whether the credential works."
        case "DEAD":
            ok, message = False, f"{credential.origin} does not let us in with “{credential.name}”."
        case _:
            why = answer.message if isinstance(answer, FetchFailed) else "It shows a form to sign in."
            message = f"It could not be found out whether the credential works. {why}"
    return CredentialTest(ok=ok, url=page, status=answer.status, message=message)
