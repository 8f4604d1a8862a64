"""Object storage at an address such as `s3://bucket/name`, or any other address that fsspec opens.

Every write is atomic: an object is visible as a whole or not at all. On a disk (`file:`) renaming achieves this. S3
also offers conditional writes, so only one of two simultaneous writers succeeds. Other stores are checked before the
write, which two simultaneous writers can both pass.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from fertools.core import files
from fertools.core.errors import FertoolsError, InputError, StorageError
from fertools.core.hashing import hash_bytes

SINGLE_PUT_BYTES = 5 * 2**30
"""Largest object for one S3 request in bytes, and therefore for a conditional write."""

_REFUSALS = {"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey", "404", "409", "412"}
"""Codes of S3 for an unfulfilled condition, including an object that was removed in the meantime."""


def is_address(text: str) -> bool:
    """Return whether `text` is an address such as `s3://bucket/name` rather than a path."""
    return re.match(r"[a-z][a-z0-9+.-]+://", text) is not None


class ObjectStore:
    """The objects below one address. Their names are relative to it and use `/`.

    Attributes:
        url: the address without a final slash.
    """

    def __init__(self, url: str, filesystem: Any, root: str) -> None:
        self.url = url
        self._files, self._root = filesystem, root.rstrip("/")
        protocols = {filesystem.protocol} if isinstance(filesystem.protocol, str) else set(filesystem.protocol)
        self._conditional = "s3" in protocols
        self._on_disk = "file" in protocols
        # One request per object: otherwise s3fs reads a large object in pieces, which could belong to two versions.
        self._whole = {"max_concurrency": 1} if self._conditional else {}

    @classmethod
    def at(cls, url: str) -> ObjectStore:
        """Return the store at an address, without contacting it.

        For S3, the endpoint, the credentials and the region come from the usual places of the AWS tools: the variables
        `AWS_ENDPOINT_URL`, `AWS_ACCESS_KEY_ID`, `AWS_PROFILE` and so on, the folder `~/.aws`, or the machine's role.

        Raises:
            InputError: `url` is no address, or it needs a package that is not installed.
        """
        if not is_address(url):
            raise InputError(f"{url} is not the address of a store; give one such as s3://bucket/name")
        import fsspec

        try:
            # Cached listings of fsspec would hide changes by other machines.
            filesystem, root = fsspec.core.url_to_fs(url, skip_instance_cache=True, use_listings_cache=False)
        except ImportError as error:
            raise InputError(
                f"{url} needs a package that is not installed ({_words(error)}); for s3:// install it with: "
                "pip install 'fertools[storage]'"
            ) from error
        except ValueError as error:
            raise InputError(f"{url} cannot be opened: {_words(error)}; give one such as s3://bucket/name") from error
        return cls(url.rstrip("/"), filesystem, root)

    def below(self, name: str) -> ObjectStore:
        """Return the store of all objects whose names begin with `name` and a slash."""
        return ObjectStore(f"{self.url}/{name}", self._files, self._path(name))

    def sizes(self) -> dict[str, int]:
        """Return the name and the size in bytes of every object.

        Raises:
            StorageError: the store cannot be reached or read.
        """
        with self._reaching("list"):
            found: dict[str, dict[str, Any]] = self._files.find(self._root, detail=True)
        start = len(self._root) + 1
        names = {path[start:]: int(entry["size"]) for path, entry in found.items() if len(path) > start}
        return {name: size for name, size in sorted(names.items()) if files.TEMPORARY_PREFIX not in name}

    def read(self, names: Sequence[str]) -> dict[str, bytes]:
        """Return the contents of some objects, reading many at a time.

        Raises:
            StorageError: the store cannot be reached, or an object does not exist.
        """
        if not names:
            return {}
        with self._reaching("read"):
            # `cat` would interpret `*` and `[` in a name as a pattern.
            contents = self._files.cat_ranges([self._path(name) for name in names], None, None, **self._whole)
            for content in contents:
                if isinstance(content, BaseException):
                    raise content
        return dict(zip(names, contents, strict=True))

    def read_tagged(self, name: str) -> tuple[bytes | None, str | None]:
        """Return the content of an object and its tag for `replace`; None and None if it does not exist.

        Raises:
            StorageError: the store cannot be reached or read.
        """
        with self._reaching("read"):
            try:
                # The tag is read first: if the object changes in between, the old tag makes `replace` fail.
                tag = self._files.info(self._path(name)).get("ETag") if self._conditional else None
                content: bytes = self._files.cat_file(self._path(name), **self._whole)
            except FileNotFoundError:
                return None, None
        return content, tag if self._conditional else hash_bytes(content)

    def write(self, contents: dict[str, bytes]) -> None:
        """Write objects by name, many at a time and in any order; each write is atomic.

        Raises:
            StorageError: the store cannot be reached or written.
        """
        if self._on_disk:
            for name, content in contents.items():
                files.write_bytes(Path(self._path(name)), content)
            return
        with self._reaching("write to"):
            self._files.pipe({self._path(name): content for name, content in contents.items()})

    def replace(self, name: str, content: bytes, tag: str | None) -> bool:
        """Write an object if it has not changed since `read_tagged`; return whether it was written.

        Args:
            name: name of the object.
            content: new content of the object.
            tag: tag from `read_tagged`; None if the object did not exist.

        Raises:
            StorageError: the store cannot be reached or written.
        """
        if not self._conditional:
            if self.read_tagged(name)[1] != tag:
                return False
            self.write({name: content})
            return True
        if len(content) >= SINGLE_PUT_BYTES:
            raise StorageError(
                f"{name} is larger than 5 GiB, the limit of S3 for a conditional write; copy it with another tool"
            )
        condition = {"IfNoneMatch": "*"} if tag is None else {"IfMatch": tag}
        with self._reaching("write to"):
            try:
                # In one request, because an upload in pieces would drop the condition.
                self._files.pipe_file(self._path(name), content, chunksize=len(content) + 1, **condition)
            except Exception as error:
                if _code(error) not in _REFUSALS:
                    raise
                # If the response to a first attempt is lost, a second attempt finds what the first one wrote.
                return self.read_tagged(name)[0] == content
        return True

    def remove(self, name: str) -> None:
        """Remove an object.

        Raises:
            StorageError: the store cannot be reached or written.
        """
        with self._reaching("write to"):
            self._files.rm_file(self._path(name))

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    @contextlib.contextmanager
    def _reaching(self, deed: str) -> Iterator[None]:
        """Turn any error of the file system into one sentence."""
        try:
            yield
        except FertoolsError:
            raise
        except Exception as error:
            raise StorageError(
                f"cannot {deed} {self.url}: {_words(error)}; check the address, the network and the credentials, "
                f"and run the same command again to continue"
            ) from error


def _code(error: BaseException) -> str | None:
    """Return the S3 code of an error, which fsspec wraps in a Python error."""
    response = getattr(error, "response", None) or getattr(error.__cause__, "response", None)
    code = response.get("Error", {}).get("Code") if isinstance(response, dict) else None
    return None if code is None else str(code)


def _words(error: BaseException) -> str:
    """Return the message of an error on one line, without a final full stop."""
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
