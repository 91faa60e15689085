# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Archives that are read: good ones, damaged ones, and those that would do harm."""

from __future__ import annotations

import gzip
import io
import lzma
import shutil
import subprocess
import sys
import tarfile
import tracemalloc
from hashlib import sha256
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.errors import ContainerError
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model import archive_index
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model.archive_index import Member
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.target import facts, unpacking

BIG = bytes(range(256)) * 2000


def entry(name: str, content: bytes | None = b"", **values: Any) -> tuple[tarfile.TarInfo, bytes]:
    """A file, or a directory where there is no content."""
    info = tarfile.TarInfo(name)
    info.type, info.size = (tarfile.DIRTYPE, 0) if content is None else (tarfile.REGTYPE, len(content))
    for key, value in values.items():
        setattr(info, key, value)
    return info, content or b""


def tar(*entries: tuple[tarfile.TarInfo, bytes], kind: int = tarfile.PAX_FORMAT) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=kind) as archive:
        for info, content in entries:
            archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def zstd(data: bytes) -> bytes:
    return subprocess.run(["zstd", "-q"], input=data, check=True, capture_output=True).stdout


GOOD = (
    entry("./", None, mode=0o700),
    entry("./bin", None, mode=0o750),
    entry("./bin/app", b"app", mode=0o755, uid=1000),
    entry("big", BIG, mode=0o644),
    entry("exact", b"x" * 1024, mode=0o600),
    entry("\u00e4" + "l" * 200 + "/empty", b"", mode=0o444),
    entry("tmp", None, mode=0o1777),
)
INDEX = (
    Member("bin", "directory", 0o750),
    Member("bin/app", "file", 0o755, sha256(b"app").hexdigest(), 3),
    Member("big", "file", 0o644, sha256(BIG).hexdigest(), 512000),
    Member("exact", "file", 0o600, sha256(b"x" * 1024).hexdigest(), 1024),
    Member("\u00e4" + "l" * 200 + "/empty", "file", 0o444, sha256(b"").hexdigest(), 0),
    Member("tmp", "directory", 0o1777),
)
PACKED: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": gzip.compress,
    "gzip in two parts": lambda data: gzip.compress(data[:3000]) + gzip.compress(data[3000:]),
    "xz": lzma.compress,
    "xz in two parts": lambda data: lzma.compress(data[:3000]) + lzma.compress(data[3000:]),
    "zstd": zstd,
}


def read(path: Path, data: bytes, room: int = 1 << 40) -> archive_index.Index:
    """The index of an archive with this content; the contents are kept by their digest."""

    def keep(chunks: Iterator[bytes], size: int) -> str:
        digest, length = sha256(), 0
        for chunk in chunks:
            digest.update(chunk)
            length += len(chunk)
        assert length == size
        return digest.hexdigest()

    path.write_bytes(data)
    with open(path, "rb", buffering=0) as stream:
        return unpacking.read(stream, keep, room)


@pytest.mark.parametrize("kind", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT], ids=["pax", "gnu"])
@pytest.mark.parametrize("pack", PACKED.values(), ids=PACKED)
def test_a_good_one(tmp_path: Path, pack: Callable[[bytes], bytes], kind: int) -> None:
    if pack is zstd and not shutil.which("zstd"):
        pytest.skip("needs zstd")
    assert read(tmp_path / "a", pack(tar(*GOOD, kind=kind))) == INDEX


def special(kind: bytes, **values: Any) -> bytes:
    return tar(entry("ok", b"ok"), entry("bad", b"", type=kind, **values))


def long_header() -> bytes:
    """A header that says that more than two gigabytes of names follow."""
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 1 << 31
    return info.tobuf(tarfile.GNU_FORMAT) + bytes(1024)


def nested_headers() -> bytes:
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 1
    return (info.tobuf(tarfile.GNU_FORMAT) + bytes(512)) * 5000


