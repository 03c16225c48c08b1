"""Hostile media (issue 3): files that reach for other files or the network, and files that ask for more than a machine
has. Each is refused, or read as far as it is media, in bounded time and memory; nothing is opened, nobody is called, and
the executor lives on. And the other side: normal work asks the sandbox for nothing that it refuses."""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import unittest
import zlib

from hostile_executor import Died, Executor, sanitized
from hostile import *
from support import BIN, MEDIA, ROOT, SOAK, Node, sample

MIB = 1 << 20
# A probe or thumbnail of what is refused takes milliseconds; the machine may be busy, and sanitizers take their time.
FAST = 5 if not sanitized() else 30
SLOW = 30 if not sanitized() else 180
SMALL = 400 * MIB if not sanitized() else 4096 * MIB


class Canary:
    """Listens on loopback; whoever calls is noted."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.callers = []
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        with contextlib.suppress(OSError):
            while True:
                peer, address = self.listener.accept()
                self.callers.append(address)
                peer.close()

    def close(self):
        self.listener.close()


def ffmpeg(*arguments):
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", *map(str, arguments)], check=True, timeout=120)


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="troupe-hostile-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.executor = None

    @classmethod
    def tearDownClass(cls):
        if cls.executor:
            cls.executor.close()

    @classmethod
    def ready(cls):
        """One executor for all cases: one that a file brings down fails its own case only."""
        if cls.executor is None or not cls.executor.alive():
            if cls.executor:
                cls.executor.close()
            cls.executor = Executor()
        return cls.executor

    def write(self, name, data):
        path = self.folder / name
        path.write_bytes(data)
        return path

    def attempt(self, path, seconds=FAST, memory=SMALL, codes=("bad_media", "unsupported_media"), **fields):
        """Probe and thumbnail; both outcomes. Fails when they take too long or too much, or ask for what is not theirs."""
        outcomes = []
        for operation in ("probe", "thumbnail"):
            executor = self.ready()
            before = len(executor.refused())
            try:
                outcome = getattr(executor, operation)(path, seconds=SLOW * 4, **fields)
            except Died as died:
                self.fail(f"{operation} of {path.name}: {died}")
            self.assertLess(outcome.seconds, seconds, f"{operation} of {path.name}")
            self.assertLess(outcome.peak, memory, f"{operation} of {path.name}")
            self.assertEqual(executor.refused()[before:], [], f"{operation} of {path.name}")
            if not outcome.ok:
                # Another try would not help.
                self.assertIn(outcome.body["code"], codes, f"{operation} of {path.name}: {outcome.message}")
            outcomes.append(outcome)
        return outcomes

    def refused(self, path, *words, **fields):
        """What is not read at all, and says why."""
        for outcome in self.attempt(path, **fields):
            self.assertFalse(outcome.ok, f"{path.name} was accepted")
            for word in words:
                self.assertIn(word, outcome.message)


class Reaching(Case):
    """Playlists and references to other files, under the names of films."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.canary = Canary()
        cls.addClassCleanup(cls.canary.close)
        cls.neighbour = cls.folder / "neighbour.mp4"
        ffmpeg("-f", "lavfi", "-i", "testsrc2=s=160x90:d=1", "-pix_fmt", "yuv420p", cls.neighbour)
        cls.targets = ["neighbour.mp4", str(cls.neighbour), "/etc/passwd", f"file://{cls.neighbour}", "file:/etc/passwd",
                       f"http://127.0.0.1:{cls.canary.port}/x.mp4", f"tcp://127.0.0.1:{cls.canary.port}",
                       f"concat:/etc/passwd|{cls.neighbour}", f"subfile,,start,0,end,64,,:{cls.neighbour}",
                       f"crypto:{cls.neighbour}", f"rtmp://127.0.0.1:{cls.canary.port}/x", "data:video/mp4;base64,AAAA"]

    def tearDown(self):
        self.assertEqual(self.canary.callers, [])

    def playlists(self, target):
        hls = f"#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{target}\n#EXT-X-ENDLIST\n"
        yield "hls", hls
        yield "hls-key", (f'#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXT-X-KEY:METHOD=AES-128,URI="{target}"\n#EXT-X-MAP:URI='
                          f'"{target}"\n#EXTINF:10,\n{target}\n#EXT-X-ENDLIST\n')
        yield "hls-master", f"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{target}\n"
        yield "concat", f"ffconcat version 1.0\nfile '{target}'\n"
        yield "dash", ('<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
                       'mediaPresentationDuration="PT10S" profiles="urn:mpeg:dash:profile:isoff-main:2011"><Period>'
                       f'<AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1"><BaseURL>{target}'
                       "</BaseURL></Representation></AdaptationSet></Period></MPD>")
        yield "sdp", ("v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
                      f"m=video {self.canary.port} RTP/AVP 96\na=rtpmap:96 H264/90000\na=control:{target}\n")
        yield "imf", f'<?xml version="1.0"?><CompositionPlaylist><Id>{target}</Id></CompositionPlaylist>'
        yield "asx", f'<asx version="3.0"><entry><ref href="{target}"/></entry></asx>'
        yield "ram", f"rtsp://127.0.0.1:{self.canary.port}/x\n{target}\n"
        yield "pattern", target

    def test_playlists_with_the_names_of_films(self):
        for target in self.targets:
            for kind, text_ in self.playlists(target):
                for suffix in ("mp4", "avi", "mkv", "m3u8", "ts"):
                    with self.subTest(kind=kind, target=target, suffix=suffix):
                        self.refused(self.write(f"playlist.{suffix}", text_.encode()))

    def test_playlist_behind_a_films_first_bytes(self):
        # Signatures of films before, behind and around a playlist.
        playlist = f"#EXTM3U\n#EXTINF:10,\nhttp://127.0.0.1:{self.canary.port}/\n#EXT-X-ENDLIST\n".encode()
        for name, data in (("ts", (b"G" + bytes(187)) * 3 + playlist), ("mp4", box(b"ftyp", b"isom", bytes(4)) + playlist),
                           ("mp3", id3((b"TIT2", b"\3x")) + playlist), ("avi", b"RIFF\xff\xff\0\0AVI LIST" + playlist),
                           ("mkv", EBML + playlist), ("flac", b"fLaC" + playlist)):
            with self.subTest(name):
                self.attempt(self.write(f"behind.{name}", data))

    def test_playlist_as_subtitles_of_an_avi(self):
        for target in self.targets:
            for kind, text_ in self.playlists(target):
                with self.subTest(kind=kind, target=target):
                    data = avi([(b"vids", b"MJPG", bitmap_info(b"MJPG")), (b"txts", b"\0\0\0\0", b"")],
                               [(1, b"tx", gab2(text_.encode())), (0, b"dc", bytes(64))])
                    self.attempt(self.write("gab2.avi", data))

    def test_references_of_quicktime(self):
        for target in (str(self.neighbour), "/etc/passwd", "../../etc/passwd", f"/proc/self/fd/0"):
            for reference in (alias(target), full(b"url ", target.encode() + b"\0"), full(b"rsrc", target.encode()),
                              full(b"urn ", b"x\0" + target.encode() + b"\0")):
                with self.subTest(target=target, kind=reference[4:8]):
                    data = movie(lambda offset: track(1, video_entry(b"raw ", 8, 8), 4, 192, 0, dref=reference))
                    for outcome in self.attempt(self.write("reference.mov", data)):
                        self.assertNotIn("root:", json.dumps(outcome.body))
        # A film that is nothing but the address of another one (reference movie).
        rmda = box(b"rmra", box(b"rmda", full(b"rdrf", b"url ", struct.pack(">I", 40),
                                              f"http://127.0.0.1:{self.canary.port}/".encode().ljust(40, b"\0"))))
        self.refused(self.write("rmra.mov", box(b"ftyp", b"qt  ", bytes(4)) + box(b"moov", rmda)))

    def test_attachments_with_paths(self):
        names = ["../../../../tmp/troupe-hostile-out", "/tmp/troupe-hostile-out", "a/../../b", "..", "C:\\x", "x\ny", "%s%n"]
        path = self.write("attachments.mkv", matroska(
            [matroska_track(1, 1, "V_MJPEG", element("E0", unsigned("B0", 64), unsigned("BA", 64)))],
            [cluster(0, simple_block(1, 0, bytes(64)))],
            [attachment(name, b"\0\1\0\0" + bytes(64), uid=n + 1) for n, name in enumerate(names)]))
        self.attempt(path)
        executor = self.ready()
        info = executor.probe(path).body
        outcome = executor.transcode(path, self.folder / "attachments-out.mkv",
                                     {"name": "remux", "container": "matroska", "extension": "mkv", "videoCodec": "copy",
                                      "audioCodec": "copy"}, source=info)
        self.assertEqual(executor.refused(), [], outcome.message)
        self.assertFalse(os.path.exists("/tmp/troupe-hostile-out"))


