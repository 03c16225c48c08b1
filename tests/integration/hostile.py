"""Files that mean harm, written byte by byte: what no encoder writes."""

import struct
import zlib


# -- ISO base media files (ISO/IEC 14496-12, QuickTime File Format)

def box(kind, *parts):
    payload = b"".join(parts)
    return struct.pack(">I4s", 8 + len(payload), kind) + payload


def full(kind, *parts, version=0, flags=0):
    return box(kind, struct.pack(">I", version << 24 | flags), *parts)


MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
SELF_CONTAINED = full(b"url ", flags=1)


def video_entry(codec, width, height, extra=b""):
    return box(codec, bytes(6), struct.pack(">H", 1), bytes(16), struct.pack(">HHII", width, height, 72 << 16, 72 << 16),
               bytes(4), struct.pack(">H", 1), bytes(32), struct.pack(">Hh", 24, -1), extra)


def track(number, entry, samples, size, offset, timescale=25, delta=1, duration=None, dref=SELF_CONTAINED, extra=b""):
    """One video track of `samples` frames of `size` bytes, one after the other from `offset`."""
    duration = samples * delta if duration is None else duration
    width, height = struct.unpack(">HH", entry[32:36])
    return box(
        b"trak",
        full(b"tkhd", struct.pack(">IIIII", 0, 0, number, 0, duration & 0xFFFFFFFF), bytes(16), MATRIX,
             struct.pack(">II", width << 16, height << 16), flags=3),
        box(b"mdia",
            full(b"mdhd", struct.pack(">IIIIHH", 0, 0, timescale, duration & 0xFFFFFFFF, 0x55C4, 0)),
            full(b"hdlr", b"mhlrvide", bytes(12), b"\0"),
            box(b"minf", full(b"vmhd", bytes(8), flags=1),
                box(b"dinf", full(b"dref", struct.pack(">I", 1), dref)),
                box(b"stbl", full(b"stsd", struct.pack(">I", 1), entry),
                    full(b"stts", struct.pack(">III", 1, samples, delta)),
                    full(b"stsc", struct.pack(">IIII", 1, 1, samples, 1)),
                    full(b"stsz", struct.pack(">II", size, samples)),
                    full(b"stco", struct.pack(">II", 1, offset)), extra))))


def movie(tracks, timescale=25, duration=25, extra=b"", data=b"", brand=b"qt  "):
    """ftyp, mdat with `data` at offset 28, moov with what `tracks(offset)` makes."""
    start = box(b"ftyp", brand, struct.pack(">I", 512), brand) + box(b"mdat", data)
    offset = 28
    return start + box(b"moov", full(b"mvhd", struct.pack(">IIII", 0, 0, timescale, duration & 0xFFFFFFFF),
                                     struct.pack(">IH", 0x10000, 0x100), bytes(10), MATRIX, bytes(24),
                                     struct.pack(">I", 2)), tracks(offset), extra)


def alias(path):
    """A QuickTime data reference to another file, with its absolute path and the way there through folders."""
    name = path.rsplit("/", 1)[1].encode()[:63]
    way = b"..:..:" + path.lstrip("/").replace("/", ":").encode()

    def item(kind, text):
        text += b"\0" * (len(text) % 2)
        return struct.pack(">HH", kind, len(text)) + text

    record = bytes(10) + bytes([6]) + b"volume".ljust(27, b"\0") + bytes(12) + bytes([len(name)]) + name.ljust(63, b"\0")
    record += bytes(16) + struct.pack(">HH", 1, 2) + bytes(16)
    record += item(2, way) + item(18, path.encode()) + item(0, b"folder") + struct.pack(">HH", 0xFFFF, 0)
    return full(b"alis", record)


# -- pictures

def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, depth=8, colour=2, rows=None):
    """A black picture; a few hundred kilobytes even when it unpacks to hundreds of megabytes."""
    samples = {0: 1, 2: 3, 6: 4}[colour]
    row = bytes(1 + (width * samples * depth + 7) // 8)
    packer = zlib.compressobj(9)
    data = b"".join(packer.compress(row) for _ in range(height if rows is None else rows)) + packer.flush()
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
            + chunk(b"IDAT", data) + chunk(b"IEND", b""))


def jpeg_of_size(jpeg, width, height):
    """The same picture with another size in its header."""
    at = jpeg.index(b"\xff\xc0")
    return jpeg[:at + 5] + struct.pack(">HH", height, width) + jpeg[at + 9:]


# -- Matroska (RFC 8794, RFC 9559)

def size(n):
    return struct.pack(">Q", n | 1 << 56)


def element(ident, *parts):
    payload = b"".join(parts)
    ident = bytes.fromhex(ident)
    short = bytes([0x80 | len(payload)]) if len(payload) < 127 else size(len(payload))
    return ident + short + payload


