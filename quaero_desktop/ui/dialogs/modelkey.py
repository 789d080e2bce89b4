"""The key of a language model, and a way to find out whether it answers, on a page of the settings."""

from collections.abc import Callable

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QPushButton, QWidget
from shiboken6 import isValid

from quaero_desktop.domain.errors import KnownError
from quaero_desktop.ui.context import Context
from quaero_desktop.ui.dialogs.fields import Remark
from quaero_desktop.ui.format import clean
from quaero_desktop.ui.theme import SPACE


class ModelKey(QWidget):
    """A field for the key of an endpoint, which is never shown again, and a button that tries the model.

    Args:
        context: of the window.
        endpoint: returns the address that stands in its field now.
        model: returns the name that stands in its field now.

    Signals:
        changed: another key was typed.
    """

    changed = Signal()

    def __init__(
        self, context: Context, endpoint: Callable[[], str], model: Callable[[], str], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._context = context
        self._endpoint = endpoint
        self._model = model
        self.edit = QLineEdit(self)
        self.edit.setObjectName("summaries.key")
        self.edit.setEchoMode(QLineEdit.EchoMode.Password)
        self.edit.setAccessibleName(self.tr("Key of the language model"))
        self.edit.textChanged.connect(lambda _: self.changed.emit())
        self.attempt = QPushButton(self.tr("&Try it"), self)
        self.attempt.setObjectName("tryModel")
        self.attempt.setAutoDefault(False)
        self.attempt.setToolTip(self.tr("Ask the model to say a word; no document is sent"))
        self.attempt.clicked.connect(lambda _=False: self._try())
        self.remark = Remark(context.theme)
        self.remark.setObjectName("tryModel.remark")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2 * SPACE)
        layout.addWidget(self.edit, 1)
        layout.addWidget(self.attempt)
        self.setFocusProxy(self.edit)
        self.show_state()

    @property
    def is_changed(self) -> bool:
        """Whether a key was typed that is not kept yet."""
        return bool(self.edit.text().strip())

    def show_state(self) -> None:
        """Say whether there is a key for the endpoint, and offer to try it."""
        endpoint = self._endpoint()
        self.edit.setEnabled(bool(endpoint))
        self.attempt.setEnabled(bool(endpoint))
        self.edit.setPlaceholderText(self.tr("none, as most models on one's own computer need"))
        if not endpoint:
            return

        async def look() -> None:
            tail = await self._context.services.language_model.key_tail(endpoint)
            if isValid(self) and tail is not None:
                self.edit.setPlaceholderText(self.tr("kept (%s)") % tail)

        self._context.tasks.latest((id(self), "key"), look(), on_error=self._say)

    def save(self) -> None:
        """Keep what was typed, for the endpoint that stands in its field."""
        endpoint, key = self._endpoint(), self.edit.text().strip()
        if not (endpoint and key):
            return
        self.edit.clear()

        async def keep() -> None:
            kept = await self._context.services.language_model.keep_key(endpoint, key)
            if isValid(self):
                if not kept:
                    self.remark.say(self.tr("There is no keyring here: the key is kept until Quaero ends."))
                self.show_state()

        self._context.tasks.spawn(keep(), name="keep the key of the model", on_error=self._say)

    def _try(self) -> None:
        endpoint, model = self._endpoint(), self._model()
        key = self.edit.text().strip() or None
        self.remark.say(self.tr("Asking …"))
        self.attempt.setEnabled(False)

        async def ask() -> None:
            try:
                name = await self._context.services.language_model.try_model(endpoint, model, key)
            except KnownError as error:
                self._say(error)
            else:
                if isValid(self):
                    self.remark.say(self.tr("%s answers.") % clean(name, 100), "good")
            finally:
                if isValid(self):
                    self.attempt.setEnabled(bool(self._endpoint()))

        self._context.tasks.latest((id(self), "try"), ask())

    def _say(self, error: KnownError) -> None:
        if isValid(self):
            self.remark.complain(error)
