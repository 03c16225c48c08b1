"""A library's mount that hangs, as a network file system does whose server is away: nothing else stands still, and the
coordinator can be stopped. And a library's folder that becomes a link: nothing beside the library is given away."""

import ctypes
import http.client
import os
import signal
import struct
import subprocess
import threading
import time

from support import BIN, Node, TestCase, synth, wait_until
from test_workers import close_all, workers_of

FUSE_INIT = 26


class HungMount:
    """A file system in user space that says hello, and then nothing."""

    def __init__(self, path):
        self.path = str(path)
        self.device = os.open("/dev/fuse", os.O_RDWR)
        libc = ctypes.CDLL(None, use_errno=True)
        options = f"fd={self.device},rootmode=40000,user_id=0,group_id=0,allow_other"
        if libc.mount(b"hung", self.path.encode(), b"fuse.hung", 0, options.encode()) != 0:
            failed = ctypes.get_errno()
            os.close(self.device)
            raise OSError(failed, "mount")
        self._serve()

    def _serve(self):
        # Only the first request is taken: threads that wait for one which was not can be killed, as those of NFS.
        request = os.read(self.device, 1 << 17)
        _, operation, number = struct.unpack("<IIQ", request[:16])
        assert operation == FUSE_INIT, operation
        _, _, ahead, _ = struct.unpack("<IIII", request[40:56])
        hello = struct.pack("<IIIIHHIII", 7, 31, ahead, 0, 12, 9, 65536, 1, 0).ljust(64, b"\0")
        os.write(self.device, struct.pack("<IiQ", 16 + len(hello), 0, number) + hello)

    def close(self):
        if self.device is None:
            return
        subprocess.run(["umount", "-lf", self.path], check=False, timeout=20)
        os.close(self.device)
        self.device = None


class ServedMount:
    """A folder as a program serves it, which may stop to answer."""

    def __init__(self, source, path):
        self.path = str(path)
        self.process = subprocess.Popen(["bindfs", "-f", str(source), self.path])
        wait_until("it is mounted", lambda: os.path.ismount(self.path), 10)

    def stop(self):
        self.process.send_signal(signal.SIGSTOP)

    def close(self):
        self.process.kill()
        self.process.wait(20)
        subprocess.run(["umount", "-lf", self.path], check=False, timeout=20, stderr=subprocess.DEVNULL)


