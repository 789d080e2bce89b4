"""Makes a Qt document of the markdown of a page: nothing is loaded, and nothing but web addresses can be clicked."""

import posixpath
import re
from urllib.parse import unquote

from PySide6.QtGui import (
    QFont,
    QPalette,
    QTextBlock,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextDocumentFragment,
    QTextFormat,
    QTextFrameFormat,
    QTextLength,
    QTextTable,
    QTextTableFormat,
)
from PySide6.QtWidgets import QApplication

from quaero_desktop.domain import urls
from quaero_desktop.ui.format import clean
from quaero_desktop.ui.pieces import Piece
from quaero_desktop.ui.theme import SPACE, Theme

IN_CODE = QTextFormat.Property.BlockCodeFence
"""The block property that tells a line of code."""

_LANGUAGE = QTextFormat.Property.BlockCodeLanguage
_FEATURES = QTextDocument.MarkdownFeature.MarkdownDialectGitHub | QTextDocument.MarkdownFeature.MarkdownNoHTML
_LONGEST_BLOCK = 6_000
"""The time that Qt takes for a paragraph grows with the square of its formats and of its unbroken words."""
_LONGEST_WORD = 300
_UNBROKEN = re.compile(rf"\S{{{_LONGEST_WORD},}}")
_BREAK = "\u200b"
_OBJECT = "\ufffc"
_PROPORTIONAL = QTextBlockFormat.LineHeightTypes.ProportionalHeight.value
_FIXED = QTextBlockFormat.LineHeightTypes.FixedHeight.value
_HEADING_SPACE = {1: (20, 8), 2: (24, 8), 3: (18, 6)}
_LARGER = {1: 2, 2: 1}
"""Steps by which a heading is larger than the text: 1.5 and 1.2 times."""
_INDENT = 5 * SPACE


