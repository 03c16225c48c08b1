"""Nodes on machines of their own (network namespaces), with mutual TLS: strangers in the network, and cables that are
pulled, cut and cut one way while a film is made over several nodes."""

import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time

from certificates import Authority, Stranger, memory_of
from machines import MESH, Machines
from namespaces import Network
from support import TestCase, leftovers, name_of, synth, wait_until
from test_split import frames_of, parts_of, transcode


HEARTBEAT = float(MESH["mesh.heartbeat"].removesuffix("ms")) / 1000  # seconds


class Harness(TestCase):
    """The faults are faults, and nothing of them stays."""

    def setUp(self):
        self.net = self.enterContext(Network())
        self.a, self.b, self.c = (self.net.add(name) for name in ("a", "b", "c"))
        self.listener = self.a.socket()
        self.addCleanup(self.listener.close)
        self.listener.bind((self.a.address, 4000))
        self.listener.listen()
        self.listener.settimeout(5)

    def passes(self, place, seconds=0.5):
        try:
            with place.connect(self.a.address, 4000, seconds) as s, self.listener.accept()[0] as other:
                s.sendall(b"x")
                return other.recv(1) == b"x"
        except OSError:
            return False

    def test_each_fault_is_one_and_heals(self):
        self.assertTrue(self.passes(self.b) and self.passes(self.c))
        for fault in (lambda: self.net.unplug(self.b), lambda: self.net.lose(self.b),
                      lambda: self.net.lose(source=self.b), lambda: self.net.lose(target=self.b),
                      lambda: self.net.lose(source=self.a, target=self.b)):
            fault()
            self.assertFalse(self.passes(self.b))
            self.assertTrue(self.passes(self.c))
            self.net.heal()
            wait_until("it is healed", lambda: self.passes(self.b, 2), 5)

    def test_a_slow_link(self):
        def seconds_for(count):
            with self.b.connect(self.a.address, 4000, 5) as s, self.listener.accept()[0] as other:
                began = time.monotonic()
                s.sendall(b"x" * count)
                while count > 0:
                    count -= len(other.recv(1 << 16))
                return time.monotonic() - began
        self.assertLess(seconds_for(100_000), 0.2)
        self.net.limit(self.b, "1mbit")
        # 800 kbit, of which 128 kbit may come in one burst.
        self.assertGreater(seconds_for(100_000), 0.5)
        self.net.heal()
        self.assertLess(seconds_for(100_000), 0.2)

    def test_a_late_link(self):
        """0.1 s each way, and much goes through it unspoilt; other faults work there, too."""
        self.net.delay(self.b, 0.1)
        data = os.urandom(300_000)
        with self.b.connect(self.a.address, 4000, 5) as s, self.listener.accept()[0] as other:
            began = time.monotonic()
            s.sendall(b"x")
            other.sendall(other.recv(1))
            s.recv(1)
            self.assertTrue(0.2 <= time.monotonic() - began < 0.5)
            sender = threading.Thread(target=s.sendall, args=(data,))
            sender.start()
            got = b""
            while len(got) < len(data):
                got += other.recv(1 << 16)
            sender.join()
            self.assertEqual(data, got)
        self.assertTrue(self.passes(self.b, 2))
        self.net.lose(self.b)
        self.assertFalse(self.passes(self.b))
        self.net.heal()
        wait_until("it is healed", lambda: self.passes(self.b, 2), 5)
        self.assertTrue(self.passes(self.b) and self.passes(self.c))

    def test_nothing_outlives_who_made_it(self):
        """kill -9: what ran in its places ends, and with it the places."""
        script = ("import subprocess, sys; from namespaces import Network\n"
                  "net = Network(); a = net.add('a')\n"
                  "p = subprocess.Popen(a.command(['setpriv', '--pdeathsig', 'KILL', 'sleep', '60']))\n"
                  "print(p.pid, a.pid, net._switch.pid, flush=True); p.wait()")
        maker = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True,
                                 cwd=pathlib.Path(__file__).parent)
        pids = [int(x) for x in maker.stdout.readline().split()]
        self.assertEqual(3, len(pids))
        wait_until("it sleeps", lambda: name_of(pids[0]) == "sleep", 5)
        maker.send_signal(signal.SIGKILL)
        maker.communicate(timeout=5)
        wait_until("all of them ended", lambda: not any(map(name_of, pids)), 5)


