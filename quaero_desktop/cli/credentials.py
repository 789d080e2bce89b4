"""``quaero credentials``: what sites ask for at their sign-in. No answer holds a secret (J8)."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from quaero_desktop.cli import output, secretprompt
from quaero_desktop.cli.context import Options, run
from quaero_desktop.cli.ending import EXIT_FAILED, EXIT_OK, complain
from quaero_desktop.domain.credentials import Credential, CredentialKind, NewCredential
from quaero_desktop.domain.errors import NotFoundError, UsageError
from quaero_desktop.domain.listing import check_choice
from quaero_desktop.domain.pasting import MAX_TEXT, Pasted
from quaero_desktop.domain.secrets import MASK, Secret
from quaero_desktop.services.compose import Services

_TRIES = 3

_WORDS = {
    CredentialKind.COOKIES: "cookies",
    CredentialKind.BEARER: "token",
    CredentialKind.BASIC: "user:password",
    CredentialKind.HEADER: "header",
}


def run_command(options: Options, given: argparse.Namespace) -> int:
    """Run one of the actions of ``credentials``."""
    match given.action:
        case "list":
            return run(options, _list(options))
        case "add":
            new = _new(given)
            return run(options, _add(options, new, _secret(options, given.source_file, f"Secret of “{new.name}”: ")))
        case "edit":
            return run(options, _edit(options, given))
        case "test":
            return run(options, _test(options, given.id, given.url))
        case _:
            return run(options, _delete(options, given.id))


async def _list(options: Options) -> int:
    async with options.reading() as services:
        found = await services.credentials.list()
    if options.json:
        output.print_json({"credentials": [plain(each) for each in found], "total_count": len(found)})
        return EXIT_OK
    if not found:
        options.advise("No credentials. Add one: quaero credentials add NAME --site URL --from FILE")
        return EXIT_OK
    rows = [
        (str(each.id), each.name, each.kind, each.origin, MASK + each.tail, "keyring" if each.kept else "asked for")
        for each in found
    ]
    output.table(("id", "name", "kind", "site", "secret", "kept"), rows, numbers=("id",), flexible=("name", "site"))
    return EXIT_OK


async def _add(options: Options, new: NewCredential, secret: Secret) -> int:
    async with options.writing(create=True) as services:
        pasted = services.credentials.read(secret, new.kind, new.origin)
        credential = await services.credentials.get(await services.credentials.add(new, secret))
        place = await _place(services)
    if options.json:
        output.print_json(plain(credential))
    else:
        _tell(credential, pasted, place)
        options.advise("", f"Use it: quaero sources edit ID --credential {credential.id}")
    return EXIT_OK


async def _edit(options: Options, given: argparse.Namespace) -> int:
    kind = _kind(given.kind)
    said = (given.name, given.login_url, given.site, given.kind)
    async with options.reading() as services:
        before = await services.credentials.get(given.id)
    secret = None
    # Without anything to change, a new secret is meant.
    if given.source_file is not None or given.site is not None or kind is not None or said == (None,) * 4:
        secret = _secret(options, given.source_file, f"New secret of “{before.name}”: ")
    async with options.writing() as services:
        new = NewCredential(
            name=before.name if given.name is None else given.name,
            origin=before.origin if given.site is None else given.site,
            kind=kind or (before.kind if given.site is None else None),
            login_url=before.login_url if given.login_url is None else given.login_url,
        )
        pasted = None if secret is None else services.credentials.read(secret, new.kind, new.origin)
        await services.credentials.update(given.id, new, secret)
        credential = await services.credentials.get(given.id)
        place = await _place(services)
        waiting = await services.credentials.waiting(given.id) if pasted is not None else ()
    if options.json:
        output.print_json(plain(credential) | {"waiting": waiting})
        return EXIT_OK
    _tell(credential, pasted, place)
    if waiting:
        jobs = " ".join(map(str, waiting))
        options.advise(
            "", f"Waiting for it: job {jobs}. Let it go on: quaero jobs resume {waiting[0]}, then quaero work"
        )
    return EXIT_OK


async def _test(options: Options, credential_id: int, url: str) -> int:
    async with options.reading() as services:
        await _take_files(services)
        if not options.json:
            await ask_for(options, services, [await services.credentials.get(credential_id)], keep=False)
        result = await services.credentials.test(credential_id, url)
    if options.json:
        output.print_json(result)
    else:
        output.lines(result.message, result.url)
    return EXIT_OK if result.ok else EXIT_FAILED


async def _delete(options: Options, credential_id: int) -> int:
    async with options.writing() as services:
        try:
            name = (await services.credentials.get(credential_id)).name
        except NotFoundError:
            name = ""
        await services.credentials.delete(credential_id)
    if options.json:
        output.print_json({"deleted": [credential_id] if name else []})
    else:
        output.lines(f"Deleted: “{name}” with its secret" if name else f"There is no credential {credential_id}.")
    return EXIT_OK


# --- secrets ----------------------------------------------------------------------------------------------------------


async def ask_for_secrets(options: Options, services: Services, root_ids: Sequence[int] | None = None) -> None:
    """Take the secrets that were handed over as files, and ask for those that crawls need and nobody has.

    It is done before they start, and asked where there is a person to ask. Without an answer the crawl pauses and says
    why.

    Args:
        options: with ``--json`` nothing is asked.
        services: the open library.
        root_ids: the roots that are about to run; None for all that are open.
    """
    await _take_files(services)
    if not options.json and secretprompt.can_ask():
        await ask_for(options, services, await services.credentials.missing(root_ids), keep=True)


async def _take_files(services: Services) -> None:
    for problem in await services.credentials.lend_files():
        complain(problem.message, problem.hint)


async def ask_for(options: Options, services: Services, which: Sequence[Credential], *, keep: bool) -> None:
    """Ask for the secrets of some credentials.

    Args:
        options: with ``--json`` nothing is asked.
        services: the open library.
        which: whose.
        keep: whether the library is open to be changed; else the secret is for this process only.
    """
    if options.json or not secretprompt.can_ask():
        return
    for credential in which:
        if not keep and await services.credentials.is_at_hand(credential):
            continue
        for _ in range(_TRIES):
            text = secretprompt.ask(
                f"Secret of “{credential.name}” ({_WORDS[credential.kind]} for {credential.origin}): "
            )
            if not text.strip():
                break
            try:
                await services.credentials.provide(credential.id, Secret(text), keep=keep)
            except UsageError as error:
                complain(error.message, error.hint)
            else:
                break


def _secret(options: Options, source_file: str | None, prompt: str) -> Secret:
    """Return the secret of a file, of the standard input or of a person at the terminal; it is never an argument."""
    if source_file == "-":
        return Secret(sys.stdin.read(MAX_TEXT + 1) if sys.stdin is not None else "")
    if source_file is not None:
        return Secret(_content(Path(source_file)))
    if options.json or not secretprompt.can_ask():
        raise UsageError("There is nobody to ask for the secret.", "Give it with --from FILE, or --from - and a pipe.")
    return Secret(secretprompt.ask(prompt))


def _content(path: Path) -> str:
    try:
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            return file.read(MAX_TEXT + 1)
    except OSError as error:
        raise NotFoundError(f"“{path}” cannot be read: {error.strerror}.") from error


def _new(given: argparse.Namespace) -> NewCredential:
    return NewCredential(
        name=given.name, origin=given.site, kind=_kind(given.kind), login_url=given.login_url or ""
    ).checked()


def _kind(text: str | None) -> CredentialKind | None:
    if text is None:
        return None
    check_choice("kind", text, tuple(CredentialKind))
    return CredentialKind(text)


async def _place(services: Services) -> str:
    """Return where secrets are kept; empty for nowhere: this process, which remembers them, ends in a moment."""
    return await services.credentials.place() if await services.credentials.kept() else ""


def _tell(credential: Credential, pasted: Pasted | None, place: str) -> None:
    output.lines(
        f"{credential.name}",
        f"credential {credential.id}: {credential.kind} for {credential.origin}, and nobody else",
        "",
    )
    rows = [("secret", MASK + credential.tail)]
    if pasted is not None:
        rows.append(("kept", place or "nowhere: this computer has no keyring that is safe"))
        if pasted.kind == CredentialKind.COOKIES:
            rows.append(("cookies", f"{', '.join(pasted.names)}"))
            if pasted.left_out:
                rows.append(("left out", f"{output.count(pasted.left_out, 'cookie')} of other sites, or expired"))
        elif pasted.names:
            rows.append(("user" if pasted.kind == CredentialKind.BASIC else "header", pasted.names[0]))
    if credential.login_url:
        rows.append(("sign-in", credential.login_url))
    output.table(("", ""), rows)
    if pasted is not None and not place:
        output.lines(
            "",
            "It is asked for at each start that needs it. For starts with nobody to ask, put it into a file called"
            f" {credential.id}, which only you can read, and let QUAERO_SECRETS name the folder of that file.",
        )


def plain(credential: Credential) -> dict[str, object]:
    """Return a credential as ``--json`` prints it."""
    value: dict[str, object] = msgspec.to_builtins(credential)
    del value["reference"]
    return value
