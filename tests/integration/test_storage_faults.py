"""A disk that is full, a database that is locked or read-only: clear errors, nothing half done, and on it goes after."""

import os
import pathlib
import sqlite3
import subprocess
import tempfile
import time

from support import Node, synth, wait_until
from test_faults import FaultTest, attempts_of


class SmallDisk(FaultTest):
    """The data folder on a tmpfs of a few MiB."""

    def setUp(self):
        if os.geteuid() != 0:
            self.skipTest("only root may mount the small tmpfs that this needs")
        self.mount = pathlib.Path(tempfile.mkdtemp(prefix="troupe-test-disk-"))
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(self.mount)], check=True)
        self.addCleanup(self.remove)
        self.ballast = self.mount / "ballast"
        self.node = Node(data=self.mount / "data", log__file="false", worker__executors=1)
        self.addCleanup(self.node.close)
        self.node.start()

    def remove(self):
        # Lazily: a node that was just killed may still hold it for a moment.
        subprocess.run(["umount", "-l", str(self.mount)], check=True)
        self.mount.rmdir()

    def fill(self, leave=0):
        """Until not one more byte than `leave` fits."""
        with open(self.ballast, "ab", buffering=0) as f:
            for size in (1 << 16, 4096):
                try:
                    while True:
                        f.write(b"x" * size)
                except OSError:
                    pass
            if leave:
                f.truncate(f.tell() - leave)

    def free(self):
        self.ballast.unlink()

    def files(self):
        return sorted(str(p.relative_to(self.mount)) for sub in ("uploads", "renditions", "artwork", "tmp")
                      for p in (self.mount / "data" / sub).rglob("*") if p.is_file())

    def test_upload(self):
        node, before = self.node, self.files()
        film = synth(node.folder / "film.mp4", seconds=1, size="160x120")
        large = node.folder / "large.mp4"
        large.write_bytes(os.urandom(2 << 20))
        self.fill(leave=300_000)
        answer = node.upload(large)
        self.assertEqual(answer.status, 507, answer.body)
        self.assertEqual(answer.json["error"]["code"], "STORAGE_FULL")
        wait_until("nothing of it is left", lambda: self.files() == before, 10)
        self.assertEqual(list((self.mount / "data" / "uploads").iterdir()), [])
        self.fill()
        answer = node.upload(film)
        self.assertEqual(answer.status, 507, answer.body)
        wait_until("nothing of it is left", lambda: self.files() == before, 10)
        self.assertEqual(node.request("GET", "/livez").status, 200)
        self.assertEqual(node.get("/api/jobs?kind=ingest")["total"], 0)
        self.free()
        self.add(node, film)
        self.whole(node)

    def test_transcode_waits_for_room(self):
        node = self.node
        film = synth(node.folder / "film.mp4", "-crf", "40", seconds=8, size="1280x720")
        before = film.read_bytes()
        video = self.add(node, film)
        kept = self.files()
        self.fill(leave=1 << 19)
        job = self.transcode(node, video)
        end = wait_until("an attempt fails", lambda: [a for a in attempts_of(node, job) if a.get("error")], 60)[0]
        self.assertEqual((end["error"]["code"], end["error"]["class"]), ("storage_full", "transient"), end)
        wait_until("nothing of it is left", lambda: self.files() == kept, 10)
        self.free()
        done = node.wait_job(job, seconds=60)
        self.assertEqual(done["status"], "completed", done)
        self.assertEqual(film.read_bytes(), before)
        self.whole(node)

    def test_thumbnails_wait_for_room(self):
        node = self.node
        films = node.folder / "films"
        films.mkdir()
        film = synth(films / "film.mp4", seconds=2, size="1280x720")
        before = film.read_bytes()
        library = node.add_library(films)["id"]
        self.fill(leave=64 << 10)
        # Whatever can't be written is tried again: with room the film is there, and once.
        node.request("POST", f"/api/libraries/{library}/scan", {})
        wait_until("something could not be written", lambda: "space" in node.tail(200)
                   or any(j.get("error") for j in node.get("/api/jobs")["jobs"]), 20, 0.1)
        self.assertEqual(node.request("GET", "/livez").status, 200)
        self.free()
        wait_until("jobs end", lambda: node.get("/api/jobs?status=waiting,delayed,queued,running")["total"] == 0, 60, 0.1)
        node.scan(library, seconds=60)
        videos = node.get("/api/videos")["videos"]
        self.assertEqual([v["status"] for v in videos], ["ready"], videos)
        self.assertEqual(film.read_bytes(), before)
        self.whole(node)

    def test_commits(self):
        """Submissions are refused, none is lost; what was running ends once there is room."""
        node = self.node
        kept = [node.post("/api/jobs", {"kind": "noop"})["jobId"] for _ in range(5)]
        self.fill()
        refused = 0
        for _ in range(60):
            answer = node.request("POST", "/api/jobs", {"kind": "noop"})
            if answer.status in (200, 201, 202):
                kept.append(answer.json["jobId"])
                continue
            # Also while the queue is read again after a commit that failed.
            self.assertEqual(answer.status, 507, answer.body)
            self.assertEqual(answer.json["error"]["code"], "STORAGE_FULL")
            self.assertIn("space", answer.json["error"]["message"])
            self.assertNotIn(str(self.mount), answer.json["error"]["message"])
            refused += 1
            if refused == 5:
                break
        self.assertGreater(refused, 0)
        self.assertEqual(node.request("GET", "/livez").status, 200)
        self.free()
        wait_until("it takes jobs again", lambda: node.request("POST", "/api/jobs", {"kind": "noop"}).status == 202, 20, 0.2)
        for job in kept:
            self.assertEqual(node.wait_job(job, seconds=30)["status"], "completed")
        self.whole(node)

    def test_start_on_a_full_disk(self):
        self.assertEqual(self.node.stop(), 0)
        self.fill()
        self.node.start(wait=False)
        # It either serves what it has or says in one line why not; it does not hang.
        wait_until("it starts or gives up", lambda: self.node.process.poll() is not None or self.node._ready.is_set(), 30)
        if self.node.process.poll() is not None:
            self.assertEqual(self.node.process.returncode, 1)
            self.assertRegex(self.node.tail(), r"(?i)trouped: .*space")
        self.free()
        if self.node.process.poll() is not None:
            self.node.start()
        self.assertEqual(self.node.wait_job(self.node.post("/api/jobs", {"kind": "noop"})["jobId"])["status"],
                         "completed")


