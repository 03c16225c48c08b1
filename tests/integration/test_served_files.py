"""The node that has a file serves it: libraries that the coordinator does not see, and workers that fetch from those that
have them."""

import hashlib
import json
import os
import pathlib
import signal
import tempfile
import time

from certificates import Stranger
from machines import Machines
from support import Node, TestCase, free_port, leftovers, synth, wait_until
from test_split import frames_of, parts_of, transcode
from test_workers import close_all, workers_of


def digest(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


def refused_at_start(node):
    """What a node said that did not start."""
    node.start(wait=False)
    assert node.process.wait(30) != 0
    return wait_until("it said why", lambda: node.tail(5), 5)


def kept_by(node):
    """Bytes of other nodes' files that a node has."""
    return sum(p.stat().st_blocks * 512 for p in (node.data / "cache").glob("*.data"))


class Served(TestCase):
    """All on loopback, without certificates. The coordinator calls the library's root by a name that only workers with an
    entry in worker.mounts can make something of."""

    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="troupe-test-")))
        self.films = self.folder / "films"
        self.films.mkdir()
        self.root = str(self.folder / "nas")
        self.nodes = []
        self.node = None
        self.addCleanup(lambda: close_all(self.node, self.nodes))
        self.addCleanup(lambda: self.has_failed() and self.tell())

    def tell(self):
        for node in (self.node, *self.nodes):
            print(f"\n--- {node.settings.get('node.name', 'coordinator')} ---\n{node.tail(25)}", flush=True)

    def start(self, **settings):
        self.node = Node(**{"node__roles": "coordinator,gateway", "jobs__lease": "2s", **settings}).start()

    def worker(self, name, has=None, serves=False, **settings):
        """`has`: the folder that is the library here."""
        if has:
            settings["worker__mounts"] = f"{self.root}={has}"
        if serves:
            settings |= {"files__serve": "true", "files__port": free_port()}
        node = Node(node__roles="worker", node__name=name, mesh__coordinator=self.node.mesh,
                    worker__library_check="1s", **settings)
        self.nodes.append(node)
        node.start()
        wait_until(f"{name} joined", lambda: name in [w["node"] for w in workers_of(self.node)])
        return node

    def library(self, seconds=60):
        library = self.node.add_library(self.root)["id"]
        scan = self.node.scan(library, seconds=seconds)
        self.assertEqual("completed", scan["status"], scan)
        self.assertEqual([], scan.get("problems", []))
        return library

    def videos(self):
        return {v["title"]: v["id"] for v in self.node.get("/api/videos")["videos"]}

    def whole(self, job, film, seconds=120):
        done = self.node.wait_job(job, seconds=seconds)
        self.assertEqual("completed", done["status"], done)
        made = frames_of(self.node.data / self.node.get(f"/api/jobs/{job}")["result"]["rendition"]["file"])
        self.assertEqual(len(frames_of(film)), len(made))

    def test_a_library_that_one_worker_has(self):
        """Carl scans and serves it, Ben fetches his share; what is made is the coordinator's, originals stay as they are."""
        film = synth(self.films / "film.mp4", seconds=90, size="960x540")
        before = digest(film)
        self.start()
        self.worker("carl", has=self.films, serves=True, worker__video=1)
        ben = self.worker("ben", worker__video=1)
        self.library()
        job = transcode(self.node, self.videos()["film"])
        self.whole(job, film)
        self.assertEqual({"ben", "carl"}, {p["worker"] for p in parts_of(self.node, job)})
        self.assertGreater(kept_by(ben), 0)
        self.assertLess(kept_by(ben), 1.1 * film.stat().st_size + 65536)
        self.assertEqual(before, digest(film))
        self.assertEqual(["film.mp4"], os.listdir(self.films))
        wait_until("nothing is left of attempts", lambda: not leftovers(self.node.data))
        # And again: nothing of it is new.
        again = self.node.scan(self.node.get("/api/libraries")["libraries"][-1]["id"])
        self.assertEqual(("completed", 0, 0), (again["status"], again["itemsNew"], again["itemsUpdated"]), again)

    def test_the_next_one_serves(self):
        """Of two that serve one is killed, and later the other one loses the file: each time the other is asked."""
        film = synth(self.films / "film.mp4", seconds=60, size="960x540")
        self.start()
        slow = {"worker__video": 0, "worker__metadata": 0, "files__rate": "1 MiB"}
        carl = self.worker("carl", has=self.films, serves=True, **slow)
        other = self.folder / "copy"
        other.mkdir()
        os.link(film, other / "film.mp4")
        dora = self.worker("dora", has=other, serves=True, **slow)
        ben = self.worker("ben")
        self.library()
        before = kept_by(ben)
        self.assertLess(before, film.stat().st_size / 2)
        job = transcode(self.node, self.videos()["film"])
        wait_until("it has begun", lambda: kept_by(ben) > before + (1 << 20), 60)
        carl.kill(signal.SIGKILL)
        time.sleep(1)
        (other / "film.mp4").unlink()
        time.sleep(1)
        self.assertLess(kept_by(ben), film.stat().st_size)
        carl.start()
        self.whole(job, film, seconds=180)
        self.assertTrue(dora.process.poll() is None)

    def test_a_coordinator_that_works_itself(self):
        """With a worker in its own process: the scan goes to who sees the library, and all of them make the film."""
        film = synth(self.films / "film.mp4", seconds=20, size="640x360")
        self.start(node__roles="coordinator,gateway,worker", worker__video=1)
        self.worker("carl", has=self.films, serves=True, worker__video=0, worker__metadata=0, worker__images=0)
        self.library()
        job = transcode(self.node, self.videos()["film"])
        self.whole(job, film)
        self.assertNotEqual("carl", self.node.get(f"/api/jobs/{job}")["worker"])
        self.assertGreater(kept_by(self.node), 0)

    def test_the_data_folder_without_the_library(self):
        """The data folder is shared, the library is not: its files come from the coordinator, into a folder of one's own."""
        film = synth(self.films / "film.mp4", seconds=30, size="640x360")
        self.root = str(self.films)
        self.start(node__roles="coordinator,gateway,worker", worker__video=0, worker__metadata=0, worker__images=0)
        cache = self.folder / "kept"
        self.worker("ben", has=self.folder / "nothing", data=self.node.data, files__cache_folder=cache)
        self.library()
        job = transcode(self.node, self.videos()["film"])
        self.whole(job, film)
        parts = parts_of(self.node, job)
        self.assertEqual({"ben"}, {p["worker"] for p in parts} or {self.node.get(f"/api/jobs/{job}")["worker"]})
        self.assertTrue(list(cache.glob("*.data")))
        self.assertEqual([], list(self.node.data.glob("cache/*.data")))
        # No two nodes share one.
        second = Node(node__roles="worker", node__name="bert", data=self.node.data, mesh__coordinator=self.node.mesh,
                      files__cache_folder=cache)
        self.addCleanup(second.close)
        self.assertIn(f"files.cache_folder: {cache} is in use by process ", refused_at_start(second))

    def test_nobody_has_it(self):
        """A library that no node sees is refused, with what is wrong on each."""
        self.start()
        without = self.node.request("POST", "/api/libraries", {"name": "films", "root": self.root, "category": "films"})
        self.assertEqual(400, without.status, without.body)
        self.assertIn("not a folder that this node can read", str(without.json))
        self.worker("carl", has=self.folder / "nowhere", serves=True)
        refused = self.node.request("POST", "/api/libraries", {"name": "films", "root": self.root, "category": "films"})
        self.assertEqual(400, refused.status, refused.body)
        for sentence in ("No worker has the folder either", "carl: library", "nowhere", "worker.mounts"):
            self.assertIn(sentence, str(refused.json))
        self.assertEqual([], [x for x in self.node.get("/api/libraries")["libraries"] if x["name"] == "films"])

    def test_the_only_one_that_serves_is_away(self):
        """What it has is waited for: no attempt is burnt, and the job says who is missed."""
        film = synth(self.films / "film.mp4", seconds=3)
        self.start()
        carl = self.worker("carl", has=self.films, serves=True, worker__video=0)
        self.worker("ben")
        self.library()
        video = self.videos()["film"]
        carl.kill()
        wait_until("carl is away", lambda: [w["node"] for w in workers_of(self.node)] == ["ben"], 20)
        job = transcode(self.node, video)
        row = wait_until("it waits", lambda: (lambda x: x["status"] == "delayed" and x)(self.node.get(f"/api/jobs/{job}")), 20)
        self.assertEqual((0, 0), (row["failures"], row["attempts"]), row)
        self.assertEqual(["ben"], [x["worker"] for x in row["attemptHistory"]], row)
        self.assertIn("no other node serves it", str(row["attemptHistory"]))
        self.assertIn("no other node serves it", self.node.cli("jobs", "explain", job).stdout)
        carl.start()
        wait_until("carl has it again", lambda: any(
            c.startswith("library:") for n in self.node.get("/api/admin/nodes")["data"]["nodes"] if n["name"] == "carl"
            for c in n["capabilities"]), 20)
        self.node.cli("jobs", "promote", job)
        done = self.node.wait_job(job)
        self.assertEqual("completed", done["status"], done)
        self.assertEqual(0, self.node.get(f"/api/jobs/{job}")["failures"])
        self.assertTrue(film.exists())

    def test_links(self):
        """A film that is put elsewhere, with a link in its place, is not given away: the job says what to do."""
        (self.films / "season").mkdir()
        synth(self.films / "season" / "film.mp4", seconds=3)
        outside = self.folder / "outside"
        self.start()
        self.worker("carl", has=self.films, serves=True, worker__video=0)
        self.worker("ben")
        self.library()
        video = self.videos()["film"]
        (self.films / "season").rename(outside)
        (self.films / "season").symlink_to(outside)
        done = self.node.wait_job(transcode(self.node, video))
        self.assertEqual("failed", done["status"], done)
        self.assertIn("leads out of", str(done))
        # One that stays inside is followed.
        (self.films / "season").unlink()
        outside.rename(self.films / "series")
        (self.films / "season").symlink_to("series")
        done = self.node.wait_job(transcode(self.node, video))
        self.assertEqual("completed", done["status"], done)

    def test_mistakes_of_the_configuration(self):
        self.start()
        cases = [({"files__address": "0.0.0.0"}, "files.host: others can't be told to go to 0.0.0.0; write the name"),
                 ({"files__host": "a b"}, "files.host: 'a b' is neither a name nor an address"),
                 ({"files__address": "10.0.0.1", "files__host": "carl"}, "files.address, files.port: without certificates")]
        for settings, sentence in cases:
            with self.subTest(sentence):
                node = Node(node__roles="worker", mesh__coordinator=self.node.mesh, files__serve="true", **settings)
                self.addCleanup(node.close)
                self.assertIn(sentence, refused_at_start(node))


