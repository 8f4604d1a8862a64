"""A connection to the log's file: what SQLite says of it, at any call and any row, becomes one sentence."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fertools.core.errors import FertoolsError, InputError, StorageError
from fertools.core.explain import blame

_STORAGE = {
    "SQLITE_FULL": "the disk is full",
    "SQLITE_READONLY": "it may only be read",
    "SQLITE_CANTOPEN": "it cannot be opened or made",
    "SQLITE_IOERR": "the disk fails or is full",
    "SQLITE_BUSY": "another process has been writing it for long",
    "SQLITE_LOCKED": "another process has been writing it for long",
    "SQLITE_PERM": "permission denied",
}
_RESTORE = "restore it from a copy, or save what can be read by `sqlite3 FILE .recover`"


class Connection(sqlite3.Connection):
    """A connection whose cursors explain their errors."""

    path = Path()

    def cursor(self, factory: Any = None) -> Any:
        """Return a cursor that explains its errors."""
        return super().cursor(_Cursor)

    def execute(self, *arguments: Any) -> Any:
        """Return the rows of a statement."""
        return self.cursor().execute(*arguments)

    def executemany(self, *arguments: Any) -> Any:
        """Carry a statement out with each of several lists of values."""
        return self.cursor().executemany(*arguments)

    def executescript(self, script: str) -> Any:
        """Carry several statements out."""
        return self.cursor().executescript(script)


class _Cursor(sqlite3.Cursor):
    def execute(self, *arguments: Any) -> Any:
        with explained(self._path):
            return super().execute(*arguments)

    def executemany(self, *arguments: Any) -> Any:
        with explained(self._path):
            return super().executemany(*arguments)

    def executescript(self, script: str) -> Any:
        with explained(self._path):
            return super().executescript(script)

    def fetchone(self) -> Any:
        with explained(self._path):
            return super().fetchone()

    def fetchall(self) -> Any:
        with explained(self._path):
            return super().fetchall()

    def __next__(self) -> Any:
        # Not by `explained`, which would take longer than a row.
        try:
            return super().__next__()
        except sqlite3.Error as error:
            raise _told(error, self._path) from error

    @property
    def _path(self) -> Path:
        connection = self.connection
        return connection.path if isinstance(connection, Connection) else Path()


def connect(path: Path, *, wait_s: float) -> Connection:
    """Return a connection to the file at `path`, which is made if missing.

    Args:
        path: the file.
        wait_s: how long to wait for another process that is writing.

    Raises:
        InputError: the file is damaged, or no database.
        StorageError: it cannot be opened or written.
    """
    with explained(path):
        connection = sqlite3.connect(
            path, timeout=wait_s, isolation_level=None, check_same_thread=False, factory=Connection
        )
    connection.path = path
    return connection


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn what SQLite and the system say about a file, and what damaged content leads to, into one sentence.

    Raises:
        InputError: the file is damaged, or no database.
        StorageError: it cannot be opened or written.
    """
    try:
        yield
    except (FertoolsError, sqlite3.ProgrammingError):
        raise
    except sqlite3.Error as error:
        raise _told(error, path) from error
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror}; allow it and run again") from error
    except Exception as error:
        raise blame(error, path, "holds what no page wrote", _RESTORE) from error


def _told(error: sqlite3.Error, path: Path) -> FertoolsError:
    if isinstance(error, sqlite3.IntegrityError):
        return StorageError(f"cannot write {path}: {error}")
    name = getattr(error, "sqlite_errorname", "") or ""
    for kind, reason in _STORAGE.items():
        if name.startswith(kind):
            return StorageError(f"cannot write {path}: {reason}; free or allow space there and send again")
    if name.startswith("SQLITE_NOTADB"):
        return InputError(f"{path} is not a log of ratings; move it away or name another workspace")
    return InputError(f"{path} is damaged ({error}); {_RESTORE}")
