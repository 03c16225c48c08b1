"""Workers that see neither the coordinator's data folder nor its libraries: files come and go over the network."""

import datetime
import json
import os
import pathlib
import signal
import subprocess
import tempfile
import time

from machines import Machines
from support import MEDIA, SLOW_TRANSCODE, Node, TestCase, leftovers, synth, wait_until
from test_split import frames_of, parts_of, transcode
from test_workers import close_all, ready_workers, workers_of


def far_cluster(workers=2, lease="1s", **settings):
    """A coordinator without a worker of its own, and workers with folders of their own."""
    coordinator = Node(node__roles="coordinator,gateway", jobs__lease=lease).start()
    nodes = [Node(node__roles="worker", node__name=f"far{i}", mesh__coordinator=coordinator.mesh, **settings).start()
             for i in range(workers)]
    wait_until("all workers are ready", lambda: len(ready_workers(coordinator)) == workers)
    return coordinator, nodes


def packets_of(film):
    """Kind, time and bytes of each packet."""
    rows = subprocess.run(["ffprobe", "-v", "error", "-show_entries", "packet=codec_type,pts_time,size", "-of", "csv=p=0", film],
                          capture_output=True, text=True, check=True).stdout.split()
    return [(kind, float(at), int(size)) for kind, at, size in (x.strip(",").split(",") for x in rows)]


def share_of(film, parts):
    """Bytes of what is shown during the parts, of all sound for who makes that, and of what is no packet at all."""
    spans = []
    for part in parts:
        if part["kind"] == "encode_chunk":
            piece = part["result"]["piece"]
            unit = piece["timeBase"]["num"] / piece["timeBase"]["den"]
            spans.append((piece["first"] * unit - 0.001, piece["last"] * unit + 0.001))
    all_sound = any(x["kind"] == "encode_audio" for x in parts)
    packets = packets_of(film)
    mine = sum(size for kind, at, size in packets
               if (all_sound and kind == "audio") or any(begin <= at <= end for begin, end in spans))
    return mine + film.stat().st_size - sum(size for _, _, size in packets)


def time_of(job):
    """Seconds of its last attempt."""
    last = job["attemptHistory"][-1]
    begin, end = (datetime.datetime.fromisoformat(last[x]) for x in ("startedAt", "endedAt"))
    return (end - begin).total_seconds()


def fetched_of(source_map, size):
    """Bytes that a map of the cache has of a file of this size."""
    lines = source_map.read_text(errors="replace").splitlines()
    if f"size {size}" not in lines:
        return 0
    return sum(int(end) - int(begin) for begin, end in (x[5:].split("-") for x in lines if x.startswith("span ")))


class Far(TestCase):
    def cluster(self, *args, **kwargs):
        self.node, self.workers = far_cluster(*args, **kwargs)
        self.addCleanup(lambda: close_all(self.node, self.workers))

    def forget_what_was_fetched(self):
        for worker in self.workers:
            worker.stop()
            for kept in (worker.data / "cache").iterdir():
                kept.unlink()
            worker.start()
        wait_until("all are back", lambda: len(ready_workers(self.node)) == len(self.workers))

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
        self.forget_what_was_fetched()
        job = transcode(self.node, video["id"])
        done = self.node.wait_job(job, seconds=120)
        self.assertEqual(done["status"], "completed", done)
        file = self.node.data / done["result"]["rendition"]["file"]
        made, wanted = frames_of(file), frames_of(film)
        self.assertEqual(len(made), len(wanted))
        self.assertEqual({p["worker"] for p in parts_of(self.node, job)}, {"far0", "far1"})

    def test_who_makes_the_sound_fetches_its_share(self):
        """Of a film whose pictures are much larger than its sound, in MP4 and Matroska: share and index, and a tenth."""
        self.cluster(2, worker__video=1)
        for name in ("mp4", "mkv"):
            film = synth(self.node.folder / f"film-{name}.{name}", "-b:v", "4M", "-minrate", "4M", "-bufsize", "8M", "-g", "50",
                         seconds=120, size="640x360")
            self.assertEqual(self.node.wait_job(self.node.upload(film).json["jobId"])["status"], "completed")
            video = next(x for x in self.node.get("/api/videos")["videos"] if x["title"] == film.stem)
            self.forget_what_was_fetched()
            job = transcode(self.node, video["id"])
            done = self.node.wait_job(job, seconds=180)
            self.assertEqual(done["status"], "completed", done)
            parts = parts_of(self.node, job)
            for i, worker in enumerate(self.workers):
                worker.stop()
                mine = [x for x in parts if x["worker"] == f"far{i}"]
                share, sound = share_of(film, mine), any(x["kind"] == "encode_audio" for x in mine)
                fetched = sum(fetched_of(x, film.stat().st_size) for x in (worker.data / "cache").glob("*.map"))
                with self.subTest(film=name, worker=i, parts=len(mine), sound=sound, share=share, fetched=fetched):
                    print(f"{name}, worker {i}: {len(mine)} parts{' with the sound' if sound else ''}, {fetched / share:.3f}")
                    self.assertGreater(fetched, 0.9 * share)
                    self.assertLess(fetched, 1.1 * share)
                worker.start()
            wait_until("both are back", lambda: len(ready_workers(self.node)) == 2)

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

    def test_disk_that_is_smaller_than_the_cache_may_be(self):
        """Films that were fetched before go when there is no room on the disk for the next one."""
        if os.geteuid() != 0:
            self.skipTest("only root may mount the small tmpfs that this needs")
        mount = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="troupe-test-")))
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(mount)], check=True)
        self.addCleanup(lambda: subprocess.run(["umount", "-l", str(mount)], check=True))
        self.cluster(1, lease="15s", files__cache_folder=mount / "cache", files__cache="64 MiB")
        for i in range(4):
            film = synth(self.node.folder / f"film{i}.mp4", "-b:v", "30M", "-minrate", "30M", "-bufsize", "60M", seconds=7,
                         size="1280x720")
            self.assertGreater(film.stat().st_size, 8 << 20)
            done = self.node.wait_job(self.node.upload(film).json["jobId"])
            self.assertEqual("completed", done["status"], done)
            made = self.node.wait_job(transcode(self.node, done["result"]["video"]["id"]))
            self.assertEqual("completed", made["status"], made)
            self.assertEqual(["completed"], [x["end"] for x in self.node.get(f"/api/jobs/{made['id']}")["attemptHistory"]])


class LateLink(TestCase):
    def test_sound_of_a_film_whose_node_is_far_away(self):
        """20 ms there and back to the files: what stands between the pictures is asked for together, not piece by piece."""
        with Machines(far=("ben", "carl"), worker__video=1) as machines:
            node = machines.node
            for worker in machines.workers:
                machines.net.delay(worker.place, 0.01)
            for name in ("mp4", "mkv"):
                film = synth(node.folder / f"film-{name}.{name}", "-b:v", "4M", "-minrate", "4M", "-bufsize", "8M", "-g", "50",
                             seconds=120, size="640x360")
                self.assertEqual(node.wait_job(node.upload(film).json["jobId"], seconds=60)["status"], "completed")
                video = next(x for x in node.get("/api/videos")["videos"] if x["title"] == film.stem)
                job = transcode(node, video["id"])
                self.assertEqual(node.wait_job(job, seconds=240)["status"], "completed")
                sound = next(x for x in parts_of(node, job) if x["kind"] == "encode_audio")
                took = time_of(sound)
                print(f"{name}: the sound of 120 s took {took:.1f} s")
                # One piece for each way would be 3,000 pictures and a minute.
                self.assertLess(took, 30)
