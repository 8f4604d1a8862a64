"""Object storage by its address: `s3://bucket/name`, and any other address that fsspec opens.

An object appears whole or not at all, which is what the order of a copy rests on. On a disk (`file:`) that is had by
renaming. S3 also writes on a condition, so that of two writers at one moment only one succeeds; elsewhere fertools
looks before it writes, which two writers within the same moment can both pass.
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
"""The largest object that S3 takes in one request, and with it the largest that can be written on a condition."""

_REFUSALS = {"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey", "404", "409", "412"}
"""What S3 answers where a condition does not hold; an object that was removed meanwhile does not match either."""


def is_address(text: str) -> bool:
    """Return whether `text` is an address such as `s3://bucket/name`, and no path."""
    return re.match(r"[a-z][a-z0-9+.-]+://", text) is not None


class ObjectStore:
    """The objects below one address; names are relative to it, with `/`.

    Attributes:
        url: the address, without a slash at its end.
    """

    def __init__(self, url: str, filesystem: Any, root: str) -> None:
        self.url = url
        self._files, self._root = filesystem, root.rstrip("/")
        protocols = {filesystem.protocol} if isinstance(filesystem.protocol, str) else set(filesystem.protocol)
        self._conditional = "s3" in protocols
        self._on_disk = "file" in protocols
        # One request for one object: s3fs would ask for its size first, and read a large one in pieces, of which some
        # could be of another version.
        self._whole = {"max_concurrency": 1} if self._conditional else {}

    @classmethod
    def at(cls, url: str) -> ObjectStore:
        """Return the store at `url`; nothing is asked of it yet.

        For S3 the endpoint, the credentials and the region are found as all of Amazon's tools find them: by
        `AWS_ENDPOINT_URL`, `AWS_ACCESS_KEY_ID`, `AWS_PROFILE` and so on, in `~/.aws`, or from the machine's role.

        Raises:
            InputError: not an address, or one that needs a package that is not installed.
        """
        if not is_address(url):
            raise InputError(f"{url} is not the address of a store; give one such as s3://bucket/name")
        import fsspec

        try:
            # Listings that fsspec remembers would hide what another machine did.
            filesystem, root = fsspec.core.url_to_fs(url, skip_instance_cache=True, use_listings_cache=False)
        except ImportError as error:
            raise InputError(
                f"{url} needs a package that is not installed ({_words(error)}); for s3:// install it by: "
                "pip install 'fertools[storage]'"
            ) from error
        except ValueError as error:
            raise InputError(f"{url} cannot be opened: {_words(error)}; give one such as s3://bucket/name") from error
        return cls(url.rstrip("/"), filesystem, root)

    def below(self, name: str) -> ObjectStore:
        """Return the store of the objects whose names begin with `name` and a slash."""
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
        """Return the contents of these objects, many asked for at a time.

        Raises:
            StorageError: the store cannot be reached, or one of them is gone.
        """
        if not names:
            return {}
        with self._reaching("read"):
            # `cat` would take a name with `*` or `[` in it for a pattern.
            contents = self._files.cat_ranges([self._path(name) for name in names], None, None, **self._whole)
            for content in contents:
                if isinstance(content, BaseException):
                    raise content
        return dict(zip(names, contents, strict=True))

    def read_tagged(self, name: str) -> tuple[bytes | None, str | None]:
        """Return the content of an object and the tag to `replace` it by; None and None if it is not there.

        Raises:
            StorageError: the store cannot be reached or read.
        """
        with self._reaching("read"):
            try:
                # The tag first: if the object changes in between, the tag is the old one, and `replace` refuses.
                tag = self._files.info(self._path(name)).get("ETag") if self._conditional else None
                content: bytes = self._files.cat_file(self._path(name), **self._whole)
            except FileNotFoundError:
                return None, None
        return content, tag if self._conditional else hash_bytes(content)

    def write(self, contents: dict[str, bytes]) -> None:
        """Write objects by their names, many at a time and in no certain order; each appears whole.

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
        """Write an object if it is still the one that `read_tagged` saw; return whether it was.

        Args:
            name: of the object.
            content: what it is to hold.
            tag: from `read_tagged`; None if there was none.

        Raises:
            StorageError: the store cannot be reached or written.
        """
        if not self._conditional:
            if self.read_tagged(name)[1] != tag:
                return False
            self.write({name: content})
            return True
        if len(content) >= SINGLE_PUT_BYTES:
            raise StorageError(f"{name} is larger than the 5 GiB that S3 writes on a condition; copy it by other means")
        condition = {"IfNoneMatch": "*"} if tag is None else {"IfMatch": tag}
        with self._reaching("write to"):
            try:
                # In one request: a condition on an upload in pieces would be dropped on the way.
                self._files.pipe_file(self._path(name), content, chunksize=len(content) + 1, **condition)
            except Exception as error:
                if _code(error) not in _REFUSALS:
                    raise
                # The answer to a first try may be lost and a second one made, which then meets what the first wrote.
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
        """Turn what a file system of any make raises into one sentence."""
        try:
            yield
        except FertoolsError:
            raise
        except Exception as error:
            raise StorageError(
                f"cannot {deed} {self.url}: {_words(error)}; see to the address, the network and the credentials, "
                f"and run the same command again to go on"
            ) from error


def _code(error: BaseException) -> str | None:
    """Return S3's code of an error, which fsspec keeps below an error of Python's own kind."""
    response = getattr(error, "response", None) or getattr(error.__cause__, "response", None)
    code = response.get("Error", {}).get("Code") if isinstance(response, dict) else None
    return None if code is None else str(code)


def _words(error: BaseException) -> str:
    """Return what an error says, on one line and without a stop."""
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
