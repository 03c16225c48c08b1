"""A gateway on a machine of its own that has mounted nothing, or not everything: its clients are sent the files of the
coordinator, by ranges over mutual TLS, and see no difference but where that machine is away."""

import contextlib
import hashlib
import http.client
import os
import re
import signal
import struct
import threading
import time
import urllib.parse

from certificates import memory_of
from machines import Machines
from support import TestCase, sample_metrics, synth, wait_until

MIB = 1 << 20
#: What may be on its way when a client stops taking: windows, and buffers of two machines' kernels.
AHEAD = 24 * MIB


def large_film(path, size=300 * MIB):
    """A film, and behind it a box that players pass over, of random bytes."""
    synth(path, seconds=3)
    with open(path, "ab") as out:
        rest = size - out.tell()
        out.write(struct.pack(">I4s", rest, b"free"))
        for left in range(rest - 8, 0, -MIB):
            out.write(os.urandom(min(left, MIB)))
    return path


def sha256(data):
    return hashlib.sha256(data).hexdigest()


class Stream:
    """A GET whose body is read as the test wants."""

    def __init__(self, node, path, headers=None, buffer=None):
        self.connection = http.client.HTTPConnection("127.0.0.1", node.port, timeout=40)
        self.connection.sock = node.place.connect("127.0.0.1", node.port, 40)
        if buffer:
            self.connection.sock.setsockopt(1, 8, buffer)
        self.connection.request("GET", path, headers=headers or {})
        self.answer = self.connection.getresponse()
        self.length = int(self.answer.headers["content-length"])

    def read(self, size):
        return self.answer.read(size)

    def rest(self):
        """What comes until the end or the loss of the connection."""
        out = []
        with contextlib.suppress(http.client.IncompleteRead, ConnectionError):
            while piece := self.answer.read(MIB):
                out.append(piece)
        return b"".join(out)

    def close(self):
        self.connection.close()


