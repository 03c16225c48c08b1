"""One film over several workers: cut, encoded in parts, joined, verified; whatever dies meanwhile."""

import json
import os
import signal
import subprocess
import time

from support import MEDIA, SLOW_TRANSCODE, TestCase, leftovers, synth, wait_until
from test_workers import add_film, close_all, cluster


def frames_of(path):
    """When each frame of the video is shown."""
    out = subprocess.run(["ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries", "packet=pts_time",
                          "-of", "csv=p=0", str(path)], capture_output=True, text=True, check=True, timeout=60).stdout
    return sorted(float(x.strip(",")) for x in out.split())


def parts_of(node, job):
    return [node.get(f"/api/jobs/{x}") for x in node.get(f"/api/jobs/{job}/status")["children"]]


def transcode(node, video, wish=SLOW_TRANSCODE):
    return node.post(f"/api/videos/{video}/transcode", wish, headers={"Idempotency-Key": os.urandom(8).hex()})["jobId"]


class Split(TestCase):
    def setUp(self):
        self.node, self.workers = cluster(2, lease="1s")
        self.addCleanup(lambda: close_all(self.node, self.workers))

    def finished(self, job, film, seconds=90, killed=False):
        """The job's file: whole, the only one, and nothing left beside it."""
        done = self.node.wait_job(job, seconds=seconds)
        self.assertEqual(done["status"], "completed", done)
        detail = self.node.get(f"/api/jobs/{job}")
        file = self.node.data / detail["result"]["rendition"]["file"]
        made, wanted = frames_of(file), frames_of(film)
        self.assertEqual(len(made), len(wanted))
        self.assertLess(max(abs(a - b) for a, b in zip(made, wanted)), 0.002)
        wait_until("the pieces are gone", lambda: not list((self.node.data / "pieces").glob("*")))
        # What a killed worker had is left to the cleanup.
        if not killed:
            wait_until("nothing is left of attempts", lambda: not leftovers(self.node.data))
        return detail

    def upload(self, film):
        job = self.node.upload(film).json["jobId"]
        self.assertEqual(self.node.wait_job(job)["status"], "completed")
        return self.node.get("/api/videos")["videos"][0]["id"]

    def test_speech(self):
        """A real film, shown as one job whose progress only rises."""
        film = MEDIA / "openboard-common-wannaworktogether.mp4"
        job = transcode(self.node, self.upload(film))
        seen = []
        while (now := self.node.get(f"/api/jobs/{job}/status"))["status"] not in ("completed", "failed"):
            seen.append(now["progress"])
            time.sleep(0.05)
        self.assertEqual(seen, sorted(seen))
        self.assertGreater(len(set(seen)), 10)
        detail = self.finished(job, film)
        self.assertEqual([a["end"] for a in detail["attemptHistory"]], ["delegated", "completed"])
        parts = parts_of(self.node, job)
        self.assertGreaterEqual(len(parts), 5)
        self.assertEqual({p["status"] for p in parts}, {"completed"})
        self.assertEqual({p["worker"] for p in parts}, {"w0", "w1"})

    def test_killed_worker(self):
        """kill -9 in the middle: only what it had is made again, by the other."""
        film = synth(self.node.folder / "film.mp4", seconds=90, size="960x540")
        job = transcode(self.node, self.upload(film))
        wait_until("some parts are done", lambda: sum(p["status"] == "completed" for p in parts_of(self.node, job)) >= 2)
        done = {p["id"]: p["attempts"] for p in parts_of(self.node, job) if p["status"] == "completed"}
        self.workers[0].kill(signal.SIGKILL)
        self.finished(job, film, killed=True)
        parts = parts_of(self.node, job)
        self.assertEqual({p["id"]: p["attempts"] for p in parts if p["id"] in done}, done)
        self.assertTrue(all(len(p["attemptHistory"]) == 1 for p in parts if p["id"] in done))

    def test_killed_coordinator(self):
        """Workers encode on; nothing that was made is made again."""
        film = synth(self.node.folder / "film.mp4", seconds=90, size="960x540")
        job = transcode(self.node, self.upload(film))
        wait_until("some parts run", lambda: sum(p["status"] == "running" for p in parts_of(self.node, job)) >= 2)
        self.node.kill(signal.SIGKILL)
        time.sleep(0.5)
        self.node.start()
        self.finished(job, film)
        for part in parts_of(self.node, job):
            self.assertEqual([a["end"] for a in part["attemptHistory"]], ["completed"], part)

    def test_lost_piece(self):
        """A piece that vanished before the join is made again, alone."""
        film = synth(self.node.folder / "film.mp4", seconds=90, size="960x540")
        job = transcode(self.node, self.upload(film))
        folder = self.node.data / "pieces" / job
        piece = wait_until("a piece of film is there", lambda: next(iter(folder.glob("*.mp4")), None))
        piece.unlink()
        detail = self.finished(job, film)
        self.assertEqual([a["end"] for a in detail["attemptHistory"]], ["delegated", "delegated", "completed"])
        again = [p for p in parts_of(self.node, job) if p["createdAt"] > detail["attemptHistory"][1]["startedAt"]]
        self.assertEqual(len(again), 1, again)

    def test_cancelled(self):
        film = synth(self.node.folder / "film.mp4", seconds=90, size="960x540")
        job = transcode(self.node, self.upload(film))
        wait_until("parts run", lambda: any(p["status"] == "running" for p in parts_of(self.node, job)))
        self.node.post(f"/api/jobs/{job}/cancel")
        self.assertEqual(self.node.wait_job(job)["status"], "cancelled")
        self.assertEqual({p["status"] for p in parts_of(self.node, job)} - {"completed"}, {"cancelled"})
        wait_until("nothing is left", lambda: not leftovers(self.node.data), 15)

    def test_short_film_is_made_whole(self):
        film = synth(self.node.folder / "film.mp4", seconds=8, size="320x240")
        job = transcode(self.node, self.upload(film))
        self.finished(job, film)
        self.assertEqual(parts_of(self.node, job), [])
