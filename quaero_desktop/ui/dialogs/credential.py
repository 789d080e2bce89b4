"""The dialog for what a site asks for: pasted from the browser or typed, recognised at once, bound to that site."""

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QComboBox,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)
from shiboken6 import isValid

from quaero_desktop.domain import urls
from quaero_desktop.domain.credentials import CredentialKind, CredentialTest, NewCredential
from quaero_desktop.domain.errors import FieldError, UnknownSecretError, UsageError
from quaero_desktop.domain.pasting import Pasted
from quaero_desktop.domain.secrets import Secret
from quaero_desktop.domain.sources import Source
from quaero_desktop.ui.context import Context
from quaero_desktop.ui.dialogs.fields import Disclosure, Remark
from quaero_desktop.ui.dialogs.formdialog import FormDialog
from quaero_desktop.ui.dialogs.secretfields import SecretFields
from quaero_desktop.ui.dialogs.stepforms import LABELS
from quaero_desktop.ui.format import clean, count_of, error_text
from quaero_desktop.ui.recipewords import KINDS, as_new, credential_words
from quaero_desktop.ui.theme import SPACE
from quaero_desktop.ui.widgets.labels import Heading, muted

_WIDTH = 600
_MOST_NAMES = 5


class CredentialDialog(FormDialog):
    """Sets or changes how the site of a source is signed in to. The secret is never shown, and goes to that site only.

    Args:
        context: of the window.
        parent: the window.
        source: whose site it is.
        why: why it is asked for now, like an expired session; empty when the person wanted it.

    Signals:
        saved: the id of the credential that the source has now; 0 when it was taken away.
    """

    saved = Signal(int)

    def __init__(self, context: Context, parent: QWidget | None = None, *, source: Source, why: str = "") -> None:
        super().__init__(context, parent, name="credential")
        self.setWindowTitle(self.tr("Sign-in"))
        self._source = source
        self._credential = source.credential
        self._origin = self._credential.origin if self._credential is not None else _origin_of(source)
        self._recognised: Pasted | None = None
        self._make_fields(why)
        buttons = self._make_buttons(self.tr("Save"), "save")
        self._test = buttons.add(
            self.tr("Save and &test"), "test", self.tr("Ask the site for a page with it, and without it")
        )
        self._test.clicked.connect(lambda _=False: self.save(test=True))
        self._remove = buttons.add(self.tr("&Remove sign-in"), "remove", role=QDialogButtonBox.ButtonRole.ResetRole)
        self._remove.clicked.connect(lambda _=False: self._take_away())
        self._lay_out()
        self._connect()
        self._show()
        self._check()

    # --- what others may ask ------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Show the dialog."""
        super().open()
        self.fields.first_field().setFocus()
        self._context.tasks.spawn(self._say_where(), name="where secrets are kept")

    @property
    def kind(self) -> CredentialKind | None:
        """What it is to be; None for what it looks like."""
        kind = self.kinds.currentData()
        return None if kind is None else CredentialKind(kind)

    # --- fields -------------------------------------------------------------------------------------------------------

    def _make_fields(self, why: str) -> None:
        self.title = Heading(self.tr("Sign in to %s") % clean(self._origin.partition("://")[2]), self)
        self.title.setFont(self._theme.font_large())
        explained = why or self.tr(
            "Sign in with your browser, and bring along what it sends. Quaero shows it to this site and to no other."
        )
        self.about = QLabel(clean(explained), self)
        self.about.setTextFormat(Qt.TextFormat.PlainText)
        self.about.setWordWrap(True)
        muted(self.about, self._theme)
        self.kinds = QComboBox(self)
        self.kinds.setObjectName("kind")
        self.kinds.setAccessibleName(self.tr("Kind of sign-in"))
        self.kinds.addItem(self.tr("From the browser: recognised by itself"), None)
        for kind, words in (
            (CredentialKind.BEARER, self.tr("A token (Authorization: Bearer)")),
            (CredentialKind.BASIC, self.tr("A user name and a password (HTTP Basic)")),
            (CredentialKind.HEADER, self.tr("A header of the site's own")),
        ):
            self.kinds.addItem(words, str(kind))
        self.fields = SecretFields(self._theme, self._is_sound, self)
        self.recognised = Remark(self._theme, self, keep_room=True)
        self.recognised.setObjectName("recognised")
        self.where = QLabel(self)
        self.where.setObjectName("whereKept")
        self.where.setWordWrap(True)
        muted(self.where, self._theme)
        self.login = QLineEdit(self)
        self.login.setObjectName("loginUrl")
        self.login.setAccessibleName(self.tr("Page to sign in"))
        self.login.setPlaceholderText(self.tr("found out by itself"))
        self.login.setToolTip(self.tr("A crawl that is sent there pauses, instead of storing the page for signing in"))
        self.page = QLineEdit(self)
        self.page.setObjectName("testPage")
        self.page.setAccessibleName(self.tr("Page to test it with"))
        self.page.setPlaceholderText(self.tr("where the source begins"))
        self.more_box = QWidget(self)
        self.more = Disclosure(self._theme, self.tr("More"), self.more_box, self)
        self.more.setObjectName("more")
        self.tested = Remark(self._theme, self)
        self.tested.setObjectName("tested")

    def _lay_out(self) -> None:
        form = QFormLayout()
        form.setHorizontalSpacing(3 * SPACE)
        kind = QLabel(self.tr("&Kind"), self)
        kind.setMinimumWidth(LABELS)
        kind.setBuddy(self.kinds)
        form.addRow(kind, self.kinds)
        more = QFormLayout(self.more_box)
        more.setContentsMargins(0, 0, 0, 0)
        more.setHorizontalSpacing(3 * SPACE)
        more.setVerticalSpacing(SPACE)
        for text, field in ((self.tr("&Page to sign in"), self.login), (self.tr("T&est with"), self.page)):
            label = QLabel(text, self.more_box)
            label.setMinimumWidth(LABELS)
            label.setBuddy(field)
            more.addRow(label, field)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4 * SPACE, 4 * SPACE, 4 * SPACE, 4 * SPACE)
        layout.setSpacing(2 * SPACE)
        for widget in (self.title, self.about):
            layout.addWidget(widget)
        layout.addSpacing(SPACE)
        layout.addLayout(form)
        for part in (self.fields, self.recognised, self.more, self.more_box, self.where, self.tested):
            layout.addWidget(part)
        layout.addStretch(1)
        layout.addWidget(self._complaint)
        layout.addWidget(self._buttons)
        self._column = layout
        self.setMinimumWidth(_WIDTH)

    def _connect(self) -> None:
        self.kinds.currentIndexChanged.connect(lambda _: self._kind_chosen())
        self.fields.changed.connect(self._check)
        self.fields.refused.connect(lambda said: self._complaint.say(said, "error"))
        for line in (self.login, self.page):
            line.textChanged.connect(lambda _: self._check())
        self.more.folded.connect(lambda _: QTimer.singleShot(0, self, self._fit))

    def _show(self) -> None:
        before = self._credential
        self._remove.setVisible(before is not None)
        if before is None:
            return
        self.login.setText(before.login_url)
        row = self.kinds.findData(str(before.kind))
        if row >= 0:
            self.kinds.setCurrentIndex(row)

    async def _say_where(self) -> None:
        credentials = self._context.services.credentials
        kept, place = await credentials.kept(), await credentials.place()
        if not isValid(self):
            return
        if kept:
            self.where.setText(self.tr("It is kept %s; the library holds its last four characters only.") % place)
        else:
            self.where.setText(
                self.tr(
                    "There is no keyring to keep it in: it is forgotten when Quaero ends, and asked for at each start."
                )
            )
        self._fit()

    # --- checking -----------------------------------------------------------------------------------------------------

    def _kind_chosen(self) -> None:
        self.fields.set_kind(self.kind)
        self.fields.first_field().setFocus()

    def _is_sound(self, text: str) -> bool:
        try:
            self._context.services.credentials.read(text, self.kind, self._origin)
        except UsageError:
            return False
        return True

    def _check(self) -> None:
        """Say what the secret is, without showing it."""
        text = self.fields.text
        self._recognised = None
        self._complaint.say("")
        if not text.strip():
            before = self._credential
            said = self.tr("Now: %s. Leave this empty to keep it.") % credential_words(before) if before else ""
            self.recognised.say(said)
        else:
            try:
                self._recognised = self._context.services.credentials.read(text, self.kind, self._origin)
            except UnknownSecretError as error:
                # Its hint names the kinds as the command line calls them.
                hint = self.tr("Choose its kind above, or copy it again.")
                self.recognised.say(f"{error.message} {hint}", "error")
            except UsageError as error:
                self.recognised.complain(error)
            else:
                self.recognised.say(self._words(self._recognised), "good")
        ready = not self._is_busy and (
            self._recognised is not None or (not text.strip() and self._credential is not None)
        )
        self._buttons.main.setEnabled(ready)
        self._test.setEnabled(ready)
        self._remove.setEnabled(not self._is_busy)
        QTimer.singleShot(0, self, self._fit)

    def _words(self, pasted: Pasted) -> str:
        shown = ", ".join(clean(name, 40) for name in pasted.names[:_MOST_NAMES])
        more = f" and {len(pasted.names) - _MOST_NAMES} more" if len(pasted.names) > _MOST_NAMES else ""
        match pasted.kind:
            case CredentialKind.COOKIES:
                what = f"{count_of(len(pasted.names), 'cookie')} ({shown}{more})"
            case CredentialKind.BASIC:
                what = self.tr("User name %s with a password") % shown
            case CredentialKind.HEADER:
                what = self.tr("Header %s") % shown
            case _:
                what = KINDS[pasted.kind].capitalize()
        tail = self.tr(", ends in …%s") % clean(pasted.tail, 8) if pasted.tail else ""
        left = ""
        if pasted.left_out:
            left = self.tr("; %s of other sites or expired left out") % count_of(pasted.left_out, "cookie")
        return f"{what}{tail}{left}"

    # --- saving -------------------------------------------------------------------------------------------------------

    def submit(self) -> None:
        """Keep it."""
        self.save()

    def save(self, *, test: bool = False) -> None:
        """Keep it; with *test* show it to its site afterwards, and stay open to say what came of it."""
        if not self._buttons.main.isEnabled():
            return
        self._is_busy = True
        text = self.fields.text
        self._check()
        self.tested.say(self.tr("Asking the site…") if test else "")
        self._context.tasks.spawn(
            self._store(Secret(text) if text.strip() else None, test), name="keep a secret", on_error=self._failed
        )

    async def _store(self, secret: Secret | None, test: bool) -> None:
        services = self._context.services
        result: CredentialTest | None = None
        try:
            credential_id = await self._keep(secret)
            self._source = await services.sources.get(self._source.id)
            self._credential = self._source.credential
            if test:
                result = await services.credentials.test(credential_id, self.page.text().strip())
        finally:
            self._is_busy = False
            if isValid(self):
                self._check()
        if not isValid(self):
            return
        self.saved.emit(credential_id)
        if result is None:
            self.accept()
            return
        self._remove.setVisible(True)
        self._buttons.cancel.setText(self.tr("Close"))
        self.tested.say(result.message, "plain" if result.ok is None else "good" if result.ok else "error")
        self._fit()

    async def _keep(self, secret: Secret | None) -> int:
        services = self._context.services
        before = self._credential
        login = self.login.text().strip()
        if before is not None:
            new = NewCredential(name=before.name, origin=before.origin, kind=self.kind, login_url=login)
            if secret is None:
                new = NewCredential(name=before.name, origin=before.origin, login_url=login)
            await services.credentials.update(before.id, new, secret)
            return before.id
        assert secret is not None
        taken = {each.name for each in await services.credentials.list()}
        name, number = self._source.name, 1
        while name in taken:
            number += 1
            name = f"{self._source.name} {number}"
        new = NewCredential(name=name, origin=self._origin, kind=self.kind, login_url=login)
        credential_id = await services.credentials.add(new, secret)
        await services.sources.update(self._source.id, as_new(self._source, credential_id=credential_id))
        return credential_id

    def _take_away(self) -> None:
        async def remove() -> None:
            before = self._credential
            if before is not None:
                await self._context.services.credentials.delete(before.id)
            if isValid(self):
                self.saved.emit(0)
                self.accept()

        self._context.tasks.spawn(remove(), name="take a secret away", on_error=self._failed)

    def _refuse(self, error: FieldError) -> bool:
        self._show_state()
        self._complaint.say(error_text(error).removeprefix(f"{error.field}: "), "error")
        if error.field == "login_url":
            self.more.fold(out=True)
            self.login.setFocus()
        return True

    def _show_state(self) -> None:
        self.tested.say("")
        self._check()

    # --- room ---------------------------------------------------------------------------------------------------------

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 (Qt's name)
        """Fit the dialog to what it shows."""
        super().showEvent(event)
        self._fit()

    def _fit(self) -> None:
        self._column.activate()
        width = max(self.width(), _WIDTH)
        height = self._column.totalHeightForWidth(width)
        self.resize(width, min(height, self._most().height()))


def _origin_of(source: Source) -> str:
    return urls.origin_of(source.start_url)
