"""A connection to the log file that turns any SQLite error, at any call and any row, into one sentence."""

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
    "SQLITE_READONLY": "it is read-only",
    "SQLITE_CANTOPEN": "it cannot be opened or created",
    "SQLITE_IOERR": "the disk fails or is full",
    "SQLITE_BUSY": "another process has been writing it for too long",
    "SQLITE_LOCKED": "another process has been writing it for too long",
    "SQLITE_PERM": "permission denied",
}
_RESTORE = "restore it from a copy, or recover what is readable with `sqlite3 FILE .recover`"


class Connection(sqlite3.Connection):
    """A connection whose cursors explain their errors."""

    path = Path()

    def cursor(self, factory: Any = None) -> Any:
        """Return a cursor that explains its errors."""
        return super().cursor(_Cursor)

    def execute(self, *arguments: Any) -> Any:
        """Execute a statement and return its rows."""
        return self.cursor().execute(*arguments)

    def executemany(self, *arguments: Any) -> Any:
        """Execute a statement once for each list of values."""
        return self.cursor().executemany(*arguments)

    def executescript(self, script: str) -> Any:
        """Execute several statements."""
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
        # Without `explained`, which takes longer than reading a row.
        try:
            return super().__next__()
        except sqlite3.Error as error:
            raise _explained_error(error, self._path) from error

    @property
    def _path(self) -> Path:
        connection = self.connection
        return connection.path if isinstance(connection, Connection) else Path()


def connect(path: Path, *, wait_s: float) -> Connection:
    """Return a connection to the file at `path`, which is created if missing.

    Args:
        path: path of the file.
        wait_s: seconds to wait for another process that is writing.

    Raises:
        InputError: the file is damaged or not a database.
        StorageError: the file cannot be opened or written.
    """
    with explained(path):
        connection = sqlite3.connect(
            path, timeout=wait_s, isolation_level=None, check_same_thread=False, factory=Connection
        )
    connection.path = path
    return connection


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn errors of SQLite, of the operating system and of damaged content into one sentence.

    Raises:
        InputError: the file is damaged or not a database.
        StorageError: the file cannot be opened or written.
    """
    try:
        yield
    except (FertoolsError, sqlite3.ProgrammingError):
        raise
    except sqlite3.Error as error:
        raise _explained_error(error, path) from error
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror}; allow it and run again") from error
    except Exception as error:
        raise blame(error, path, "has content that no rating page wrote", _RESTORE) from error


def _explained_error(error: sqlite3.Error, path: Path) -> FertoolsError:
    if isinstance(error, sqlite3.IntegrityError):
        return StorageError(f"cannot write {path}: {error}")
    name = getattr(error, "sqlite_errorname", "") or ""
    for kind, reason in _STORAGE.items():
        if name.startswith(kind):
            return StorageError(f"cannot write {path}: {reason}; free or allow space there and send again")
    if name.startswith("SQLITE_NOTADB"):
        return InputError(f"{path} is not a log of ratings; move it away or name another workspace")
    return InputError(f"{path} is damaged ({error}); {_RESTORE}")