class GatewayFiles(TestCase):
    def cluster(self, hide="all", large=0, **settings):
        """Coordinator anna, worker ben who has all mounts, and gateway gina: without any (`hide` "all"), or without the
        films ("films")."""
        self.machines = Machines(workers=("ben",))
        self.addCleanup(self.end)
        m = self.machines
        self.anna = m.node
        self.films = m.node.folder / "films"
        self.films.mkdir()
        synth(self.films / "small.mp4", seconds=3)
        if large:
            large_film(self.films / "large.mp4", large)
        place = m.net.add("gina", hide=[m.node.folder if hide == "all" else self.films])
        data = None if hide == "all" else m.node.data
        self.gina = m._node(place, m.authority.issue("gina", "gateway"), node__roles="gateway", data=data,
                            mesh__coordinator=m.node.mesh, **settings)
        # Whether the files are in reach is looked at by reading a few bytes of one: not while those of films are counted.
        self.gina.settings["worker.library_check"] = "1h"
        if hide != "all":
            self.gina.settings["gateway.cache_folder"] = str(self.gina.folder / "kept")
        self.gina.start()
        wait_until("the gateway has joined", lambda: self.gina.request("GET", "/readyz").status == 200)
        self.anna.cli("library", "ingest", str(self.films), check=True, timeout=120)
        self.ids = {v["title"]: v["id"] for v in self.anna.get("/api/videos?limit=100")["videos"]}
        self.assertEqual({"small", "large"} if large else {"small"}, set(self.ids))

    def end(self):
        if self.has_failed():
            self.machines.tell()
        self.machines.close()

    def sent(self):
        """Bytes of files that the coordinator has sent to the gateway."""
        return sample_metrics(self.anna).get('troupe_file_bytes_total{node="gina",direction="out"}', 0)

    def path_of(self, name):
        return f"/api/videos/{self.ids[name]}/stream"

    def same(self, path, headers=None, method="GET"):
        """Both gateways answer the same."""
        wanted = self.anna.request(method, path, headers=headers)
        got = self.gina.request(method, path, headers=headers)
        facts = ("content-type", "content-length", "content-range", "etag", "last-modified", "cache-control",
                 "content-disposition", "accept-ranges", "vary")
        self.assertEqual([wanted.status, *map(wanted.headers.get, facts)], [got.status, *map(got.headers.get, facts)],
                         (path, headers))
        if wanted.status < 400:
            self.assertEqual(sha256(wanted.body), sha256(got.body), (path, headers))
        return got

    def test_every_byte_of_a_large_film(self):
        self.cluster(large=300 * MIB)
        film, path = (self.films / "large.mp4").read_bytes(), self.path_of("large")
        size = len(film)
        self.assertEqual(300 * MIB, size)
        before = self.sent()
        for first, last in ((0, 0), (0, 99), (size - 1, size - 1), (16 * MIB - 5, 16 * MIB + 5), (100 * MIB, 100 * MIB + 3),
                            (31 * MIB, 50 * MIB), (7, 300_007), (250 * MIB, 250 * MIB + 999)):
            got = self.gina.request("GET", path, headers={"Range": f"bytes={first}-{last}"})
            self.assertEqual((206, f"bytes {first}-{last}/{size}"), (got.status, got.headers["content-range"]))
            self.assertEqual(sha256(film[first:last + 1]), sha256(got.body), (first, last))
        self.assertLess(self.sent() - before, 24 * MIB)
        for headers in ({"Range": "bytes=-1000"}, {"Range": f"bytes={size}-"}, {"Range": "bytes=5-1"},
                        {"Range": "bytes=1-2", "If-Range": '"another"'}):
            if "If-Range" not in headers and headers["Range"] != "bytes=5-1":
                self.same(path, headers)
        self.same(path, method="HEAD")
        etag = self.anna.request("HEAD", path).headers["etag"]
        self.assertEqual(304, self.gina.request("GET", path, headers={"If-None-Match": etag}).status)
        self.assertEqual(206, self.gina.request("GET", path, headers={"Range": "bytes=0-1", "If-Range": etag}).status)
        several = self.gina.request("GET", path, headers={"Range": f"bytes=0-9,{200 * MIB}-{200 * MIB + 9},-10"})
        self.assertEqual(206, several.status)
        for part in (film[:10], film[200 * MIB:200 * MIB + 10], film[-10:]):
            self.assertIn(b"\r\n\r\n" + part + b"\r\n--", several.body)
        # Two at once, and the memory that it takes.
        memory = memory_of(self.gina.process.pid)
        most, digests = [memory], []

        def whole():
            stream, digest = Stream(self.gina, path), hashlib.sha256()
            self.assertEqual(size, stream.length)
            while piece := stream.read(MIB):
                digest.update(piece)
                most.append(memory_of(self.gina.process.pid))
            digests.append(digest.hexdigest())
        threads = [threading.Thread(target=whole) for _ in range(2)]
        for t in threads:
            t.start()
        for t in threads:
            t.join(120)
        self.assertEqual([sha256(film)] * 2, digests)
        self.assertLess(max(most) - memory, 48 * MIB)
        self.assertLess(self.sent() - before, 1.02 * size)
        # And again: nothing is asked for.
        before = self.sent()
        self.assertEqual(sha256(film), sha256(self.gina.request("GET", path).body))
        self.assertEqual(before, self.sent())

    def test_a_film_that_is_larger_than_the_cache(self):
        self.cluster(large=200 * MIB, gateway__cache="64 MiB")
        film = (self.films / "large.mp4").read_bytes()
        self.assertEqual(sha256(film), sha256(self.gina.request("GET", self.path_of("large")).body))
        kept = sum(p.stat().st_blocks * 512 for p in (self.gina.data / "cache" / "gateway").iterdir())
        self.assertLess(kept, 66 * MIB)
        self.assertGreater(kept, 32 * MIB)
        # What is kept serves the next life, too.
        self.gina.stop()
        self.gina.start()
        wait_until("the gateway has joined", lambda: self.gina.request("GET", "/readyz").status == 200)
        before = self.sent()
        got = self.gina.request("GET", self.path_of("large"), headers={"Range": f"bytes={190 * MIB}-"})
        self.assertEqual(sha256(film[190 * MIB:]), sha256(got.body))
        # But for the look whether they are in reach, of its join.
        self.assertLess(self.sent() - before, 4096)

    def test_clients_that_are_slow_or_leave(self):
        self.cluster(large=300 * MIB)
        film, path = (self.films / "large.mp4").read_bytes(), self.path_of("large")
        before, memory = self.sent(), memory_of(self.gina.process.pid)
        slow = Stream(self.gina, path, buffer=65536)
        got = slow.read(2 * MIB)
        time.sleep(2)
        first = self.sent()
        self.assertLess(first - before, AHEAD)
        time.sleep(2)
        self.assertEqual(first, self.sent())
        self.assertLess(memory_of(self.gina.process.pid) - memory, 24 * MIB)
        # It goes on where it was.
        got += slow.read(40 * MIB)
        self.assertEqual(sha256(film[:42 * MIB]), sha256(got))
        slow.close()
        # Six leave at different places.
        for i in range(6):
            leaves = Stream(self.gina, path, headers={"Range": f"bytes={(60 + 40 * i) * MIB}-"})
            leaves.read(100_000)
            leaves.close()
        time.sleep(2)
        after = self.sent()
        self.assertLess(after - before, 42 * MIB + 7 * AHEAD)
        time.sleep(1.5)
        self.assertEqual(after, self.sent())

    def test_pictures_ladders_and_storyboards(self):
        self.cluster()
        small = self.ids["small"]
        at = f"/api/videos/{small}"
        for wish in (("transcode", {"profile": "hls", "preset": "ultrafast"}), ("storyboard", {})):
            job = self.anna.post(f"{at}/{wish[0]}", wish[1])["jobId"]
            self.assertEqual("completed", self.anna.wait_job(job, seconds=120)["status"])
        job = self.anna.post(f"{at}/transcode", {"profile": "web-720p"})["jobId"]
        self.assertEqual("completed", self.anna.wait_job(job, seconds=120)["status"])
        self.assertEqual(200, self.same(f"{at}/stream?profile=web-720p").status)
        self.same(f"{at}/stream?profile=web-720p", {"Range": "bytes=100-"})
        self.same(f"{at}/thumbnail?width=320")
        self.same(f"{at}/storyboard.vtt")
        self.same(f"{at}/storyboard/0.jpg")
        master = self.same(f"{at}/hls/master.m3u8")
        lists = [urllib.parse.urljoin(f"{at}/hls/master.m3u8", x) for x in re.findall(r"^[^#\s].*$", master.body.decode(), re.M)]
        self.assertTrue(lists)
        ranges = 0
        for playlist in lists:
            text = self.same(playlist).body.decode()
            film = urllib.parse.urljoin(playlist, re.findall(r'^([^#\s].*\.mp4)$', text, re.M)[0])
            for length, first in re.findall(r"BYTERANGE:?=?\"?(\d+)@(\d+)", text):
                self.same(film, {"Range": f"bytes={first}-{int(first) + int(length) - 1}"})
                ranges += 1
        self.assertGreater(ranges, 1)
        # Without the coordinator, what was looked at is looked at again; the rest is refused at once.
        self.gina.get(at)
        self.anna.kill()
        self.anna.process.wait(5)
        wait_until("the gateway has noticed",
                   lambda: self.gina.get("/api/health")["checks"]["cluster"]["status"] == "degraded", 10)
        # Files that are open for a moment are not what is looked at.
        time.sleep(2.5)
        self.assertEqual(b"\xff\xd8", self.gina.request("GET", f"{at}/thumbnail?width=320").body[:2])
        self.assertEqual(master.body, self.gina.request("GET", f"{at}/hls/master.m3u8").body)
        self.assertEqual(200, self.gina.request("GET", f"{at}/stream?profile=web-720p").status)
        began = time.monotonic()
        refused = self.gina.request("GET", f"{at}/stream")
        self.assertEqual(503, refused.status, refused.body[:200])
        self.assertGreaterEqual(int(refused.headers["retry-after"]), 1)
        self.assertLess(time.monotonic() - began, 2)

    def test_the_coordinator_goes_in_the_middle(self):
        self.cluster(large=300 * MIB)
        film, path = (self.films / "large.mp4").read_bytes(), self.path_of("large")
        # Killed and started again: the client waits, and nothing is missing.
        stream = Stream(self.gina, path, headers={"Range": f"bytes={200 * MIB}-{250 * MIB - 1}"})
        got = stream.read(5 * MIB)
        self.anna.kill_hard()
        self.anna.start()
        got += stream.rest()
        stream.close()
        self.assertEqual(sha256(film[200 * MIB:250 * MIB]), sha256(got))
        wait_until("the gateway is back",
                   lambda: self.gina.get("/api/health")["checks"]["cluster"]["status"] == "healthy", 30)
        # Killed for good: the end comes early, and what came is right.
        stream = Stream(self.gina, path)
        got = stream.read(5 * MIB)
        self.anna.kill_hard()
        began = time.monotonic()
        got += stream.rest()
        stream.close()
        self.assertLess(time.monotonic() - began, 30)
        self.assertLess(len(got), len(film))
        self.assertEqual(sha256(film[:len(got)]), sha256(got))
        # Before the first byte it is a refusal.
        refused = self.gina.request("GET", path, headers={"Range": f"bytes={290 * MIB}-"})
        self.assertEqual(503, refused.status)
        self.assertGreaterEqual(int(refused.headers["retry-after"]), 1)
        kept = self.gina.request("GET", path, headers={"Range": f"bytes={210 * MIB}-{220 * MIB}"})
        self.assertEqual(sha256(film[210 * MIB:220 * MIB + 1]), sha256(kept.body))
        self.anna.start()
        wait_until("the gateway is back",
                   lambda: self.gina.get("/api/health")["checks"]["cluster"]["status"] == "healthy", 30)
        again = self.gina.request("GET", path, headers={"Range": f"bytes={290 * MIB}-"})
        self.assertEqual(sha256(film[290 * MIB:]), sha256(again.body))
        # Stopped for a while: the same.
        stream = Stream(self.gina, path, headers={"Range": f"bytes={150 * MIB}-{200 * MIB - 1}"})
        got = stream.read(5 * MIB)
        self.anna.kill(signal.SIGSTOP)
        time.sleep(4)
        self.anna.kill(signal.SIGCONT)
        got += stream.rest()
        stream.close()
        self.assertEqual(sha256(film[150 * MIB:200 * MIB]), sha256(got))

    def test_what_is_mounted_is_read_there(self):
        """The data folder is here, one library is not."""
        self.cluster(hide="films")
        before = self.sent()
        at = f"/api/videos/{self.ids['small']}"
        self.same(f"{at}/thumbnail")
        self.assertEqual(before, self.sent())
        self.assertFalse((self.gina.folder / "kept").exists())
        self.same(f"{at}/stream")
        self.assertEqual(before + (self.films / "small.mp4").stat().st_size, self.sent())
        self.assertTrue((self.gina.folder / "kept").exists())
        # A file that goes is gone here, too. (An empty folder would look like one whose disk is not mounted.)
        (self.films / "notes.txt").write_text("left")
        (self.films / "small.mp4").unlink()
        time.sleep(2.5)
        self.assertEqual(404, self.gina.request("GET", f"{at}/stream").status)
        # Uploads are written to the data folder, which is here.
        film = synth(self.gina.folder / "up.mp4", seconds=1)
        job = self.gina.upload(film).json["jobId"]
        self.assertEqual("completed", self.gina.wait_job(job)["status"])

    def test_uploads_say_what_to_do(self):
        self.cluster()
        film = synth(self.gina.folder / "up.mp4", seconds=1)
        answer = self.gina.upload(film)
        self.assertEqual(503, answer.status)
        self.assertIn("mount", answer.json["error"]["message"])
        # And who takes them; it is asked when the gateway has joined.
        wait_until("it says who takes them", lambda: f"http://127.0.0.1:{self.anna.port} on the machine of node "
                   in self.gina.upload(film).json["error"]["message"], 5)
        self.assertGreaterEqual(int(answer.headers["retry-after"]), 1)