PLAIN = tar(*GOOD)
BAD = {
    "nothing": (b"", "is no tar archive: empty file"),
    "text": (b"text" * 1000, "is no tar archive: "),
    "gzip of text": (gzip.compress(b"text" * 1000), "is no tar archive: "),
    "cut off in a file": (PLAIN[:100000], "is damaged: it ends in the middle of 'big'"),
    "cut off before its end": (tar(entry("a", b"x" * 512))[:1024], "is damaged: it has no end"),
    "damaged header": (PLAIN[:1024] + b"X" + PLAIN[1025:], "is damaged: it has no end"),
    "gzip cut off": (gzip.compress(PLAIN)[:-100], "is damaged: "),
    "gzip with an error": (gzip.compress(PLAIN)[:-8] + bytes(8), "is damaged: "),
    "xz cut off": (lzma.compress(PLAIN)[:-100], "is damaged: it ends in the middle"),
    "xz with an error": (lzma.compress(PLAIN)[:200] + bytes(100) + lzma.compress(PLAIN)[300:], "is damaged: "),
    "zstd cut off": (b"\x28\xb5\x2f\xfd" + bytes(100), "is "),
    "bzip2": (b"BZh91AY", "is compressed with bzip2; use gzip, xz or zstd"),
    "symbolic link": (special(tarfile.SYMTYPE, linkname="/etc/passwd"), "has a symbolic link, 'bad'; only files and"),
    "hard link": (special(tarfile.LNKTYPE, linkname="ok"), "has a hard link, 'bad'; only files and"),
    "device": (special(tarfile.CHRTYPE, devmajor=1, devminor=3), "has a device, 'bad'; only files and"),
    "disk": (special(tarfile.BLKTYPE, devmajor=8), "has a device, 'bad'; only files and"),
    "fifo": (special(tarfile.FIFOTYPE), "has a FIFO, 'bad'; only files and"),
    "absolute": (tar(entry("/etc/passwd")), "has '/etc/passwd', which leads out of it"),
    "escaping": (tar(entry("a/../../b")), "has 'a/../../b', which leads out of it"),
    "twice": (tar(entry("a"), entry("./a")), "has 'a' twice"),
    "setuid": (tar(entry("a", b"", mode=0o4755)), "has 'a' with a setuid or setgid bit"),
    "only itself": (tar(entry("./", None)), "has no entries"),
    "a file as the top": (tar(entry(".")), "has a file in place of its top directory"),
    "bytes": (tar(entry("a\udcff"), kind=tarfile.GNU_FORMAT), "has 'a\\udcff', which is not plain text"),
    "long header": (long_header(), "is damaged: it has a header of 2147483648 bytes"),
    "nested headers": (nested_headers(), "is damaged: "),
    "much after its end": (PLAIN + bytes(2 << 20), "is damaged: much follows its end"),
}


@pytest.mark.parametrize(("data", "reason"), BAD.values(), ids=BAD)
def test_a_bad_one(tmp_path: Path, data: bytes, reason: str) -> None:
    with pytest.raises(ContainerError) as caught:
        read(tmp_path / "a", data)
    assert str(caught.value).startswith(reason)
    assert "\n" not in str(caught.value)


def test_a_sparse_file(tmp_path: Path) -> None:
    (tmp_path / "hole").write_bytes(b"")
    with open(tmp_path / "hole", "r+b") as stream:
        stream.truncate(1 << 30)
    subprocess.run(["tar", "-C", tmp_path, "--sparse", "-cf", tmp_path / "made", "hole"], check=True)
    with pytest.raises(ContainerError, match="^has a sparse file, 'hole'; only files and"):
        read(tmp_path / "a", (tmp_path / "made").read_bytes())


class Zeros(io.RawIOBase):
    """A file of so many zeros."""

    def __init__(self, size: int) -> None:
        self.left = size

    def read(self, size: int = -1) -> bytes:
        found = bytes(min(size, self.left))
        self.left -= len(found)
        return found


def test_a_bomb_is_refused_before_it_goes_off(tmp_path: Path) -> None:
    info = tarfile.TarInfo("zeros")
    info.size = 300 << 20
    with lzma.open(tmp_path / "bomb", "wb", preset=0) as packed, tarfile.open(fileobj=packed, mode="w|") as archive:
        archive.addfile(info, Zeros(info.size))
    data = (tmp_path / "bomb").read_bytes()
    assert len(data) < 200000
    tracemalloc.start()
    with pytest.raises(ContainerError, match="^unpacks to more than 104857600 bytes, too much for its size$"):
        read(tmp_path / "a", data)
    assert tracemalloc.get_traced_memory()[1] < 20 << 20
    tracemalloc.stop()


def test_no_more_than_there_is_room_for(tmp_path: Path) -> None:
    data = tar(entry("a", b"x" * 600), entry("b", b"y" * 600))
    assert len(read(tmp_path / "a", data, room=1200)) == 2
    with pytest.raises(ContainerError, match="^unpacks to more than there is room for$"):
        read(tmp_path / "a", data, room=1199)


@pytest.mark.parametrize("module", ["tarfile", "gzip", "lzma"])
def test_a_python_without_a_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    data = lzma.compress(PLAIN) if module == "lzma" else gzip.compress(PLAIN)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ContainerError, match=f"^cannot be unpacked: Python lacks the module {module}"):
        read(tmp_path / "a", data)


def test_a_target_without_zstd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts, "PROGRAMS", ())
    monkeypatch.setitem(sys.modules, "compression", None)
    with pytest.raises(
        ContainerError, match="^is compressed with zstd, which neither Python nor a program can unpack there"
    ):
        read(tmp_path / "a", b"\x28\xb5\x2f\xfd")
