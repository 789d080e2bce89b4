"""Credentials: what a site asks for at its sign-in, but for the secret itself (J5, J8)."""

from enum import StrEnum

import msgspec

from quaero_desktop.domain import fields, urls
from quaero_desktop.domain.fields import checked_name


class CredentialKind(StrEnum):
    """How a secret is shown to a server."""

    COOKIES = "cookies"
    BEARER = "bearer"
    BASIC = "basic"
    HEADER = "header"


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """A secret bound to one origin; the secret itself is not here, but in the keyring of the operating system.

    Attributes:
        origin: scheme://host[:port]; it is sent nowhere else.
        kept: whether the secret lies in the keyring; else it is asked for at each start.
        tail: the last four characters of the secret: all that may be shown.
        login_url: where signing in is done, as far as it is known; a redirect there means that the session expired.
        reference: under which name the keyring has it; None when it has not.
    """

    id: int
    name: str
    origin: str
    kind: CredentialKind
    kept: bool
    tail: str
    login_url: str = ""
    created_at: int = 0
    updated_at: int = 0
    reference: str | None = None

    @property
    def key(self) -> str:
        """The name of the secret in a :class:`quaero_desktop.infra.secrets.SecretStore`."""
        return self.reference or memory_key(self.id)


MEMORY_KEY = "memory:"
"""How the names of secrets begin that no keyring is asked for."""


def memory_key(credential_id: int) -> str:
    """Return the name of a secret that is only kept while this process runs."""
    return f"{MEMORY_KEY}{credential_id}"


class NewCredential(msgspec.Struct, frozen=True, kw_only=True):
    """What a person says about a credential, but for the secret.

    Attributes:
        origin: the web address of the site as typed; only its scheme, host and port count.
        kind: None takes what the secret looks like.
    """

    name: str
    origin: str = ""
    kind: CredentialKind | None = None
    login_url: str = ""

    def checked(self) -> "NewCredential":
        """Return self with the name on one line and the addresses canonical.

        Raises:
            FieldError: naming the field that makes no sense.
        """
        return msgspec.structs.replace(
            self,
            name=checked_name(self.name),
            origin=checked_origin(self.origin) if self.origin.strip() else "",
            login_url=fields.checked("login_url", lambda: urls.seed(self.login_url)) if self.login_url.strip() else "",
        )


class CredentialTest(msgspec.Struct, frozen=True, kw_only=True):
    """What came of showing a secret to its site.

    Attributes:
        ok: whether the site lets us in with it; None when that cannot be told.
        url: the page that was asked for.
        status: the HTTP status with the secret, if there was an answer.
        message: a sentence for a person.
    """

    ok: bool | None
    url: str
    status: int | None
    message: str


def checked_origin(text: str) -> str:
    """Return the origin of a web address as typed: ``scheme://host[:port]``.

    Raises:
        FieldError: it is no web address.
    """
    return urls.origin_of(fields.checked("origin", lambda: urls.seed(text)))