class FarAway(TestCase):
    def test_a_round_trip_may_take_longer_than_a_heartbeat(self):
        with Machines(workers=("ben",)) as cluster:
            ben = cluster.workers[0]
            ben.stop()
            wait_until("the worker is gone", lambda: cluster.joined() == [], 10)
            cluster.net.delay(ben.place, HEARTBEAT * 0.7)
            ben.start()
            wait_until("it has come in", lambda: cluster.joined() == ["ben"], 20)


class Strangers(TestCase):
    def setUp(self):
        self.cluster = self.enterContext(Machines(workers=("ben",), far=("ben",)))
        self.node = self.cluster.node
        self.laptop = self.cluster.authority.issue("laptop", "admin")
        foreign = Authority(self.cluster.folder / "foreign").issue("ben", "coordinator", "worker", "admin")
        self.wrong = {"no certificate": None, "a foreign one": foreign,
                      "an expired one": self.cluster.authority.expired("old", "worker", "admin")}
        mallory = self.cluster.net.add("mallory")
        ports = {name: self.node.settings[name] for name in ("mesh.port", "files.port")}
        self.doors = {name: Stranger(mallory, self.node.place.address, port) for name, port in ports.items()}
        self.api = Stranger(mallory, self.node.place.address, self.node.port)

    def test_line_2(self):
        """At the mesh's port and at that of the files: refused, and memory stays as it was."""
        self.works()
        before = memory_of(self.node.process.pid)
        asked = b"GET /files/x HTTP/1.1\r\nHost: x\r\n\r\n"
        for name, door in self.doors.items():
            question = asked if name == "files.port" else b""
            with self.subTest(name):
                # Who belongs to the cluster is heard, even if he gets nothing: else the rest would show nothing.
                self.assertIn(door.over_tls(self.laptop, question), (b"H", b"\0"))
                for what, papers in self.wrong.items():
                    said = door.over_tls(papers, question)
                    self.assertTrue(said == b"" or str(said).startswith("refused"), f"{what} at {name}: {said}")
                for what, data in (("BASP", bytes(32)), ("HTTP", asked), ("noise", os.urandom(4096))):
                    # A TLS alert (its type is 21) is all that may come back.
                    self.assertIn(door.says(data, 15)[:1], (b"", b"\x15"), f"plain {what} at {name}")
                held = door.begins(26)
                if name == "mesh.port":
                    held += door.claims_gigabytes(self.laptop)
                time.sleep(0.5)
                self.assertLess(memory_of(self.node.process.pid) - before, 16 << 20)
                for s in held:
                    s.close()
        # The API has no accounts yet, and is for this machine alone.
        with self.assertRaises(OSError):
            self.api.connect()
        self.works()

    def test_who_leaves_or_is_refused_takes_nobody_along(self):
        """OpenSSL's errors of one connection, left where the next one looks for its own, ended that."""
        door = self.doors["mesh.port"]
        for _ in range(3):
            self.node.cli("workers")
            door.over_tls(self.wrong["an expired one"])
            door.says(b"noise" * 100, 5)
            # Ben has something to read or to say, at the latest when a heartbeat is due.
            time.sleep(3 * HEARTBEAT)
        self.assertNotIn("is down", self.node.log.read_text())

    def works(self):
        film = synth(self.node.folder / f"film{os.urandom(3).hex()}.mp4", seconds=1)
        done = self.node.wait_job(self.node.upload(film).json["jobId"], seconds=20)
        self.assertEqual("completed", done["status"], done)