class HungMounts(TestCase):
    def setUp(self):
        if not os.path.exists("/dev/fuse") or os.geteuid() != 0:
            self.fail("this needs root and /dev/fuse, to mount a file system that hangs")
        self.node = Node(node__roles="coordinator,gateway", node__stop_grace="3s", jobs__lease="15s")
        self.nodes = []
        self.addCleanup(lambda: close_all(self.node, self.nodes))
        self.films = self.node.folder / "films"
        self.films.mkdir()

    def hang(self):
        mount = HungMount(self.films)
        self.addCleanup(mount.close)
        return mount

    def worker(self, name, **settings):
        worker = Node(node__roles="worker", node__name=name, mesh__coordinator=self.node.mesh,
                      worker__mounts=f"{self.films}=/nonexistent-films", **settings)
        self.nodes.append(worker)
        worker.start()
        wait_until(f"{name} joined", lambda: name in [w["node"] for w in workers_of(self.node)])
        return worker

    def test_all_else_goes_on(self):
        """While a job and clients wait for a film of it, others are served, as fast as ever; and the node ends."""
        synth(self.films / "hung.mp4", seconds=2)
        upload = synth(self.node.folder / "up.mp4", seconds=2)
        self.node.start()
        near = Node(data=self.node.data, node__roles="worker", node__name="near", mesh__coordinator=self.node.mesh)
        self.nodes.append(near)
        near.start()
        library = self.node.add_library(self.films)["id"]
        self.assertEqual("completed", self.node.scan(library)["status"])
        wait_until("the film is ready", lambda: self.node.get("/api/jobs?kind=ingest&status=completed")["jobs"])
        video = self.node.get("/api/videos")["videos"][0]["id"]
        near.stop()
        self.hang()
        self.worker("far")
        hung = self.node.post("/api/jobs", {"kind": "storyboard", "payload": {"videoId": video}})["jobId"]
        wait_until("it is at work", lambda: self.node.job(hung)["status"] != "queued")
        streams = [threading.Thread(target=self.stream, args=(video,), daemon=True) for _ in range(16)]
        for x in streams:
            x.start()
        time.sleep(2)
        begin = time.monotonic()
        job = self.node.upload(upload).json["jobId"]
        done = self.node.wait_job(job, seconds=60)
        self.assertEqual(("completed", 1), (done["status"], done["attempts"]), done)
        self.assertLess(time.monotonic() - begin, 20)
        own = self.node.get(f"/api/jobs/{job}/status")["result"]["video"]["id"]
        self.assertEqual(200, self.node.request("GET", f"/api/videos/{own}/stream", timeout=10).status)
        # The process ends, though threads of it wait in the kernel.
        for worker in self.nodes:
            worker.stop()
        begin = time.monotonic()
        self.node.stop(seconds=20)
        self.assertLess(time.monotonic() - begin, 15)

    def test_a_film_whose_mount_hangs_while_it_is_sent(self):
        """Its own client waits for it, nobody else does; and the node ends."""
        there = self.node.folder / "there"
        there.mkdir()
        film = synth(there / "film.mp4", seconds=2)
        with film.open("ab") as file:
            file.write(struct.pack(">I4s", 64 << 20, b"free") + bytes((64 << 20) - 8))
        mount = ServedMount(there, self.films)
        self.addCleanup(mount.close)
        self.node.start()
        near = Node(data=self.node.data, node__roles="worker", node__name="near", mesh__coordinator=self.node.mesh)
        self.nodes.append(near)
        near.start()
        self.assertEqual("completed", self.node.scan(self.node.add_library(self.films)["id"])["status"])
        video = wait_until("it is known", lambda: self.node.get("/api/videos")["videos"])[0]["id"]
        client = http.client.HTTPConnection("127.0.0.1", self.node.port, timeout=60)
        self.addCleanup(client.close)
        client.request("GET", f"/api/videos/{video}/stream")
        answer = client.getresponse()
        got = [len(answer.read(1 << 20))]
        mount.stop()

        def rest():
            try:
                while piece := answer.read(1 << 16):
                    got.append(len(piece))
            except (OSError, http.client.HTTPException):
                pass  # Cut off by the end of the node.
        reader = threading.Thread(target=rest, daemon=True)
        reader.start()
        wait_until("nothing comes any more", lambda: (before := sum(got), time.sleep(0.5)) and sum(got) == before, 20)
        self.assertLess(sum(got), 64 << 20)
        for path in ("/livez", "/api/videos", f"/api/videos/{video}/thumbnail"):
            begin = time.monotonic()
            self.assertEqual(200, self.node.request("GET", path, timeout=10).status, path)
            self.assertLess(time.monotonic() - begin, 5, path)
        self.assertTrue(reader.is_alive())
        begin = time.monotonic()
        self.node.stop()
        self.assertLess(time.monotonic() - begin, 15)
        reader.join(20)
        self.assertFalse(reader.is_alive())

    def test_a_gateway_whose_data_folder_hangs(self):
        """What it can't look for at its mount it fetches from the coordinator, and it joins again, and ends."""
        film = synth(self.node.folder / "up.mp4", seconds=2)
        self.node.start()
        near = Node(data=self.node.data, node__roles="worker", node__name="near", mesh__coordinator=self.node.mesh)
        self.nodes.append(near)
        near.start()
        job = self.node.upload(film).json["jobId"]
        done = self.node.wait_job(job, seconds=60)
        path = f"/api/videos/{done['result']['video']['id']}/thumbnail"
        picture = self.node.request("GET", path).body
        self.assertEqual(b"\xff\xd8", picture[:2])
        gina = Node(node__roles="gateway", node__name="gina", mesh__coordinator=self.node.mesh,
                    mesh__heartbeat="500ms", mesh__connection_timeout="3s")
        gina.data.mkdir()
        self.nodes.append(gina)
        gina.start()
        wait_until("it has joined", lambda: gina.request("GET", "/readyz").status == 200)
        self.films = gina.data
        self.hang()
        cluster = lambda: gina.get("/api/health")["checks"]["cluster"]["status"]  # noqa: E731
        for _ in range(2):
            self.node.stop()
            wait_until("it has noticed", lambda: cluster() != "healthy", 20)
            self.node.start()
            wait_until("it has joined again", lambda: cluster() == "healthy", 20)
        # The first ones are kept by the mount; then it is known to hang.
        waiting = [threading.Thread(target=self.ask, args=(gina, path), daemon=True) for _ in range(3)]
        for x in waiting:
            x.start()
        time.sleep(11)
        begin = time.monotonic()
        got = gina.request("GET", path, timeout=20)
        self.assertEqual((200, picture), (got.status, got.body))
        self.assertLess(time.monotonic() - begin, 10)
        self.assertTrue(list((gina.folder / "cache").rglob("*.data")))
        begin = time.monotonic()
        refused = gina.upload(film)
        self.assertEqual(503, refused.status, refused.body[:300])
        self.assertLess(time.monotonic() - begin, 10)
        begin = time.monotonic()
        gina.stop(seconds=20)
        self.assertLess(time.monotonic() - begin, 15)

    def test_a_data_folder_that_hangs_from_the_start(self):
        """The start ends and says why."""
        self.hang()
        started = subprocess.run([str(BIN / "trouped"), "--set", f"node.data={self.films}"], capture_output=True, text=True,
                                 timeout=60, check=False)
        self.assertEqual(1, started.returncode, started.stderr)
        self.assertIn(f"trouped: node.data {self.films} has not answered for 20 s; look at its mount", started.stderr)

    def ask(self, node, path):
        try:
            node.request("GET", path, timeout=60)
        except OSError:
            pass  # Cut off by the end of the node.

    def stream(self, video):
        self.ask(self.node, f"/api/videos/{video}/stream")


