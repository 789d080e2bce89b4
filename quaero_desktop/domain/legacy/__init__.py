"""What the rows of a legacy Quaero database mean to us (O2): pure functions from a row to a value of ours.

Columns may be missing, and SQLite let anything stand in any of them. A row that makes no sense raises
:class:`UnusableError`; a part of one that makes none is left out, and *note* is told why.
"""

from quaero_desktop.domain.legacy.columns import moment as moment
from quaero_desktop.domain.legacy.columns import text as text
from quaero_desktop.domain.legacy.credentials import credential as credential
from quaero_desktop.domain.legacy.definitions import definition as definition
from quaero_desktop.domain.legacy.definitions import linked as linked
from quaero_desktop.domain.legacy.documents import document as document
from quaero_desktop.domain.legacy.jobs import job as job
from quaero_desktop.domain.legacy.jobs import line as line
from quaero_desktop.domain.legacy.sources import source as source
from quaero_desktop.domain.legacy.values import LegacyCredential as LegacyCredential
from quaero_desktop.domain.legacy.values import LegacyDefinition as LegacyDefinition
from quaero_desktop.domain.legacy.values import LegacyDocument as LegacyDocument
from quaero_desktop.domain.legacy.values import LegacyJob as LegacyJob
from quaero_desktop.domain.legacy.values import LegacyLine as LegacyLine
from quaero_desktop.domain.legacy.values import LegacySource as LegacySource
from quaero_desktop.domain.legacy.values import UnusableError as UnusableError
