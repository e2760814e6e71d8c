"""Packed files: what is unpacked, what is damaged, and what is missing to unpack it."""

from __future__ import annotations

import gzip
import io
import sys
import tracemalloc
from types import ModuleType, SimpleNamespace

import pytest
from trace_files import needs_zstd

from qsession_sim.packing import Packing

TEXT = b"job,submitted_us,qpu_time_us\n" + b"".join(b"j%d,%d,5\n" % (n, n) for n in range(5_000))
FRAME = b"\x28\xb5\x2f\xfd"


packings = pytest.mark.parametrize(
    "packing", [Packing.GZIP, pytest.param(Packing.ZSTD, marks=needs_zstd)], ids=lambda one: one.called
)


def packed(packing, *content):
    file = io.BytesIO()
    packing.write(content, file)
    return file.getvalue()


def unpacked(packing, content):
    return packing.unpacked(io.BytesIO(content)).read()


def block(kind, size, content=b"", *, last=False):
    """RFC 8878, 3.1.1.2: three bytes, of which the lowest bit says that it is the last one."""
    return (int(last) | kind << 1 | size << 3).to_bytes(3, "little") + content


def frame(*blocks, window=0x58):
    """RFC 8878, 3.1.1.1: no content size, no checksum, no dictionary; 2^(10 + 11) bytes of window."""
    return FRAME + bytes([0, window]) + b"".join(blocks)


@packings
def test_what_was_packed_is_unpacked_whatever_its_pieces(packing):
    pieces = [TEXT[at : at + 777] for at in range(0, len(TEXT), 777)]

    assert unpacked(packing, packed(packing, *pieces)) == TEXT
    assert unpacked(packing, packed(packing)) == b""
    assert packed(packing, TEXT) == packed(packing, TEXT)
    assert len(packed(packing, TEXT)) < len(TEXT) / 2


@packings
def test_files_one_after_the_other_are_read_as_one(packing):
    content = packed(packing, b"a,b\n") + packed(packing) + packed(packing, TEXT) + packed(packing, b"end")

    assert unpacked(packing, content) == b"a,b\n" + TEXT + b"end"


@packings
def test_a_file_that_was_cut_is_an_error_at_each_byte(packing):
    content = packed(packing, TEXT[:300]) + packed(packing, b"the second one")
    first = len(packed(packing, TEXT[:300]))
    said = {}
    for size in range(len(content)):
        try:
            said[size] = unpacked(packing, content[:size])
        except OSError as error:
            said[size] = error.strerror
    called = packing.called
    # one that ends between two is whole, and holds the first
    assert said.pop(first) == TEXT[:300]
    assert said.pop(0) == f"is not a {called} file, or is damaged: it is empty"
    assert {said.pop(size) for size in range(2, len(content)) if size not in {first, first + 1}} == {
        f"is not whole: it ends inside what {called} has packed"
    }
    assert all(
        "is not whole: " in what or "not a gzip file, or is damaged: " in what for what in said.values()
    )


@packings
def test_damage_is_an_error(packing):
    content = packed(packing, TEXT)
    changed = content[:-3] + bytes([content[-3] ^ 1]) + content[-2:]  # the last bytes say what comes out

    for damaged in (changed, content + b"job,submitted_us\n", TEXT):
        with pytest.raises(OSError, match=f"is not a {packing.called} file, or is damaged: [A-Za-z]"):
            unpacked(packing, damaged)


@needs_zstd
def test_frames_that_other_programs_skip_hold_nothing():
    """RFC 8878, 3.1.2: a number from 0x184D2A50 to 0x184D2A5F, the size, and as many bytes."""
    skipped = b"\x5f\x2a\x4d\x18" + (5).to_bytes(4, "little") + b"seek\x00"
    content = skipped + packed(Packing.ZSTD, b"a\n") + skipped + packed(Packing.ZSTD, b"b\n") + skipped

    assert unpacked(Packing.ZSTD, content) == b"a\nb\n"
    with pytest.raises(OSError, match="is not whole"):
        unpacked(Packing.ZSTD, content[:-1])


@needs_zstd
def test_frames_made_by_hand():
    """Three bytes as they are, then a byte that comes 70,000 times."""
    content = frame(block(0, 3, b"ab\n"), block(1, 70_000, b"x", last=True))

    assert unpacked(Packing.ZSTD, content) == b"ab\n" + 70_000 * b"x"


@needs_zstd
def test_little_of_a_bomb_is_unpacked_at_once():
    """64 KiB of blocks of 4 bytes, each 128 KiB unpacked, are 2 GiB."""
    content = frame(*(block(1, 1 << 17, b"x") for _ in range(1 << 14)))
    tracemalloc.start()
    begin = Packing.ZSTD.unpacked(io.BytesIO(content)).read(100)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert begin == 100 * b"x"
    assert peak < 60 << 20


@needs_zstd
def test_a_frame_that_asks_for_more_memory_than_is_usual_is_refused():
    """RFC 8878, 3.1.1.1.2: exponent 18 and mantissa 0 ask for a window of 2^28 bytes; 17 for 2^27."""
    most = frame(block(0, 1, b"a", last=True), window=17 << 3)
    more = frame(block(0, 1, b"a", last=True), window=18 << 3)

    assert unpacked(Packing.ZSTD, most) == b"a"
    with pytest.raises(OSError, match="too much memory"):
        unpacked(Packing.ZSTD, more)


@needs_zstd
def test_a_frame_that_needs_a_dictionary_is_refused():
    """RFC 8878, 3.1.1.1.3: the lowest bits of the descriptor say that the number of one follows."""
    content = FRAME + bytes([1, 0x58, 7]) + block(0, 1, b"a", last=True)

    with pytest.raises(OSError, match=r"zstd"):
        unpacked(Packing.ZSTD, content)


def test_what_is_missing_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "compression", None)
    monkeypatch.setitem(sys.modules, "zstandard", None)

    for ask in (
        Packing.ZSTD.check,
        lambda: Packing.ZSTD.unpacked(io.BytesIO()),
        lambda: packed(Packing.ZSTD),
    ):
        with pytest.raises(OSError, match=r"^.*zstd needs the library zstandard; get it with: pip install"):
            ask()
    Packing.GZIP.check()


def test_the_library_of_python_is_used_where_it_is(monkeypatch):
    """It has the names of Python 3.14; this one packs with gzip."""
    asked = []

    class Error(Exception):
        pass

    class Unpacker:
        def __init__(self, *, options):
            asked.append(options)
            self.eof, self.unused_data = False, b""

        def decompress(self, data):
            self.eof = True
            return gzip.decompress(data)

    class Packer:
        def __init__(self, *, options):
            asked.append(options)

        def compress(self, data):
            return gzip.compress(data)

        def flush(self):
            return b""

    module = ModuleType("compression.zstd")
    module.ZstdError, module.ZstdDecompressor, module.ZstdCompressor = Error, Unpacker, Packer
    module.CompressionParameter = SimpleNamespace(checksum_flag="checksum")
    module.DecompressionParameter = SimpleNamespace(window_log_max="window")
    package = ModuleType("compression")
    package.zstd = module
    monkeypatch.setitem(sys.modules, "compression", package)
    monkeypatch.setitem(sys.modules, "compression.zstd", module)

    assert unpacked(Packing.ZSTD, packed(Packing.ZSTD, b"a,b\n")) == b"a,b\n"
    assert asked == [{"checksum": 1}, {"window": 27}]