class Renderer:
    """Renders the pieces of one page.

    Args:
        theme: colours and fonts.
        url: the page's own address, which relative links start from.
    """

    def __init__(self, theme: Theme, url: str) -> None:
        self._theme = theme
        self._url = url
        self._font = QFont(QApplication.font())
        self._font.setPointSizeF(self._font.pointSizeF() * 1.08)
        self._fixed = QFont(theme.font_fixed())
        self._fixed.setPointSizeF(self._font.pointSizeF() * 0.94)
        self._link = QApplication.palette().color(QPalette.ColorRole.Link)

    def new_document(self) -> QTextDocument:
        """Return an empty document to render into."""
        document = QTextDocument()
        document.setUndoRedoEnabled(False)
        document.setDefaultFont(self._font)
        document.setDocumentMargin(0)
        document.setIndentWidth(_INDENT)
        root = document.rootFrame().frameFormat()
        root.setTopMargin(3 * SPACE)
        root.setBottomMargin(6 * SPACE)
        document.rootFrame().setFrameFormat(root)
        return document

    def append(self, target: QTextDocument, piece: Piece) -> None:
        """Add a piece at the end of *target*."""
        scratch = self.new_document()
        # At the very beginning Qt takes a line of dashes for the start of front matter, and shows nothing of it.
        scratch.setMarkdown(f"\n{piece.markdown}", _FEATURES)
        self._tables(scratch, piece)
        self._blocks(scratch)
        cursor = QTextCursor(target)
        cursor.movePosition(QTextCursor.MoveOperation.End)
        cursor.beginEditBlock()
        # After a table there is an empty block already.
        if target.characterCount() > 1 and not piece.goes_on:
            cursor.insertBlock(QTextBlockFormat(), QTextCharFormat())
        first = scratch.begin()
        block_format, char_format = first.blockFormat(), first.charFormat()
        at = cursor.position()
        cursor.insertFragment(QTextDocumentFragment(scratch))
        if cursor.document().findBlock(at).textList() is None and QTextCursor(first).currentTable() is None:
            # Qt merges the first block into the one that it is inserted at, and keeps that one's format.
            start = QTextCursor(target)
            start.setPosition(at)
            start.setBlockFormat(block_format)
            start.setBlockCharFormat(char_format)
        cursor.endEditBlock()

    # --- tables -----------------------------------------------------------------------------------------------------

    def _tables(self, document: QTextDocument, piece: Piece) -> None:
        tables = [frame for frame in document.rootFrame().childFrames() if isinstance(frame, QTextTable)]
        for table in tables:
            _split_merged(table)
            if piece.goes_on and table.rows() > 1:
                table.removeRows(0, 1)
            form = QTextTableFormat(table.format())
            form.setBorder(1)
            form.setBorderStyle(QTextFrameFormat.BorderStyle.BorderStyle_Solid)
            form.setBorderBrush(self._theme.border)
            form.setBorderCollapse(True)
            form.setCellPadding(1.25 * SPACE)
            form.setCellSpacing(0)
            form.setTopMargin(0 if piece.goes_on else 2 * SPACE)
            form.setBottomMargin(0 if piece.columns else 2 * SPACE)
            if piece.columns and len(piece.columns) == table.columns():
                # Not the whole width: the border comes on top of it, and the page could be scrolled sideways by it.
                form.setWidth(QTextLength(QTextLength.Type.PercentageLength, 99))
                form.setColumnWidthConstraints(
                    [QTextLength(QTextLength.Type.PercentageLength, width) for width in piece.columns]
                )
            table.setFormat(form)
            if piece.goes_on:
                continue
            for column in range(table.columns()):
                cell = table.cellAt(0, column)
                shaded = cell.format()
                shaded.setBackground(self._theme.colour("code"))
                cell.setFormat(shaded)

    # --- blocks -----------------------------------------------------------------------------------------------------

    def _blocks(self, document: QTextDocument) -> None:
        cursor = QTextCursor(document)
        cursor.beginEditBlock()
        block = document.begin()
        while block.isValid():
            block = self._shortened(cursor, block)
            form = block.blockFormat()
            if form.hasProperty(IN_CODE):
                block = self._code(cursor, block)
                continue
            cursor.setPosition(block.position())
            self._form(form, block, in_table=cursor.currentTable() is not None)
            cursor.setBlockFormat(form)
            self._spans(cursor, block, form)
            block = block.next()
        cursor.endEditBlock()

    def _code(self, cursor: QTextCursor, first: QTextBlock) -> QTextBlock:
        """Form all lines of a block of code at once: there can be thousands. Returns the block after them."""
        form = first.blockFormat()
        last = first
        while (following := last.next()).isValid() and _is_line_of(form, following.blockFormat()):
            last = self._shortened(cursor, following)
        # Long lines wrap: there is no scrolling sideways in one block alone.
        form.setNonBreakableLines(False)
        form.setLineHeight(118, _PROPORTIONAL)
        form.setTopMargin(0)
        form.setBottomMargin(0)
        form.setLeftMargin(form.leftMargin() + 3 * SPACE)
        form.setRightMargin(3 * SPACE)
        span = QTextCharFormat()
        _set_font(span, self._fixed)
        cursor.setPosition(first.position())
        cursor.setPosition(last.position() + last.length() - 1, QTextCursor.MoveMode.KeepAnchor)
        cursor.setBlockFormat(form)
        cursor.mergeCharFormat(span)
        cursor.mergeBlockCharFormat(span)
        edge = QTextBlockFormat()
        edge.setTopMargin(5 * SPACE)
        cursor.setPosition(first.position())
        cursor.mergeBlockFormat(edge)
        edge = QTextBlockFormat()
        edge.setBottomMargin(5 * SPACE)
        cursor.setPosition(last.position())
        cursor.mergeBlockFormat(edge)
        return last.next()

    def _form(self, form: QTextBlockFormat, block: QTextBlock, *, in_table: bool) -> None:
        level = form.headingLevel()
        if level:
            above, below = _HEADING_SPACE.get(level, (14, 4))
            form.setTopMargin(above)
            form.setBottomMargin(below)
            form.setLineHeight(112, _PROPORTIONAL)
        elif in_table:
            form.setTopMargin(0)
            form.setBottomMargin(0)
            form.setLineHeight(118, _PROPORTIONAL)
        elif form.hasProperty(QTextFormat.Property.BlockTrailingHorizontalRulerWidth):
            form.setTopMargin(3 * SPACE)
            form.setBottomMargin(3 * SPACE)
            form.setBackground(self._theme.border)
        elif block.length() == 1:
            # Qt puts an empty block before and after each table.
            form.setTopMargin(0)
            form.setBottomMargin(0)
            form.setLineHeight(1, _FIXED)
        else:
            in_list = block.textList() is not None
            form.setTopMargin(0.5 * SPACE if in_list else 1.5 * SPACE)
            form.setBottomMargin(0.5 * SPACE if in_list else 2 * SPACE)
            form.setLineHeight(132, _PROPORTIONAL)
            quoted = form.intProperty(QTextFormat.Property.BlockQuoteLevel)
            if quoted:
                form.setLeftMargin(min(8, quoted) * _INDENT)
                form.setRightMargin(0)

    def _shortened(self, cursor: QTextCursor, block: QTextBlock) -> QTextBlock:
        """Split a block that Qt could not lay out in reasonable time, and words without an end; return its start."""
        if block.length() <= _LONGEST_WORD:
            return block
        at, text = block.position(), block.text()
        for match in reversed(list(_UNBROKEN.finditer(text)) if len(text) == block.length() - 1 else []):
            for place in range(match.end() - _LONGEST_WORD // 2, match.start(), -_LONGEST_WORD // 2):
                cursor.setPosition(at + place)
                cursor.insertText(_BREAK)
        block = cursor.document().findBlock(at)
        if block.length() > _LONGEST_BLOCK:
            text = block.text()
            places = []
            start = 0
            while len(text) - start > _LONGEST_BLOCK:
                space = text.rfind(" ", start + _LONGEST_BLOCK // 2, start + _LONGEST_BLOCK)
                start = space + 1 if space >= 0 else start + _LONGEST_BLOCK
                places.append(start)
            for place in reversed(places):
                cursor.setPosition(at + place)
                cursor.insertBlock()
            block = cursor.document().findBlock(at)
        return block

    # --- spans ------------------------------------------------------------------------------------------------------

    def _spans(self, cursor: QTextCursor, block: QTextBlock, form: QTextBlockFormat) -> None:
        level = form.headingLevel()
        if level:
            whole = QTextCharFormat()
            whole.setProperty(QTextFormat.Property.FontSizeAdjustment, _LARGER.get(level, 0))
            whole.setFontWeight(QFont.Weight.DemiBold)
            cursor.setPosition(block.position())
            cursor.setPosition(block.position() + block.length() - 1, QTextCursor.MoveMode.KeepAnchor)
            cursor.mergeCharFormat(whole)
            cursor.mergeBlockCharFormat(whole)
        changes: list[tuple[int, int, QTextCharFormat, str | None]] = []
        iterator = block.begin()
        while not iterator.atEnd():
            fragment = iterator.fragment()
            span = fragment.charFormat()
            if span.isImageFormat():
                changes.append((fragment.position(), fragment.length(), *self._instead_of_image(span)))
            elif span.isAnchor():
                changes.append((fragment.position(), fragment.length(), self._anchor(span), None))
            elif span.fontFixedPitch():
                code = QTextCharFormat(span)
                _set_font(code, self._fixed)
                code.setBackground(self._theme.colour("code"))
                changes.append((fragment.position(), fragment.length(), code, None))
            iterator += 1
        for position, length, span, text in reversed(changes):
            cursor.setPosition(position)
            cursor.setPosition(position + length, QTextCursor.MoveMode.KeepAnchor)
            if text is None:
                cursor.setCharFormat(span)
            else:
                cursor.insertText(text, span)

    def _anchor(self, span: QTextCharFormat) -> QTextCharFormat:
        """Return the format of a link: to a web address, or else of text that cannot be clicked."""
        form = QTextCharFormat(span)
        # Qt guesses whether a tool tip is HTML, and would load its pictures from this machine's files.
        form.setToolTip("")
        if self.target_of(span.anchorHref()) is None:
            _no_link(form)
        else:
            form.setForeground(self._link)
            form.setFontUnderline(False)
            if span.fontFixedPitch():
                _set_font(form, self._fixed)
        return form

    def _instead_of_image(self, span: QTextCharFormat) -> tuple[QTextCharFormat, str | None]:
        """Return what stands for a picture, which is never loaded: its description, as a link to it.

        Without a text the format is given to the picture itself.
        """
        image = span.toImageFormat()
        target = self.target_of(image.name())
        name = posixpath.basename(unquote(urls.path_of(target).partition("?")[0], errors="replace")) if target else ""
        description = clean(str(image.property(QTextFormat.Property.ImageAltText) or "") or name, 200).strip()
        form = QTextCharFormat()
        form.setFontItalic(True)
        form.setForeground(self._theme.muted)
        link = self.target_of(span.anchorHref()) if span.isAnchor() else target
        if link is not None:
            form.setAnchor(True)
            form.setAnchorHref(link)
            form.setForeground(self._link)
        return form, f"[{description}]" if description else "[picture]"

    def target_of(self, href: str) -> str | None:
        """Return the web address that a link means, or None when it means none."""
        if not href or len(href) > urls.MAX_URL_LENGTH or not self._url:
            return None
        if href.startswith("#"):
            return self._url + href
        return urls.join(self._url, href)


def _split_merged(table: QTextTable) -> None:
    """Give each column its cells back: Qt takes an empty cell for a part of the one before it."""
    for row in range(table.rows()):
        for column in range(table.columns()):
            if table.cellAt(row, column).columnSpan() > 1:
                table.splitCell(row, column, 1, 1)


def _is_line_of(code: QTextBlockFormat, form: QTextBlockFormat) -> bool:
    """Return whether a block goes on with a block of code: another may be deeper in a list, or in another language."""
    return (
        form.hasProperty(IN_CODE)
        and form.indent() == code.indent()
        and form.leftMargin() == code.leftMargin()
        and form.stringProperty(_LANGUAGE) == code.stringProperty(_LANGUAGE)
    )


def _set_font(form: QTextCharFormat, font: QFont) -> None:
    form.setFontFamilies(font.families())
    form.setFontFixedPitch(True)
    if not form.hasProperty(QTextFormat.Property.FontSizeAdjustment):
        form.setFontPointSize(font.pointSizeF())


def _no_link(form: QTextCharFormat) -> None:
    form.setAnchor(False)
    form.clearProperty(QTextFormat.Property.AnchorHref)
    form.clearForeground()
    form.setFontUnderline(False)