class Links(TestCase):
    """Two workers, one of them without a mount, each with room for one part at a time."""

    @classmethod
    def setUpClass(cls):
        folder = cls.enterClassContext(tempfile.TemporaryDirectory(prefix="troupe-test-"))
        cls.film = synth(pathlib.Path(folder) / "film.mp4", seconds=48, size="640x360")

    def setUp(self):
        self.cluster = self.enterContext(Machines(workers=("ben", "carl"), far=("ben",), lease="3s", worker__video=1))
        self.addCleanup(lambda: self.has_failed() and self.tell())
        self.net, self.node = self.cluster.net, self.cluster.node
        self.ben = self.cluster.workers[0].place
        ingest = self.node.wait_job(self.node.upload(self.film).json["jobId"])
        self.video = ingest["result"]["video"]["id"]
        self.job = transcode(self.node, self.video)

    def tell(self):
        """Why what is not done is not done."""
        for part in parts_of(self.node, self.job):
            if part["status"] != "completed":
                print(f"\n{part['kind']} {part['status']} {part['attemptHistory']}\n"
                      f"{self.node.get('/api/jobs/' + part['id'] + '/explain')}")
        print(self.node.cli("workers").stdout)
        self.cluster.tell()

    def working(self):
        """Ben is at work on a part, and others are done: the attempts of those."""
        def look():
            parts = parts_of(self.node, self.job)
            done = {p["id"]: p["attemptHistory"] for p in parts if p["status"] == "completed"}
            return done if any(p["worker"] == "ben" and p["status"] == "running" for p in parts) else None
        return wait_until("some parts are done and ben is at work", look, 90)

    def whole(self, done):
        """The film is whole, nothing that was done was done again, and what was lost had been ben's: how that ended."""
        # Seconds on a machine with nothing else to do.
        end = self.node.wait_job(self.job, seconds=180)
        self.assertEqual("completed", end["status"], end)
        made = frames_of(self.node.data / end["result"]["rendition"]["file"])
        self.assertEqual(len(frames_of(self.film)), len(made))
        parts = parts_of(self.node, self.job)
        self.assertEqual(done, {p["id"]: p["attemptHistory"] for p in parts if p["id"] in done})
        attempts = [(a["worker"], a["end"]) for p in parts for a in p["attemptHistory"]]
        self.assertLessEqual({worker for worker, end in attempts if end == "lost"}, {"ben"}, attempts)
        # A part that took too long may have been begun elsewhere, too: one of the two counts.
        works = {(p["kind"], str(p["payload"])) for p in parts}
        made = [(p["kind"], str(p["payload"])) for p in parts if p["status"] == "completed"]
        self.assertEqual(sorted(works), sorted(made))
        shown = self.node.get(f"/api/videos/{self.video}")["renditions"]
        self.assertEqual(1, sum(r["jobId"] == self.job for r in shown), shown)
        return [end for worker, end in attempts if worker == "ben" and end != "completed"]

    def all_back(self):
        self.net.heal()
        wait_until("both workers are there", lambda: self.cluster.joined() == ["ben", "carl"], 60)
        # Of a late attempt, too.
        wait_until("nothing is left of attempts", lambda: not leftovers(self.node.data), 60)

    def test_a_cable_pulled_for_a_moment(self):
        """Less than the lease, and than what a connection bears: nothing is redone."""
        done = self.working()
        self.net.unplug(self.ben)
        time.sleep(0.7)
        self.net.heal()
        self.assertEqual([], self.whole(done))

    def test_a_cable_pulled_for_longer_than_the_lease(self):
        done = self.working()
        self.net.unplug(self.ben)
        wait_until("ben's part is somebody else's", lambda: not any(
            p["worker"] == "ben" and p["status"] == "running" for p in parts_of(self.node, self.job)), 60)
        self.net.heal()
        self.assertTrue(self.whole(done))
        self.all_back()

    def test_a_black_hole(self):
        """No reset, no carrier lost: silence. Carl does the rest alone."""
        done = self.working()
        self.net.lose(self.ben)
        self.assertTrue(self.whole(done))
        self.all_back()

    def test_cut_one_way(self):
        """What ben says does not arrive; what it is told does."""
        done = self.working()
        self.net.lose(source=self.ben)
        self.assertTrue(self.whole(done))
        self.all_back()

    def test_cut_the_other_way(self):
        """What ben says arrives, until it notices that nobody answers."""
        done = self.working()
        self.net.lose(target=self.ben)
        self.whole(done)
        self.all_back()