class Database(FaultTest):
    def test_locked_by_another_process(self):
        with Node() as node:
            other = sqlite3.connect(node.data / "troupe.db", isolation_level=None, timeout=5)
            other.execute("BEGIN IMMEDIATE")
            try:
                answer = node.request("POST", "/api/jobs", {"kind": "noop"}, timeout=40)
                self.assertEqual(answer.status, 503, answer.body)
                self.assertEqual(answer.json["error"]["code"], "UNAVAILABLE")
                self.assertIn("locked", answer.json["error"]["message"])
                # Readers don't care.
                self.assertEqual(node.get("/api/videos")["total"], 0)
                self.assertEqual(node.request("GET", "/livez").status, 200)
            finally:
                other.execute("ROLLBACK")
                other.close()
            job = wait_until("it takes jobs again", lambda: (lambda a: a.json["jobId"] if a.status == 202 else None)(
                node.request("POST", "/api/jobs", {"kind": "noop"})), 30, 0.2)
            self.assertEqual(node.wait_job(job)["status"], "completed")
            self.whole(node)

    def test_locked_while_work_is_running(self):
        """The end of an attempt can't be written: it is, once the lock is gone."""
        with Node() as node:
            video = self.add(node, synth(node.folder / "film.mp4", seconds=4))
            job = self.transcode(node, video)
            wait_until("it runs", lambda: node.job(job)["status"] == "running")
            other = sqlite3.connect(node.data / "troupe.db", isolation_level=None, timeout=5)
            other.execute("BEGIN IMMEDIATE")
            try:
                with self.assertRaises(AssertionError):
                    wait_until("it must not end", lambda: node.job(job)["status"] == "completed", 8, 0.2)
            finally:
                other.execute("ROLLBACK")
                other.close()
            self.assertEqual(node.wait_job(job, seconds=60)["status"], "completed")
            self.assertEqual(len(node.get(f"/api/videos/{video}")["renditions"]), 1)
            self.whole(node)

    def test_read_only(self):
        """On a file system that became read-only; permissions alone would not stop root."""
        if os.geteuid() != 0:
            self.skipTest("only root may mount a read-only file system")
        mount = pathlib.Path(tempfile.mkdtemp(prefix="troupe-test-disk-"))
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(mount)], check=True)
        node = Node(data=mount / "data", log__file="false")
        try:
            node.start()
            self.add(node, synth(node.folder / "film.mp4", seconds=1))
            node.stop()
            subprocess.run(["mount", "-o", "remount,ro", str(mount)], check=True)
            node.start(wait=False)
            self.assertEqual(node.process.wait(20), 1)
            self.assertRegex(node.tail(), r"(?i)trouped: .*read-only")
            subprocess.run(["mount", "-o", "remount,rw", str(mount)], check=True)
            node.start()
            self.assertEqual(node.get("/api/videos")["total"], 1)
            self.whole(node)
        finally:
            node.close()
            subprocess.run(["umount", "-l", str(mount)], check=True)
            mount.rmdir()

    def test_damaged(self):
        with Node() as node:
            node.stop()
            path = node.data / "troupe.db"
            saved = path.read_bytes()
            path.write_bytes(b"this is no database" * 1000)
            for suffix in ("-wal", "-shm"):
                pathlib.Path(f"{path}{suffix}").unlink(missing_ok=True)
            node.start(wait=False)
            self.assertEqual(node.process.wait(20), 1)
            self.assertIn("damaged or not a database", node.tail())
            path.write_bytes(saved)
            node.start()
            self.whole(node)