def unsigned(ident, value):
    return element(ident, value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big"))


def text(ident, value):
    return element(ident, value.encode())


EBML = element("1A45DFA3", text("4282", "matroska"), unsigned("4287", 4), unsigned("4285", 2))


def matroska_track(number, kind, codec, *more):
    return element("AE", unsigned("D7", number), unsigned("73C5", number), unsigned("83", kind), text("86", codec), *more)


def matroska(tracks, clusters=(), attachments=(), tags=b"", duration=1000.0):
    info = element("1549A966", unsigned("2AD7B1", 1_000_000), element("4489", struct.pack(">d", duration)),
                   text("4D80", "x"), text("5741", "x"))
    parts = [info, element("1654AE6B", *tracks)]
    if attachments:
        parts.append(element("1941A469", *attachments))
    return EBML + element("18538067", *parts, tags, *clusters)


def attachment(name, data, mime="font/ttf", uid=1):
    return element("61A7", text("466E", name), text("4660", mime), unsigned("46AE", uid), element("465C", data))


def cluster(start, *blocks):
    return element("1F43B675", unsigned("E7", start), *blocks)


def simple_block(number, time, data, key=True):
    return element("A3", bytes([0x80 | number]) + struct.pack(">hB", time, 0x80 if key else 0) + data)


def block_group(number, time, data, duration):
    return element("A0", element("A1", bytes([0x80 | number]) + struct.pack(">hB", time, 0) + data),
                   unsigned("9B", duration))


# -- RIFF

def riff(kind, data):
    return kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def riff_list(kind, *parts):
    return riff(b"LIST", kind + b"".join(parts))


def avi(streams, frames=(), rate=25, scale=1, total=1, lying_size=None):
    """`streams`: (type, codec, format) each; `frames`: (stream, suffix, data) each."""
    header = riff(b"avih", struct.pack("<14I", 40000, 0, 0, 0x10, total, 0, len(streams), 0, 64, 64, 0, 0, 0, 0))
    lists = [riff_list(b"strl",
                       riff(b"strh", struct.pack("<4s4sIHHIIIIIIIIHHHH", kind, codec, 0, 0, 0, 0, scale, rate, 0, total,
                                                 0, 0, 0, 0, 0, 64, 64)),
                       riff(b"strf", form)) for kind, codec, form in streams]
    movi = riff_list(b"movi", *(riff(b"%02d%s" % (n, suffix), data) for n, suffix, data in frames))
    body = b"AVI " + riff_list(b"hdrl", header, *lists) + movi
    return b"RIFF" + struct.pack("<I", len(body) if lying_size is None else lying_size) + body


def bitmap_info(codec, width=64, height=64):
    return struct.pack("<IiiHH4sIiiII", 40, width, height, 1, 24, codec, width * height * 3, 0, 0, 0, 0)


def gab2(playlist):
    """Subtitles inside an AVI stream that claim to be another format: libav probes what they are."""
    return b"GAB2\0" + struct.pack("<HI", 2, 2) + b"x\0" + struct.pack("<HI", 4, len(playlist)) + playlist


# -- ID3v2, FLAC

def synchsafe(n):
    return bytes((n >> s) & 0x7F for s in (21, 14, 7, 0))


def id3(*frames, claimed=None):
    body = b"".join(kind + synchsafe(len(data)) + b"\0\0" + data for kind, data in frames)
    return b"ID3\4\0\0" + synchsafe(len(body) if claimed is None else claimed) + body


def picture_frame(data, mime=b"image/png"):
    return b"APIC", b"\0" + mime + b"\0\3\0" + data


def flac_picture(data, mime=b"image/png", width=16, height=16):
    body = struct.pack(">I", 3) + struct.pack(">I", len(mime)) + mime + struct.pack(">I", 0)
    body += struct.pack(">IIIII", width, height, 24, 0, len(data)) + data
    return bytes([6]) + len(body).to_bytes(3, "big") + body


# -- H.264 (ITU-T H.264, 7.3.2.1)

class Bits:
    def __init__(self):
        self.text = ""

    def u(self, count, value):
        self.text += format(value, f"0{count}b")
        return self

    def ue(self, value):
        binary = format(value + 1, "b")
        self.text += "0" * (len(binary) - 1) + binary
        return self

    def nal(self, head):
        bits = self.text + "1"
        bits += "0" * (-len(bits) % 8)
        data = bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits), 8))
        # Emulation prevention: no start code inside.
        out = bytearray()
        for byte in data:
            if len(out) >= 2 and out[-1] == out[-2] == 0 and byte <= 3:
                out.append(3)
            out.append(byte)
        return b"\0\0\0\1" + bytes([head]) + bytes(out)


def h264(width, height, frames=30):
    """Baseline pictures of that size that hold nothing."""
    sps = Bits().u(8, 66).u(8, 0xC0).u(8, 62).ue(0).ue(0).ue(2).ue(16).u(1, 0)
    sps = sps.ue(width // 16 - 1).ue(height // 16 - 1).u(1, 1).u(1, 1).u(1, 0).u(1, 0).nal(0x67)
    pps = Bits().ue(0).ue(0).u(1, 0).u(1, 0).ue(0).ue(0).ue(0).u(1, 0).u(2, 0).ue(0).ue(0).ue(0)
    pps = pps.u(1, 1).u(1, 0).u(1, 0).nal(0x68)
    out = b""
    for n in range(frames):
        slice_ = Bits().ue(0).ue(7).ue(0).u(4, 0).ue(n % 2).u(1, 0).u(1, 0).ue(0).ue(1).nal(0x65)
        out += sps + pps + slice_
    return out
