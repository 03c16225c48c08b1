"""Executors that die, hang and swell, and a node that is killed: attempts fail and are made again, nothing else does."""

import contextlib
import os
import pathlib
import signal
import socket
import stat
import time

from support import BIN, Node, children_of, executors_of, multipart, name_of, synth, wait_until
from test_faults import FaultTest, attempts_of


class Executors(FaultTest):
    def film_and_job(self, node, seconds=20, size="640x360"):
        video = self.add(node, synth(node.folder / "film.mp4", seconds=seconds, size=size))
        return self.transcode(node, video)

    def busy(self, node, job):
        def one():
            if node.job(job)["progress"] <= 2:
                return None
            return executors_of(node.process.pid)
        return wait_until("an executor works on it", one, 60, 0.02)

    def failed(self, node, job, number=0, seconds=30):
        def ended():
            past = [a for a in attempts_of(node, job) if a.get("error")]
            return past[number] if len(past) > number else None
        return wait_until(f"attempt {number + 1} to fail", ended, seconds, 0.05)

    def again_and_done(self, node, job, pid):
        done = node.wait_job(job, seconds=90)
        self.assertEqual((done["status"], done["attempts"]), ("completed", 2), done)
        self.assertEqual(node.process.poll(), None)
        self.assertEqual(node.process.pid, pid)
        self.assertEqual(len(list((node.data / "renditions").glob("*"))), 1)
        self.whole(node)

    def test_killed(self):
        with Node(worker__executors=1) as node:
            pid, job = node.process.pid, self.film_and_job(node)
            for executor in self.busy(node, job):
                os.kill(executor, signal.SIGKILL)
            self.assertEqual(self.failed(node, job)["error"]["class"], "crash")
            self.again_and_done(node, job, pid)

    def test_stopped(self):
        with Node(worker__executors=1, worker__stall_timeout="2s") as node:
            pid, job = node.process.pid, self.film_and_job(node)
            executor = self.busy(node, job)[0]
            os.kill(executor, signal.SIGSTOP)
            end = self.failed(node, job)
            self.assertEqual(end["error"]["class"], "crash", end)
            wait_until("the stopped one is gone", lambda: not pathlib.Path(f"/proc/{executor}").exists(), 5)
            self.again_and_done(node, job, pid)

    def test_bloated(self):
        """A film that needs far more memory than an executor may have: a clear failure, and only of this job."""
        with Node(worker__executors=1, worker__executor_memory="256 MiB") as node:
            pid = node.process.pid
            film = synth(node.folder / "big.mp4", seconds=1, size="7680x4320", rate=2)
            job = node.upload(film).json["jobId"]
            small = synth(node.folder / "small.mp4", seconds=1, size="160x120")
            done = node.wait_job(job, seconds=60)
            if done["status"] == "completed":
                job = self.transcode(node, next(v["id"] for v in node.get("/api/videos")["videos"]))
                done = node.wait_job(job, seconds=60)
            self.assertEqual(done["status"], "failed", done)
            self.assertEqual(done["attempts"], 3, done)
            for end in attempts_of(node, job):
                self.assertIn(end["error"]["class"], ("crash", "transient"), end)
            self.add(node, small)
            self.assertEqual((node.process.poll(), node.process.pid), (None, pid))
            self.whole(node)

    def test_one_that_dies_each_time(self):
        """Every executor that gets work ends as by abort(): the job fails after exactly its attempts."""
        with Node(worker__executors=1) as node:
            pid, job = node.process.pid, self.film_and_job(node)
            for number in range(3):
                self.abort(node, job, number)
            done = node.wait_job(job, seconds=30)
            self.assertEqual((done["status"], done["attempts"]), ("failed", 3), done)
            self.assertEqual(done["error"]["class"], "crash")
            self.assertIn("SIGABRT", done["error"]["message"])
            self.assertEqual([a["end"] for a in attempts_of(node, job)], ["failed"] * 3)
            time.sleep(1)
            self.assertEqual(node.job(job)["attempts"], 3)
            self.add(node, synth(node.folder / "other.mp4", seconds=1, size="160x120"))
            self.assertEqual((node.process.poll(), node.process.pid), (None, pid))
            self.assertEqual(list((node.data / "renditions").glob("*")), [])
            self.whole(node)

    def abort(self, node, job, number):
        """Until the attempt after `number` failed ones has failed: one that dies idle is replaced before it gets work."""
        def failed():
            if len([a for a in attempts_of(node, job) if a.get("error")]) > number:
                return True
            for executor in executors_of(node.process.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(executor, signal.SIGABRT)
            return False
        wait_until(f"attempt {number + 1} to fail", failed, 40, 0.1)

    def test_program_that_is_none(self):
        for text in ("#!/bin/sh\nexit 3\n", "#!/bin/sh\nkill -ABRT $$\n", "#!/bin/sh\nhead -c 100000 /dev/zero >&3\n"):
            with self.subTest(program=text), Node(worker__executors=1) as node:
                node.stop()
                program = node.folder / "executor"
                program.write_text(text)
                program.chmod(program.stat().st_mode | stat.S_IXUSR)
                node.settings["worker.executor"] = str(program)
                node.start()
                pid = node.process.pid
                job = node.upload(synth(node.folder / "film.mp4", seconds=1, size="160x120")).json["jobId"]
                end = self.failed(node, job, seconds=40)
                self.assertIn(end["error"]["class"], ("crash", "transient"), end)
                self.assertTrue(end["error"]["message"])
                # Put right, the same job gets through.
                os.replace(self.real(node), program)
                self.assertEqual(node.wait_job(job, seconds=60)["status"], "completed")
                self.assertEqual((node.process.poll(), node.process.pid), (None, pid))
                self.whole(node)

    @staticmethod
    def real(node):
        link = node.folder / "real"
        link.symlink_to(BIN / "troupe-executor")
        return link


class Killed(FaultTest):
    def test_in_the_middle_of_an_upload_and_a_transcode(self):
        with Node() as node:
            film = synth(node.folder / "film.mp4", seconds=20, size="640x360")
            before = film.read_bytes()
            video = self.add(node, film)
            job = self.transcode(node, video)
            wait_until("it runs", lambda: node.job(job)["progress"] > 5, 60)
            body = multipart("b", [("video", "other.mp4", before)])
            with socket.create_connection(("127.0.0.1", node.port), 10) as s:
                s.sendall((f"POST /api/videos/upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
                           "Content-Type: multipart/form-data; boundary=b\r\n\r\n").encode() + body[:len(body) // 2])
                wait_until("it is being written", lambda: len(list((node.data / "uploads").iterdir())) > 1, 10)
                below = children_of(node.process.pid)
                node.kill_hard()
            wait_until("no executor outlives it", lambda: not [p for p in below if name_of(p).startswith("troupe-")], 5)
            node.start()
            done = node.wait_job(job, seconds=120)
            self.assertEqual(done["status"], "completed", done)
            self.assertEqual(len(list((node.data / "renditions").glob("*"))), 1)
            kept = [p for p in (node.data / "uploads").rglob("*") if p.is_file()]
            self.assertEqual([p.read_bytes() == before for p in kept], [True], kept)
            self.assertEqual(film.read_bytes(), before)
            self.whole(node)