class ExchangedFolders(TestCase):
    def test_a_folder_that_became_a_link(self):
        """What is behind it was never in the library: clients don't get it, and jobs don't read it."""
        node = Node().start()
        self.addCleanup(node.close)
        films = node.folder / "films"
        private = node.folder / "private"
        (films / "season").mkdir(parents=True)
        private.mkdir()
        film = synth(films / "season" / "film.mp4", seconds=1)
        secret = synth(private / "film.mp4", seconds=2)
        library = node.add_library(films)["id"]
        self.assertEqual("completed", node.scan(library)["status"])
        wait_until("the film is ready", lambda: node.get("/api/jobs?kind=ingest&status=completed")["jobs"])
        video = node.get("/api/videos")["videos"][0]["id"]
        whole = node.request("GET", f"/api/videos/{video}/stream")
        self.assertEqual(film.read_bytes(), whole.body)
        (films / "season").rename(films / "old")
        (films / "season").symlink_to(private)
        # A file that is open stays so for two seconds.
        time.sleep(3)
        refused = node.request("GET", f"/api/videos/{video}/stream")
        self.assertNotEqual(secret.read_bytes(), refused.body)
        self.assertEqual(404, refused.status, refused.body[:300])
        self.assertNotIn(str(node.folder), str(refused.body))
        job = node.post("/api/jobs", {"kind": "storyboard", "payload": {"videoId": video}})["jobId"]
        done = node.wait_job(job)
        self.assertEqual("failed", done["status"], done)
        self.assertIn("leads out of", str(done))
        # One that stays inside is followed.
        (films / "season").unlink()
        (films / "season").symlink_to("old")
        self.assertEqual(film.read_bytes(), node.request("GET", f"/api/videos/{video}/stream").body)
