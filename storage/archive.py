"""The file of a backup: a tar with a seal over all of it, under a passphrase where there is one; a stream both ways.

Without a passphrase it is a plain tar that any tar reads. With one the tar lies in frames of AES-256-GCM, whose nonces
count them and mark the last, under a key that scrypt makes. The seal is a SHA-256 of every byte before it: it needs no
passphrase to be checked, and tells a damaged file from a wrong passphrase.
"""

import fcntl
import hashlib
import io
import os
import tarfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import orjson

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"

_MAGIC: Final = b"polisdesk backup, encrypted\n"
_SEAL: Final = b"\npolisdesk-sha256 "
_SEAL_SIZE: Final = len(_SEAL) + 64 + 1
_FRAME: Final = 256 * 1024
_TAG: Final = 16
_BLOCK: Final = 1024 * 1024
_WORK: Final = 2**16
_MOST_WORK: Final = 2**20
"""A header that asks for more of scrypt (a gigabyte of memory) is not one of ours."""


class ArchiveError(Exception):
    """The archive cannot be used as it is; the text is one line for whoever holds it."""


class DamagedArchiveError(ArchiveError):
    """Not every byte is what was written."""


class WrongPassphraseError(ArchiveError):
    """The archive is whole, and this passphrase does not open it."""


class Stopped(Exception):
    """Nobody waits for the work any more."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of a file in the archive."""

    size: int
    sha256: str

    @classmethod
    def of(cls, content: bytes) -> "Entry":
        return cls(len(content), hashlib.sha256(content).hexdigest())


class _Hashing(io.RawIOBase):
    """Writes on, and keeps the hash of what went by."""

    def __init__(self, below: IO[bytes]) -> None:
        self._below, self.hash = below, hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.hash.update(data)
        return self._below.write(data)


def _key(passphrase: str, salt: bytes, work: int) -> bytes:
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt  # noqa: PLC0415 - large, and only for a passphrase

    return Scrypt(salt=salt, length=32, n=work, r=8, p=1).derive(passphrase.encode())


class _Frames:
    """The nonces of one stream: a number a frame, and a mark on the last, so that none can be moved or left out."""

    def __init__(self, key: bytes, prefix: bytes, header: bytes) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - as above

        self._cipher, self._prefix, self._header, self._number = AESGCM(key), prefix, header, 0

    def _nonce(self, *, last: bool) -> bytes:
        nonce = self._prefix + self._number.to_bytes(4, "big") + bytes([last])
        self._number += 1
        return nonce

    def close(self, data: bytes, *, last: bool) -> bytes:
        return self._cipher.encrypt(self._nonce(last=last), data, self._header)

    def open(self, data: bytes, *, last: bool) -> bytes:
        """Raises ValueError for what was not closed with this key, or not in this place."""
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - as above

        try:
            return self._cipher.decrypt(self._nonce(last=last), data, self._header)
        except InvalidTag as error:
            raise ValueError("the frame does not open") from error


class _Encrypting(io.RawIOBase):
    """Writes what it is given in frames; the last one when it is closed."""

    def __init__(self, below: io.RawIOBase, passphrase: str) -> None:
        salt, prefix = os.urandom(16), os.urandom(7)
        told = {"kdf": "scrypt", "n": _WORK, "salt": salt.hex(), "cipher": "AES-256-GCM", "nonce": prefix.hex()}
        header = _MAGIC + orjson.dumps(told) + b"\n"
        below.write(header)
        self._below, self._frames, self._waiting = below, _Frames(_key(passphrase, salt, _WORK), prefix, header), b""

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        view = memoryview(self._waiting + bytes(data))
        while len(view) > _FRAME:
            self._below.write(self._frames.close(bytes(view[:_FRAME]), last=False))
            view = view[_FRAME:]
        self._waiting = bytes(view)
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._below.write(self._frames.close(self._waiting, last=True))
        super().close()


