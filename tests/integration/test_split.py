"""One film over several workers: cut, encoded in parts, joined, verified; whatever dies meanwhile."""

import json
import os
import signal
import subprocess
import time

from support import BIN, MEDIA, SLOW_TRANSCODE, TestCase, leftovers, synth, wait_until
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
        # One log of it all; and each node's own names the request in its lines.
        log = self.node.get(f"/api/jobs/{job}/log")
        self.assertEqual({x["job"] for x in log["attempts"]}, {job, *(p["id"] for p in parts)})
        self.assertEqual({x["worker"] for x in log["attempts"]}, {"w0", "w1"})
        self.assertEqual(log["running"], [])
        told = self.node.cli("jobs", "log", job).stdout
        self.assertIn(f"request {log['requestId']}", told)
        for i, worker in enumerate(self.workers):
            begun = [x for x in worker.log.read_text().splitlines() if " begins" in x and f"[request={log['requestId']} " in x]
            self.assertEqual(len(begun), sum(x["worker"] == f"w{i}" for x in log["attempts"]))

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
        """Workers encode on; nothing that was made is made again; who watches the job sees its end."""
        film = synth(self.node.folder / "film.mp4", seconds=90, size="960x540")
        job = transcode(self.node, self.upload(film))
        watch = subprocess.Popen([str(BIN / "troupe"), "--node", self.node.mesh, "jobs", "watch", job], stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, text=True)
        self.addCleanup(lambda: (watch.kill(), watch.communicate()))
        begun = wait_until("some parts are being made", lambda: self._begun(job))
        self.node.kill(signal.SIGKILL)
        time.sleep(0.5)
        self.node.start()
        self.finished(job, film)
        for part in parts_of(self.node, job):
            *before, last = [a["end"] for a in part["attemptHistory"]]
            # One that was about to ask the coordinator for its film is given back.
            self.assertEqual((set(before) - {"released"}, last), (set(), "completed"), part)
            if part["id"] in begun:
                self.assertEqual(before, [], part)
        out, said = watch.communicate(timeout=30)
        self.assertEqual(watch.returncode, 0, said)
        self.assertIn(f"job/{job} completed in", out)
        self.assertEqual(said.count("Waiting for it"), 1, said)

    def _begun(self, job):
        """Parts that have got somewhere, at least two."""
        begun = [p["id"] for p in parts_of(self.node, job) if p["progress"] > 0]
        return begun if len(begun) > 1 else None

    def test_lost_piece(self):
        """A piece that vanished before the join is made again, alone."""
        film = synth(self.node.folder / "film.mp4", seconds=90, size="960x540")
        job = transcode(self.node, self.upload(film))
        folder = self.node.data / "pieces" / job
        # Taken: one that is not there when its maker hands it in is made again at once, by the same job.
        taken = wait_until("a part is done", lambda: next((p for p in parts_of(self.node, job)
                                                           if p["status"] == "completed"), None))
        next(folder.glob(f"{taken['id']}-*.mp4")).unlink()
        detail = self.finished(job, film)
        self.assertEqual([a["end"] for a in detail["attemptHistory"]], ["delegated", "delegated", "completed"])
        again = [p for p in parts_of(self.node, job) if p["createdAt"] > detail["attemptHistory"][1]["startedAt"]]
        self.assertEqual(len(again), 1, again)

    def test_damaged_piece(self):
        """A piece that is not what its maker saw, of the same size: its part alone is made again."""
        film = synth(self.node.folder / "film.mp4", seconds=90, size="960x540")
        job = transcode(self.node, self.upload(film))
        folder = self.node.data / "pieces" / job
        part = wait_until("a part of the picture is done", lambda: next(
            (p for p in parts_of(self.node, job) if p["kind"] == "encode_chunk" and p["status"] == "completed"), None))
        piece = next(folder.glob(f"{part['id']}-*.mp4"))
        with piece.open("r+b") as file:
            file.seek(piece.stat().st_size // 2)
            file.write(bytes(3000))
        detail = self.finished(job, film)
        self.assertEqual([a["end"] for a in detail["attemptHistory"]], ["delegated", "delegated", "completed"])
        again = [p for p in parts_of(self.node, job) if p["createdAt"] > detail["attemptHistory"][1]["startedAt"]]
        self.assertEqual(["encode_chunk"], [p["kind"] for p in again], again)

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


#: What has cost films their parts' fitting together: (arguments of ffmpeg behind picture and sound, extension).
CODED = "-c:v libx264 -preset ultrafast -g 24 -pix_fmt yuv420p -c:a aac"
ODD = {
    "chapters": (f"-f ffmetadata -i {{folder}}/chapters.txt -map 0 -map 1 -map_metadata 2 {CODED}", "mkv"),
    "subtitles": (f"-i {{folder}}/words.srt -map 0 -map 1 -map 2 {CODED} -c:s srt", "mkv"),
    "timecode": (f"{CODED} -timecode 01:00:00:00", "mp4"),
    "empty sound": (f"-f lavfi -i sine=duration=0.0001 -map 0 -map 1 -map 2 {CODED} -frames:a:1 0", "mkv"),
    "cover": (f"-f lavfi -i testsrc2=size=320x320:duration=0.01 -map 0 -map 1 -map 2 {CODED} -c:v:1 mjpeg "
              "-pix_fmt:v:1 yuvj420p -frames:v:1 1 -disposition:v:1 attached_pic", "mp4"),
    "damaged sound": (CODED, "mp4"),
}


class OddFilms(TestCase):
    """Each of them in parts and whole: the same streams, chapters and times."""

    def setUp(self):
        self.node, self.workers = cluster(2, lease="1s")
        self.addCleanup(lambda: close_all(self.node, self.workers))
        folder = self.node.folder
        (folder / "chapters.txt").write_text(";FFMETADATA1\n" + "".join(
            f"[CHAPTER]\nTIMEBASE=1/1\nSTART={i * 10}\nEND={i * 10 + 10}\ntitle=C{i}\n" for i in range(4)))
        (folder / "words.srt").write_text("".join(
            f"{i + 1}\n00:00:{i * 4:02d},000 --> 00:00:{i * 4 + 2:02d},000\nline {i}\n\n" for i in range(9)))

    def made(self, name):
        arguments, extension = ODD[name]
        # Too large for the profile, so that only its sound is copied.
        picture = "size=1600x900:rate=6" if name == "damaged sound" else "size=480x272:rate=12"
        film = self.node.folder / f"{name.replace(' ', '-')}.{extension}"
        subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", "-f", "lavfi", "-i",
                        f"testsrc2={picture}:duration=40", "-f", "lavfi", "-i",
                        "sine=frequency=440:duration=40", *arguments.format(folder=self.node.folder).split(), film],
                       check=True, timeout=60)
        if name == "damaged sound":
            packets = subprocess.run(["ffprobe", "-v", "error", "-select_streams", "a", "-show_entries", "packet=pos,size",
                                      "-of", "csv=p=0", film], check=True, capture_output=True, text=True).stdout.split()
            with film.open("r+b") as file:
                for line in packets[100:1000:50]:
                    size, position = map(int, line.strip(",").split(","))
                    file.seek(position)
                    file.write(b"\xff" * size)
        return film

    @staticmethod
    def facts(path):
        seen = json.loads(subprocess.run(["ffprobe", "-v", "error", "-show_streams", "-show_chapters", "-show_packets",
                                          "-show_entries", "packet=stream_index,pts_time", "-of", "json", path],
                                         check=True, capture_output=True, text=True, timeout=60).stdout)
        streams = [(s["codec_type"], s.get("codec_name"), s.get("nb_frames"), s.get("start_time"),
                    [k for k, v in s["disposition"].items() if v]) for s in seen["streams"]]
        chapters = [(c["start_time"], c["end_time"], c["tags"].get("title")) for c in seen["chapters"]]
        times = sorted((p["stream_index"], round(float(p["pts_time"]), 2)) for p in seen["packets"] if "pts_time" in p)
        return streams, chapters, times

    def test_in_parts_as_whole(self):
        for name in ODD:
            film = self.made(name)
            ingest = self.node.wait_job(self.node.upload(film).json["jobId"])
            video = ingest["result"]["video"]["id"]
            wish = {"profile": "web-720p"} if name == "damaged sound" else SLOW_TRANSCODE
            seen = {}
            for way in ("undrain", "drain"):
                self.node.post(f"/api/admin/nodes/w1/{way}")
                job = transcode(self.node, video, wish)
                done = self.node.wait_job(job, seconds=60)
                with self.subTest(film=name, way=way):
                    self.assertEqual("completed", done["status"], done)
                    parts = parts_of(self.node, job)
                    self.assertEqual(way == "undrain", bool(parts))
                    detail = self.node.get(f"/api/jobs/{job}")
                    self.assertEqual(["delegated", "completed"] if parts else ["completed"],
                                     [a["end"] for a in detail["attemptHistory"]])
                    seen[way] = self.facts(self.node.data / detail["result"]["rendition"]["file"])
            with self.subTest(film=name):
                self.assertEqual(seen["drain"], seen["undrain"])
            self.node.post("/api/admin/nodes/w1/undrain")