class Apart(TestCase):
    """Machines with certificates. Neither Anna, the coordinator, nor Ben has the library; Carl serves it."""

    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="troupe-test-")))
        self.films = self.folder / "films"
        self.films.mkdir()
        self.film = synth(self.films / "film.mp4", seconds=60, size="960x540")
        self.root = str(self.folder / "nas")
        self.port = free_port()
        carl = {"worker__mounts": f"{self.root}={self.films}", "files__serve": "true", "files__port": self.port}
        self.cluster = self.enterContext(Machines(workers=("ben", "carl"), far=("ben", "carl"), worker__video=1,
                                                  worker__library_check="1s", own={"carl": carl,
                                                                                   "ben": {"hide": [self.films]}}))
        self.addCleanup(lambda: self.has_failed() and self.cluster.tell())
        self.node = self.cluster.node

    def test_one_film_by_both(self):
        before = digest(self.film)
        library = self.node.add_library(self.root)["id"]
        scan = self.node.scan(library)
        self.assertEqual("completed", scan["status"], scan)
        video = self.node.get("/api/videos")["videos"][0]["id"]
        job = transcode(self.node, video)
        done = self.node.wait_job(job, seconds=180)
        self.assertEqual("completed", done["status"], done)
        made = frames_of(self.node.data / self.node.get(f"/api/jobs/{job}")["result"]["rendition"]["file"])
        self.assertEqual(len(frames_of(self.film)), len(made))
        self.assertEqual({"ben", "carl"}, {p["worker"] for p in parts_of(self.node, job)})
        self.assertEqual(before, digest(self.film))
        self.assertGreater(kept_by(self.cluster.workers[0]), 0)

    def test_who_is_not_served(self):
        """Without a certificate of the cluster nobody is heard; with one, nobody is served without a ticket that holds."""
        carl = self.cluster.workers[1].place
        door = Stranger(self.cluster.net.add("mallory"), carl.address, self.port)
        asked = b"GET /files/x.y HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        for papers in (None, self.cluster.authority.expired("old", "worker")):
            said = door.over_tls(papers, asked)
            self.assertTrue(said == b"" or str(said).startswith("refused"), said)
        mine = self.cluster.authority.issue("dave", "worker")
        for path in ("/files/x.y", "/files/../../etc/passwd", "/films/film.mp4", "/files/"):
            said = door.over_tls(mine, f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode(), ask=12)
            self.assertRegex(said.decode(), r"^HTTP/1.1 40[034]", path)

    def test_a_name_that_the_certificate_does_not_have(self):
        place = self.cluster.net.add("dora")
        papers = self.cluster.authority.issue("dora", "worker", hosts=(place.address,))
        node = Node(place=place, mesh__identity=papers, node__roles="worker", mesh__coordinator=self.node.mesh,
                    files__serve="true", files__host="dora.example")
        self.addCleanup(node.close)
        said = refused_at_start(node)
        self.assertIn("files.host: others would be told to go to dora.example, but the certificate in ", said)
        self.assertIn(f"({place.address})", said)


if __name__ == "__main__":
    import unittest
    unittest.main()
