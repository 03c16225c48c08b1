"""Workers that see neither the coordinator's data folder nor its libraries: files come and go over the network."""

import json
import os
import pathlib
import signal
import time

from support import MEDIA, SLOW_TRANSCODE, Node, TestCase, leftovers, synth, wait_until
from test_split import frames_of, parts_of, transcode
from test_workers import close_all, workers_of


def far_cluster(workers=2, lease="1s", **settings):
    """A coordinator without a worker of its own, and workers with folders of their own."""
    coordinator = Node(node__roles="coordinator,gateway", jobs__lease=lease).start()
    nodes = [Node(node__roles="worker", node__name=f"far{i}", mesh__coordinator=coordinator.mesh, **settings).start()
             for i in range(workers)]
    wait_until("all workers joined", lambda: len(workers_of(coordinator)) == workers)
    return coordinator, nodes


class Far(TestCase):
    def cluster(self, *args, **kwargs):
        self.node, self.workers = far_cluster(*args, **kwargs)
        self.addCleanup(lambda: close_all(self.node, self.workers))

    def ingest(self, film):
        job = self.node.upload(film).json["jobId"]
        done = self.node.wait_job(job)
        self.assertEqual(done["status"], "completed", done)
        return self.node.get("/api/videos")["videos"][0]

    def test_everything_that_is_made_of_a_film(self):
        """Pictures, a rendition, a ladder and a storyboard, by a worker that has none of the files."""
        self.cluster(1)
        film = MEDIA / "openboard-common-wannaworktogether.mp4"
        video = self.ingest(film)
        self.assertTrue(list((self.node.data / "artwork").rglob("*.jpg")))
        self.assertTrue(video["thumbnails"] if "thumbnails" in video else True)
        made = self.node.wait_job(transcode(self.node, video["id"]), seconds=90)
        self.assertEqual(made["status"], "completed", made)
        rendition = self.node.data / made["result"]["rendition"]["file"]
        self.assertEqual(len(frames_of(rendition)), len(frames_of(film)))
        for kind, payload in (("hls", {"videoId": video["id"], "profile": "hls"}), ("storyboard", {"videoId": video["id"]})):
            job = self.node.post("/api/jobs", {"kind": kind, "payload": payload})["jobId"]
            done = self.node.wait_job(job, seconds=120)
            self.assertEqual(done["status"], "completed", done)
        ladder = next(p for p in (self.node.data / "renditions").iterdir() if p.is_dir())
        self.assertIn("master.m3u8", [p.name for p in ladder.iterdir()])
        wait_until("nothing is left of attempts", lambda: not leftovers(self.node.data))
        # What the worker keeps is the film, once, and nothing of its attempts.
        own = self.workers[0].data
        kept = sum(p.stat().st_blocks * 512 for p in (own / "cache").iterdir())
        self.assertLess(kept, 1.1 * film.stat().st_size + 65536)
        wait_until("its own folder is empty", lambda: not list((own / "tmp").iterdir()))
        self.assertFalse((own / "renditions").exists())

    def test_split_over_two(self):
        """Each fetches its share; the result is the same film."""
        self.cluster(2)
        film = synth(self.node.folder / "film.mp4", seconds=120, size="960x540")
        video = self.ingest(film)
        for worker in self.workers:
            worker.stop()
            for kept in (worker.data / "cache").iterdir():
                kept.unlink()
            worker.start()
        wait_until("both are back", lambda: len(workers_of(self.node)) == 2)
        job = transcode(self.node, video["id"])
        done = self.node.wait_job(job, seconds=120)
        self.assertEqual(done["status"], "completed", done)
        file = self.node.data / done["result"]["rendition"]["file"]
        made, wanted = frames_of(file), frames_of(film)
        self.assertEqual(len(made), len(wanted))
        self.assertEqual({p["worker"] for p in parts_of(self.node, job)}, {"far0", "far1"})

    def test_killed_in_the_middle(self):
        """kill -9 of a far worker, and of the coordinator that serves the files: nothing is lost."""
        self.cluster(2)
        film = synth(self.node.folder / "film.mp4", seconds=120, size="960x540")
        video = self.ingest(film)
        job = transcode(self.node, video["id"])
        wait_until("parts run", lambda: sum(p["status"] == "running" for p in parts_of(self.node, job)) >= 2)
        self.workers[0].kill(signal.SIGKILL)
        time.sleep(0.5)
        self.node.kill(signal.SIGKILL)
        time.sleep(0.5)
        self.node.start()
        done = self.node.wait_job(job, seconds=120)
        self.assertEqual(done["status"], "completed", done)
        self.assertEqual(len(frames_of(self.node.data / done["result"]["rendition"]["file"])), len(frames_of(film)))

    def test_source_that_changes(self):
        """The film is replaced while parts of it are made: no mixture is ever published."""
        self.cluster(1)
        folder = self.node.folder / "films"
        folder.mkdir()
        film = synth(folder / "film.mp4", seconds=60, size="960x540")
        # Far workers do not scan: the coordinator's machine has to have a worker for that.
        near = Node(data=self.node.data, node__roles="worker", node__name="near", mesh__coordinator=self.node.mesh).start()
        self.addCleanup(near.close)
        wait_until("it joined", lambda: len(workers_of(self.node)) == 2)
        self.node.cli("library", "ingest", str(folder), check=True)
        video = self.node.get("/api/videos")["videos"][0]
        before = len(self.node.get(f"/api/videos/{video['id']}")["renditions"])
        job = transcode(self.node, video["id"])
        wait_until("it runs", lambda: self.node.get(f"/api/jobs/{job}/status")["status"] in ("running", "waiting"))
        synth(folder / "film.mp4", seconds=30, size="640x360")
        done = self.node.wait_job(job, seconds=180)
        renditions = self.node.get(f"/api/videos/{video['id']}")["renditions"]
        if done["status"] == "completed":
            frames = len(frames_of(self.node.data / done["result"]["rendition"]["file"]))
            self.assertIn(frames, (60 * 25, 30 * 25))
        else:
            self.assertEqual(len(renditions), before)

    def test_full_disk_of_the_worker(self):
        """No room for what it fetches: the job fails with a sentence, or runs elsewhere; the node lives."""
        self.cluster(1, files__cache="64 MiB")
        film = synth(self.node.folder / "film.mp4", "-b:v", "30M", "-minrate", "30M", "-bufsize", "60M", seconds=45, size="1280x720")
        self.assertGreater(film.stat().st_size, 64 << 20)
        job = self.node.upload(film).json["jobId"]
        self.assertEqual(self.node.wait_job(job)["status"], "completed")