class Writer:
    """Writes an archive under a passing name; what it is to be called is decided when it has been read back."""

    def __init__(self, path: Path, passphrase: str | None, *, moment: float = 0) -> None:
        self.entries: dict[str, Entry] = {}
        self._moment = int(moment)
        self._file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "wb", buffering=_BLOCK)
        # Whoever tidies up tells by the lock that somebody is still at it.
        with suppress(OSError):
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._hashing = _Hashing(self._file)
        self._payload: io.RawIOBase = self._hashing
        if passphrase is not None:
            self._payload = _Encrypting(self._hashing, passphrase)
        self._tar = tarfile.open(  # noqa: SIM115 - open for as long as the writer is
            fileobj=self._payload, mode="w|", format=tarfile.PAX_FORMAT, bufsize=_FRAME
        )

    def add(self, name: str, content: bytes) -> None:
        """Append a file and remember its checksum for the manifest."""
        info = tarfile.TarInfo(name)
        info.size, info.mtime, info.mode = len(content), self._moment, 0o600
        self._tar.addfile(info, io.BytesIO(content))
        self._tar.members.clear()  # type: ignore[attr-defined] # of a hundred thousand papers it would keep each
        self.entries[name] = Entry.of(content)

    def finish(self, manifest: Mapping[str, Any]) -> None:
        """Append the manifest with the checksums of everything, seal the file and see it on the disk."""
        files = {name: {"size": entry.size, "sha256": entry.sha256} for name, entry in self.entries.items()}
        self.add(MANIFEST, orjson.dumps({**manifest, "files": files}, option=orjson.OPT_INDENT_2))
        self._tar.close()
        if self._payload is not self._hashing:
            self._payload.close()
        self._file.write(_SEAL + self._hashing.hash.hexdigest().encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def abandon(self) -> None:
        """Let go of the file as it is."""
        with suppress(OSError, ValueError):
            self._file.close()


class _Part(io.RawIOBase):
    """The payload: the file without its seal."""

    def __init__(self, file: IO[bytes], size: int, stop: threading.Event) -> None:
        self._file, self.left, self._stop = file, size, stop

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if self._stop.is_set():
            raise Stopped
        wanted = self.left if size < 0 else min(size, self.left)
        data = self._file.read(wanted)
        self.left -= len(data)
        return data


class _Decrypting(io.RawIOBase):
    """Reads frame by frame; a frame that is not what was written ends it."""

    def __init__(self, below: _Part, passphrase: str | None) -> None:
        line = below.read(len(_MAGIC))
        while not line.endswith(b"\n", len(_MAGIC)) and len(line) < 1024 and (byte := below.read(1)):
            line += byte
        if passphrase is None:
            raise WrongPassphraseError("the archive is encrypted: set BACKUP_PASSPHRASE or give --passphrase-file")
        try:
            told = orjson.loads(line[len(_MAGIC) :])
            salt, prefix, work = bytes.fromhex(told["salt"]), bytes.fromhex(told["nonce"]), int(told["n"])
        except (ValueError, KeyError, TypeError) as error:
            raise DamagedArchiveError("the head of the encrypted archive makes no sense") from error
        if (told["kdf"], told["cipher"]) != ("scrypt", "AES-256-GCM") or work > _MOST_WORK:
            raise ArchiveError("the archive is encrypted in a way that this version of Polisdesk does not know")
        self._frames = _Frames(_key(passphrase, salt, work), prefix, line)
        self._below, self._opened, self._ready, self._first = below, io.BytesIO(), False, True

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        found = self._opened.read(size)
        while not found and size != 0:
            data = self._below.read(_FRAME + _TAG)
            if not data:
                return b""
            try:
                content = self._frames.open(data, last=self._below.left == 0)
            except ValueError as error:
                if self._first:
                    raise WrongPassphraseError("the passphrase is not the one of this archive") from error
                raise DamagedArchiveError("the archive was altered after it was encrypted") from error
            self._first = False
            self._opened = io.BytesIO(content)
            found = self._opened.read(size)
        return found


def check_seal(path: Path, stop: threading.Event | None = None) -> None:
    """Read the file through and compare with its seal. Raises DamagedArchiveError for any other byte."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size - _SEAL_SIZE
        if size <= 0:
            raise DamagedArchiveError("this is no backup of Polisdesk, or only the beginning of one")
        part, found = _Part(file, size, stop or threading.Event()), hashlib.sha256()
        while data := part.read(_BLOCK):
            found.update(data)
        seal = file.read()
    if not seal.startswith(_SEAL):
        raise DamagedArchiveError("the archive is cut short, or no backup of Polisdesk: its seal is missing")
    if seal != _SEAL + found.hexdigest().encode() + b"\n":
        raise DamagedArchiveError("the archive is damaged: its checksum is wrong")


def members(path: Path, passphrase: str | None, stop: threading.Event | None = None) -> Iterator[tuple[str, bytes]]:
    """The files of an archive in their order, one in memory at a time."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size - _SEAL_SIZE
        encrypted = file.read(len(_MAGIC)) == _MAGIC
        file.seek(0)
        payload: io.RawIOBase = _Part(file, size, stop or threading.Event())
        if encrypted:
            payload = _Decrypting(payload, passphrase)  # type: ignore[arg-type]
        try:
            with closing(tarfile.open(fileobj=payload, mode="r|", bufsize=_FRAME)) as tar:
                while (info := tar.next()) is not None:
                    found = tar.extractfile(info)
                    if found is None:
                        raise DamagedArchiveError(f"{info.name} in the archive is no file")
                    yield info.name, found.read()
                    tar.members.clear()  # type: ignore[attr-defined]
            while payload.read(_FRAME):
                pass  # the last frame of an encrypted archive is proved by opening it
        except (tarfile.TarError, EOFError) as error:
            raise DamagedArchiveError(f"the archive is damaged: {error}") from error


def check(path: Path, passphrase: str | None, stop: threading.Event | None = None) -> dict[str, Any]:
    """Compare everything with the seal and with the manifest; return the manifest. Raises ArchiveError."""
    check_seal(path, stop)
    found: dict[str, Entry] = {}
    manifest: dict[str, Any] | None = None
    for name, content in members(path, passphrase, stop):
        if manifest is not None or name in found:
            raise DamagedArchiveError(f"{name} has no place in the archive")
        if name == MANIFEST:
            manifest = _manifest(content)
        else:
            found[name] = Entry.of(content)
    if manifest is None:
        raise DamagedArchiveError("the archive has no manifest")
    wanted = {name: Entry(**told) for name, told in manifest["files"].items()}
    for name in wanted.keys() | found.keys():
        if wanted.get(name) != found.get(name):
            raise DamagedArchiveError(f"{name} in the archive is not what the manifest says")
    return manifest


def _manifest(content: bytes) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = orjson.loads(content)
        written = manifest["format"]
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedArchiveError("the archive's manifest cannot be read") from error
    if written != FORMAT:
        raise ArchiveError(f"the archive is of format {written}, this version of Polisdesk reads {FORMAT}")
    return manifest