def many_tags(jpeg, count):
    tags = b"".join(element("67C8", text("45A3", f"tag{n}"), text("4487", "v")) for n in range(count))
    return matroska([matroska_track(1, 1, "V_MJPEG", element("E0", unsigned("B0", 64), unsigned("BA", 64)))],
                    [cluster(0, simple_block(1, 0, jpeg))],
                    tags=element("1254C367", element("7373", element("63C0"), tags)))


class Bombs(Case):
    """Files that are small and ask for much."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        ffmpeg("-f", "lavfi", "-i", "testsrc2=s=64x64:d=0.04", "-pix_fmt", "yuvj420p", "-frames:v", "1",
               cls.folder / "small.jpg")
        cls.jpeg = (cls.folder / "small.jpg").read_bytes()
        cls.huge_png = png(16000, 16000)
        cls.huge_jpeg = jpeg_of_size(cls.jpeg, 16000, 16000)
        ffmpeg("-f", "lavfi", "-i", "sine=d=1", cls.folder / "tone.flac")
        ffmpeg("-f", "lavfi", "-i", "sine=d=1", "-write_xing", "0", "-id3v2_version", "0", cls.folder / "tone.mp3")

    def one_picture(self, codec, width, height, data):
        return movie(lambda offset: track(1, video_entry(codec, width, height), 1, len(data), offset), data=data)

    def picture_mkv(self, codec, width, height, data, extra=()):
        return matroska([matroska_track(1, 1, codec, element("E0", unsigned("B0", width), unsigned("BA", height)), *extra)],
                        [cluster(0, *(simple_block(1, n * 40, data) for n in range(5)))])

    def test_huge_pictures_in_containers(self):
        self.refused(self.write("bomb.png", self.huge_png))
        for name, data in (("mov", self.one_picture(b"png ", 16000, 16000, self.huge_png)),
                           ("mkv", self.picture_mkv("V_MJPEG", 16000, 16000, self.huge_jpeg)),
                           ("avi", avi([(b"vids", b"MPNG", bitmap_info(b"MPNG", 16000, 16000))],
                                       [(0, b"dc", self.huge_png)]))):
            with self.subTest(name):
                self.refused(self.write(f"honest.{name}", data), "16000x16000", "limit")
        # The header says 64x64, the picture 16000x16000.
        for name, data in (("mov", self.one_picture(b"png ", 64, 64, self.huge_png)),
                           ("jpeg.mov", self.one_picture(b"jpeg", 64, 64, self.huge_jpeg)),
                           ("mkv", self.picture_mkv("V_MJPEG", 64, 64, self.huge_jpeg)),
                           ("avi", avi([(b"vids", b"MPNG", bitmap_info(b"MPNG"))], [(0, b"dc", self.huge_png)]))):
            with self.subTest("lying " + name):
                probe, thumbnail = self.attempt(self.write(f"lying.{name}", data))
                self.assertFalse(thumbnail.ok)

    def test_huge_covers_of_music(self):
        flac = (self.folder / "tone.flac").read_bytes()
        mp3 = (self.folder / "tone.mp3").read_bytes()
        for kind, cover in (("png", self.huge_png), ("jpeg", self.huge_jpeg)):
            for name, data in (("flac", flac[:42] + flac_picture(cover) + flac[42:]),
                               ("mp3", id3(picture_frame(cover, f"image/{kind}".encode())) + mp3)):
                with self.subTest(name, kind=kind):
                    self.attempt(self.write(f"cover.{name}", data))

    def test_huge_coded_pictures(self):
        for name, data in (("raw.h264", h264(16384, 16384)), ("lying.h264", h264(65536, 65536, 3))):
            with self.subTest(name):
                self.attempt(self.write(name, data), seconds=SLOW, memory=2 * SMALL)
        ts = self.folder / "huge.ts"
        ffmpeg("-f", "h264", "-framerate", "25", "-i", self.write("in.h264", h264(8192, 8192)), "-c", "copy", ts)
        self.attempt(ts, seconds=SLOW, memory=2 * SMALL, limits={"maxPixels": 4096 * 4096})

    def test_a_million_pictures_of_one_pixel(self):
        tiny = png(1, 1)
        for samples in (1_000_000, 50_000_000, 0x7FFFFFFF):
            with self.subTest(samples=samples):
                data = movie(lambda offset: track(1, video_entry(b"png ", 1, 1), samples, 0 if samples > 1e8 else len(tiny),
                                                  offset), data=tiny)
                self.attempt(self.write("million.mov", data), seconds=SLOW, memory=4096 * MIB)
        data = matroska([matroska_track(1, 1, "V_MJPEG", element("E0", unsigned("B0", 1), unsigned("BA", 1)))],
                        [cluster(0, *(simple_block(1, n % 30000, b"\xff\xd8") for n in range(300_000)))])
        self.attempt(self.write("million.mkv", data), seconds=SLOW)

    def test_lying_durations_and_sizes(self):
        tiny = png(16, 16)

        def lying(duration, timescale=1, samples=2, delta=1):
            return movie(lambda offset: track(1, video_entry(b"png ", 16, 16), samples, len(tiny), offset, timescale, delta,
                                              duration), timescale, duration, data=tiny * samples)

        for name, data in (("century.mov", lying(0xFFFFFFFF)), ("zero-timescale.mov", lying(100, 0)),
                           ("huge-delta.mov", lying(0xFFFFFFFF, 1, 2, 0x7FFFFFFF)), ("fast.mov", lying(1, 0x7FFFFFFF, 2000)),
                           ("size.mp4", box(b"ftyp", b"isom", bytes(4)) + struct.pack(">I", 0xFFFFFFFF) + b"moov" + bytes(64)),
                           ("large-size.mp4", box(b"ftyp", b"isom", bytes(4))
                            + struct.pack(">I4sQ", 1, b"moov", 1 << 62) + bytes(64)),
                           ("void.mkv", EBML + bytes.fromhex("18538067 01FFFFFFFFFFFFFF EC 01FFFFFFFFFFFFFE")),
                           ("duration.mkv", matroska([matroska_track(1, 1, "V_MJPEG", element(
                               "E0", unsigned("B0", 64), unsigned("BA", 64)))],
                               [cluster(0, simple_block(1, 0, self.jpeg))], duration=1e300)),
                           ("rate.avi", avi([(b"vids", b"MJPG", bitmap_info(b"MJPG"))], [(0, b"dc", self.jpeg)] * 2000,
                                            rate=0xFFFFFFFF, total=2000)),
                           ("size.avi", avi([(b"vids", b"MJPG", bitmap_info(b"MJPG"))], [(0, b"dc", self.jpeg)],
                                            lying_size=0xFFFFFFF0)),
                           ("id3.mp3", id3(claimed=0x0FFFFFFF) + (self.folder / "tone.mp3").read_bytes()),
                           ("frames.wav", riff(b"RIFF", b"WAVE" + riff(b"fmt ", struct.pack(
                               "<HHIIHH", 1, 65535, 0xFFFFFFFF, 0xFFFFFFFF, 65535, 32))
                               + b"data" + struct.pack("<I", 0xFFFFFFFF) + bytes(1000)))):
            with self.subTest(name):
                self.attempt(self.write(name, data), seconds=SLOW)

    def test_honest_films_over_the_limits(self):
        tiny = png(16, 16)
        long_ = movie(lambda offset: track(1, video_entry(b"png ", 16, 16), 2, len(tiny), offset, 1, 864_000), 1, 1_728_000,
                      data=tiny * 2)
        self.refused(self.write("long.mov", long_), "1728000 seconds", "media.max_duration")
        fast = movie(lambda offset: track(1, video_entry(b"png ", 16, 16), 5000, len(tiny), offset, 10_000_000), 10_000_000,
                     5000, data=tiny)
        self.refused(self.write("fast.mov", fast), "frame rate", "media.max_frame_rate")
        large = self.one_picture(b"png ", 640, 480, png(640, 480))
        self.refused(self.write("large.mov", large), "640x480", limits={"maxPixels": 640 * 479})
        self.assertTrue(all(o.ok for o in self.attempt(self.write("large.mov", large))))

    def test_streams_by_the_thousand(self):
        for count in (1001, 20_000):
            with self.subTest(count=count):
                tracks = b"".join(track(n + 1, video_entry(b"png ", 16, 16), 0, 0, 28) for n in range(count))
                self.refused(self.write("streams.mov", movie(lambda _: tracks)), "tracks", seconds=SLOW)
                self.refused(self.write("streams.mkv", matroska(
                    [matroska_track(n + 1, 1 + n % 2, "V_MJPEG" if n % 2 == 0 else "A_AAC",
                                    element("E0", unsigned("B0", 16), unsigned("BA", 16)) if n % 2 == 0 else
                                    element("E1", unsigned("9F", 2))) for n in range(count)],
                    [cluster(0, simple_block(1, 0, self.jpeg))])), "tracks", seconds=SLOW)
        # A programme map for each of 2,000 programmes, and logical streams of Ogg that all begin.
        pages = b"".join(b"OggS\0\2" + bytes(8) + struct.pack("<III", n, 0, 0) + b"\1\x1e" + b"\1vorbis" + bytes(4)
                         + b"\2" + struct.pack("<IiiiB", 48000, 0, 0, 0, 0xB8) + b"\1" for n in range(20_000))
        self.attempt(self.write("streams.ogg", pages), seconds=SLOW)
        head = b"\0\0\1\xba" + bytes([0x44, 0, 4, 0, 4, 1, 0, 0, 3, 0xF8])
        packs = b"".join(head + b"\0\0\1\xbd" + struct.pack(">H", 32) + b"\x80\0\0" + bytes([0x20 + n % 224]) + bytes(28)
                         for n in range(20_000))
        self.attempt(self.write("streams.mpg", packs), seconds=SLOW)

    def test_endless_subtitles(self):
        blocks = [block_group(2, n % 30000, b"words without end", 1) for n in range(200_000)]
        path = self.write("endless.mkv", matroska(
            [matroska_track(1, 1, "V_MJPEG", element("E0", unsigned("B0", 64), unsigned("BA", 64))),
             matroska_track(2, 17, "S_TEXT/UTF8")],
            [cluster(0, simple_block(1, 0, self.jpeg)), cluster(30, *blocks), cluster(99, simple_block(1, 0, self.jpeg))]))
        self.attempt(path, seconds=SLOW)
        executor = self.ready()
        info = executor.probe(path).body
        profile = {"name": "x", "container": "matroska", "extension": "mkv", "videoCodec": "h264", "audioCodec": "aac",
                   "subtitles": True}
        outcome = executor.transcode(path, self.folder / "endless-out.mkv", profile, source=info, seconds=SLOW,
                                     limits={"maxSubtitles": 1 << 20})
        self.assertIn("media.max_subtitles", outcome.message)

    def test_huge_parameters_tags_and_attachments(self):
        video = element("E0", unsigned("B0", 64), unsigned("BA", 64))
        huge = bytes(80 * MIB)
        self.refused(self.write("private.mkv", matroska([matroska_track(1, 1, "V_MPEG4/ISO/AVC", video,
                                                                        element("63A2", huge))],
                                                        [cluster(0, simple_block(1, 0, self.jpeg))])),
                     "codec parameters", seconds=SLOW, memory=SMALL * 2)
        path = self.write("fonts.mkv", matroska([matroska_track(1, 1, "V_MJPEG", video)],
                                                [cluster(0, simple_block(1, 0, self.jpeg))],
                                                [attachment(f"{n}.ttf", huge, uid=n + 1) for n in range(5)]))
        self.refused(path, "media.max_attachments", seconds=SLOW, memory=SMALL * 4)
        path.unlink()
        tag = element("7373", element("63C0"), element("67C8", text("45A3", "x"), element("4487", b"a" * (80 * MIB))))
        path = self.write("tag.mkv", matroska([matroska_track(1, 1, "V_MJPEG", video)],
                                              [cluster(0, simple_block(1, 0, self.jpeg))],
                                              tags=element("1254C367", tag)))
        self.attempt(path, seconds=SLOW, memory=SMALL * 2)
        comments = struct.pack("<I", 1) + b"x" + struct.pack("<I", 20_000)
        comments += b"".join(struct.pack("<I", 12) + b"key%06d=vv" % n for n in range(20_000))
        flac = (self.folder / "tone.flac").read_bytes()
        block = bytes([4]) + len(comments).to_bytes(3, "big") + comments
        self.attempt(self.write("comments.flac", flac[:42] + block + flac[42:]), seconds=SLOW)

    def test_tags_that_take_quadratic_time(self):
        # libav looks through all tags for each one: these few megabytes are minutes, and it hears nothing meanwhile.
        with Executor() as executor:
            path = self.write("tags.mkv", many_tags(self.jpeg, 200_000))
            with self.assertRaises(Died) as died:
                executor.probe(path, seconds=SLOW * 4, limits={"probeCpu": 1})
            self.assertEqual(died.exception.status, -signal.SIGXCPU)

    def test_nesting_and_packed_headers(self):
        nested = b""
        for _ in range(20_000):
            nested = box(b"udta", nested)
        self.attempt(self.write("nested.mov", box(b"ftyp", b"qt  ", bytes(4)) + box(b"moov", nested)))
        tag = b""
        for _ in range(4_000):
            tag = element("67C8", text("45A3", "x"), tag)
        self.attempt(self.write("nested.mkv", matroska([matroska_track(1, 1, "V_MJPEG", element(
            "E0", unsigned("B0", 64), unsigned("BA", 64)))], tags=element("1254C367", element("7373", tag)))))
        # A packed header that unpacks to what it claims, or only claims.
        packed = zlib.compress(bytes(200 * MIB), 9)
        for claimed in (200 * MIB, 0xFFFFFFFF, 0x7FFFFFFF):
            data = box(b"ftyp", b"qt  ", bytes(4)) + box(b"moov", box(b"cmov", box(b"dcom", b"zlib"), box(
                b"cmvd", struct.pack(">I", claimed), packed)))
            # More memory than there is may be there another time.
            self.refused(self.write("packed.mov", data), seconds=SLOW, memory=4096 * MIB,
                         codes=("bad_media", "unavailable"))
        # Matroska may compress every frame: an encoding that unpacks to far more than it takes.
        encoding = element("6D80", element("6240", unsigned("5031", 0), unsigned("5032", 1), unsigned("5033", 0),
                                           element("5034", unsigned("4254", 0))))
        self.attempt(self.write("packed.mkv", self.picture_mkv("V_MJPEG", 64, 64, packed, (encoding,))), seconds=SLOW)

    def test_films_that_jump_in_time(self):
        """Gaps of days between two pictures must not be filled with pictures."""
        gap = matroska([matroska_track(1, 1, "V_MJPEG", element("E0", unsigned("B0", 64), unsigned("BA", 64)))],
                       [cluster(t, simple_block(1, 0, self.jpeg)) for t in (0, 40, 80, 500_000_000, 500_000_040)],
                       duration=500_000_080.0)
        path = self.write("gap.mkv", gap)
        self.attempt(path)
        executor = self.ready()
        info = executor.probe(path).body
        profile = {"name": "x", "container": "mp4", "extension": "mp4", "videoCodec": "h264", "audioCodec": "aac",
                   "maxWidth": 640, "maxHeight": 480, "maxFrameRate": 25}
        outcome = executor.transcode(path, self.folder / "gap-out.mp4", profile, source=info, seconds=SLOW * 4)
        self.assertLess(outcome.seconds, SLOW)
        self.assertLess((self.folder / "gap-out.mp4").stat().st_size, 10 * MIB)


class NormalWork(Case):
    """The sandbox refuses nothing that real work asks for, and `troupe doctor` says what is in force."""

    def source(self):
        path = self.folder / "source.mkv"
        if not path.exists():
            (self.folder / "words.srt").write_text("1\n00:00:00,100 --> 00:00:01,000\nwords\n")
            ffmpeg("-f", "lavfi", "-i", "testsrc2=s=320x180:d=2,interlace", "-f", "lavfi", "-i", "sine=d=2:r=44100", "-i",
                   self.folder / "words.srt", "-pix_fmt", "yuv420p", "-flags", "+ildct+ilme", "-c:v", "mpeg4", "-c:a", "aac",
                   "-c:s", "srt", path)
        return path

    def test_every_operation_with_every_codec(self):
        executor = self.ready()
        self.assertEqual(executor.ready["sandbox"]["seccomp"], True)
        self.assertGreater(executor.ready["sandbox"]["landlock"], 0)
        path = self.source()
        info = executor.probe(path).body
        self.assertTrue(executor.thumbnail(path).ok)
        for name, fields in (("h264", {}), ("hevc", {"videoCodec": "hevc", "bitDepth": 10, "preset": "ultrafast"}),
                             ("av1", {"videoCodec": "av1", "container": "matroska", "extension": "mkv", "preset": "10",
                                      "audioCodec": "opus", "crf": 40}),
                             ("vp9", {"videoCodec": "vp9", "container": "webm", "extension": "webm", "preset": "6",
                                      "audioCodec": "opus"}),
                             ("mp3", {"videoCodec": "none", "container": "mp3", "extension": "mp3", "audioCodec": "mp3"}),
                             ("flac", {"videoCodec": "none", "container": "flac", "extension": "flac",
                                       "audioCodec": "flac"}),
                             ("loudness", {"loudness": -23.0, "maxHeight": 90, "maxWidth": 160}),
                             ("remux", {"videoCodec": "copy", "audioCodec": "copy", "container": "matroska",
                                        "extension": "mkv"})):
            with self.subTest(name):
                profile = {"name": name, **fields}
                output = self.folder / f"out.{fields.get('extension', 'mp4')}"
                made = executor.transcode(path, output, profile, source=info, seconds=SLOW * 4)
                self.assertTrue(made.ok, made.message)
                verified = executor.verify(output, profile, info, seconds=SLOW * 4)
                self.assertTrue(verified.ok, verified.message)
                self.assertEqual(executor.refused(), [])

    def test_operations_that_ask_for_their_outputs(self):
        executor = self.ready()
        path = self.source()
        info = executor.probe(path).body
        made = executor.into_folder("storyboard", path, self.folder / "board",
                                    storyboard={"width": 64, "intervalMs": 200, "bif": True}, seconds=SLOW * 4)
        self.assertTrue(made.ok, made.message)
        self.assertTrue((self.folder / "board/storyboard.vtt").stat().st_size > 0)
        ladder = [{"maxWidth": 320, "maxHeight": 180, "videoBitRate": 300_000},
                  {"maxWidth": 160, "maxHeight": 90, "videoBitRate": 100_000}]
        made = executor.into_folder("hls", path, self.folder / "ladder", source=info, seconds=SLOW * 4,
                                    profile={"name": "hls", "container": "hls", "extension": "m3u8", "ladder": ladder,
                                             "segmentSeconds": 1.0})
        self.assertTrue(made.ok, made.message)
        self.assertEqual(executor.refused(), [])

    def test_films_in_chunks(self):
        executor = self.ready()
        path = self.folder / "chunks.mp4"
        ffmpeg("-f", "lavfi", "-i", "testsrc2=s=160x90:d=6", "-f", "lavfi", "-i", "sine=d=6", "-pix_fmt", "yuv420p", "-g", "25",
               path)
        info = executor.probe(path).body
        fields = {"nameHint": "mp4", "profile": {"name": "x", "maxHeight": 72, "maxWidth": 128}, "source": info}
        with contextlib.ExitStack() as files:
            source = files.enter_context(open(path, "rb"))

            def ask(operation, *outputs, **more):
                outcome = executor.run({"op": operation, **fields, **more},
                                       [source.fileno(), *(o.fileno() for o in outputs)], SLOW * 4)
                self.assertTrue(outcome.ok, outcome.message)
                return outcome.body

            def output():
                return files.enter_context(tempfile.TemporaryFile())

            chunks = ask("plan_chunks", wishes={"count": 3})["chunks"]
            self.assertGreater(len(chunks), 1)
            pieces = [(output(), chunk) for chunk in chunks]
            labels = [ask("encode_chunk", piece, chunk=chunk)["piece"] for piece, chunk in pieces]
            sound, film = output(), output()
            ask("encode_audio", sound)
            ask("join", film, sound, *(piece for piece, _ in pieces), pieces=labels, hasAudio=True)
        self.assertEqual(executor.refused(), [])

    def test_real_files(self):
        sample()
        executor = self.ready()
        for path in sorted(MEDIA.iterdir()):
            if path.is_file() and not path.name.startswith("."):
                executor.probe(path)
                executor.thumbnail(path)
        self.assertEqual(executor.refused(), [])

    def doctor(self, *arguments):
        run = subprocess.run([BIN / "troupe", "doctor", "-o", "json", *arguments], capture_output=True, text=True, timeout=60)
        return run.returncode, {f["name"]: f for f in json.loads(run.stdout)}

    def test_doctor_says_what_is_in_force(self):
        _, found = self.doctor()
        self.assertEqual(found["sandbox"]["verdict"], "ok", found["sandbox"])
        self.assertIn("Landlock version", found["sandbox"]["text"])
        self.assertIn("libavcodec", found["executor"]["text"])
        # On a machine without Landlock it is a failure, unless that is accepted.
        script = self.folder / "executor"
        script.write_text(f"#!/bin/sh\nexec {BIN.parent}/tests/without_calls landlock_create_ruleset {BIN}/troupe-executor "
                          '"$@"\n')
        script.chmod(0o755)
        status, found = self.doctor("--set", f"worker.executor={script}")
        self.assertEqual((status, found["sandbox"]["verdict"]), (1, "FAIL"))
        self.assertIn("Landlock", found["sandbox"]["text"])
        _, found = self.doctor("--set", f"worker.executor={script}", "--set", "worker.sandbox=best")
        self.assertEqual(found["sandbox"]["verdict"], "warn")


class Fuzzed(Case):
    """What the fuzzers were fed or found (tests/fuzz): each is answered, or costs its executor and nothing else."""

    def test_corpus(self):
        files = sorted(p for p in (ROOT / "tests/fuzz/corpus").iterdir() if p.suffix)
        self.assertGreater(len(files), 10)
        for path in files:
            with self.subTest(path.name):
                self.attempt(path, seconds=SLOW, memory=SMALL * 2)

    def test_known_findings(self):
        for path in sorted(p for p in (ROOT / "tests/fuzz/known").iterdir() if p.suffix == ".bin"):
            for operation in ("probe", "thumbnail"):
                with self.subTest(path.name, operation=operation):
                    executor = self.ready()
                    try:
                        getattr(executor, operation)(path, seconds=SLOW * 4)
                    except Died as died:
                        # By a signal: a crash is one, and no way out.
                        self.assertLess(died.status, 0)

    def campaign(self):
        fuzz = ROOT / "build/fuzz"
        run = subprocess.run([ROOT / "tests/fuzz/run", "30"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        print(run.stdout)
        self.assertTrue((fuzz / "thumbnail.log").exists(), run.stdout)
        for path in sorted((fuzz / "found").iterdir()):
            with self.subTest(path.name):
                try:
                    self.ready().thumbnail(path, seconds=SLOW * 4)
                except Died as died:
                    self.assertLess(died.status, 0)

    # 30 minutes: there is no such test in an ordinary run.
    if SOAK:
        test_campaign = campaign


class OnANode(Case):
    """Through a real node: hostile files cost their own job, and nobody else's."""

    def test_a_library_with_hostile_files(self):
        canary = Canary()
        self.addCleanup(canary.close)
        library = self.folder / "library"
        library.mkdir()
        tiny = png(1, 1)
        hostile = {
            "playlist.mp4": f"#EXTM3U\n#EXTINF:10,\nhttp://127.0.0.1:{canary.port}/\n#EXT-X-ENDLIST\n".encode(),
            "concat.avi": b"ffconcat version 1.0\nfile '/etc/passwd'\n",
            "bomb.mov": movie(lambda offset: track(1, video_entry(b"png ", 16000, 16000), 1, 1000, offset), data=bytes(1000)),
            "streams.mov": movie(lambda _: b"".join(track(n + 1, video_entry(b"png ", 16, 16), 0, 0, 28)
                                                    for n in range(20_000))),
            "reference.mov": movie(lambda _: track(1, video_entry(b"raw ", 8, 8), 4, 192, 0, dref=alias("/etc/passwd"))),
            "tags.mkv": many_tags(b"", 200_000),
            "million.mov": movie(lambda offset: track(1, video_entry(b"png ", 1, 1), 50_000_000, len(tiny), offset),
                                 data=tiny),
        }
        for name, data in hostile.items():
            (library / name).write_bytes(data)
        for n in range(4):
            ffmpeg("-f", "lavfi", "-i", f"testsrc2=s=160x90:d={n + 1}", "-pix_fmt", "yuv420p", library / f"good-{n}.mp4")
        with Node(worker__executor_memory="2 GiB", media__probe_cpu="1s", worker__stall_timeout="5m") as node:
            pid = node.process.pid
            scan = node.scan(node.add_library(library)["id"], seconds=240)
            self.assertEqual(scan["status"], "completed", scan)
            videos = {pathlib.Path(v["path"]).stem: v for v in node.get("/api/videos?limit=100")["videos"]}
            for n in range(4):
                self.assertEqual(videos[f"good-{n}"]["status"], "ready", videos)
            for name in ("playlist", "concat", "bomb", "streams", "tags"):
                self.assertEqual(videos[name]["status"], "failed", videos)
            self.assertIn("processor time", json.dumps(videos["tags"]["error"]))
            self.assertEqual(node.process.pid, pid)
            self.assertIsNone(node.process.poll())
            self.assertEqual(canary.callers, [])


if __name__ == "__main__":
    unittest.main()
