"""The main job: a folder, an upload and a transcode, from start to end, live."""

import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import time

from support import MEDIA, SLOW_TRANSCODE, Node, TestCase, WebSocket, executors_of, leftovers, sample, synth, wait_until


def digests(folder):
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
            for p in pathlib.Path(folder).rglob("*") if p.is_file()}


def events_until_end(ws, topic, seconds=120):
    """All events of a job's topic up to its last one."""
    got = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        message = ws.receive(seconds)
        if isinstance(message, tuple):
            raise AssertionError(f"closed with {message}")
        if message.get("topic") != topic or message["type"] == "subscribed":
            continue
        got.append(message)
        if message["type"] in ("job_completed", "job_failed", "job_cancelled") \
                or message["type"] == "snapshot" and message.get("status") in ("completed", "failed", "cancelled"):
            return got
    raise AssertionError(f"{topic} did not end within {seconds} s")


class Folder(TestCase):
    def test_every_real_video_of_a_folder(self):
        with Node() as node:
            films = node.folder / "films"
            films.mkdir()
            for f in sorted(MEDIA.glob("*")):
                if f.is_file() and f.suffix != ".ts" and not f.name.startswith("."):
                    shutil.copy(f, films)
            before = digests(films)
            library = node.add_library(films)["id"]
            scan = node.scan(library)
            self.assertEqual(scan["status"], "completed", scan)
            videos = node.get("/api/videos?limit=100")
            self.assertEqual(videos["total"], len(before))
            for v in videos["videos"]:
                self.assertIn(v["status"], ("ready", "failed"), v)
                if v["status"] == "failed":
                    self.assertTrue(v["error"], v)
            ready = [v for v in videos["videos"] if v["status"] == "ready"]
            self.assertGreater(len(ready), 20)
            pictures = 0
            for v in ready:
                answer = node.request("GET", f"/api/videos/{v['id']}/thumbnail")
                if answer.status == 200:
                    self.assertTrue(answer.body.startswith(b"\xff\xd8"))
                    pictures += 1
            self.assertGreaterEqual(pictures, 15)
            self.assertEqual(digests(films), before, "an original was changed")
            self.assertEqual(leftovers(node.data), [])
            # Nothing has changed: the second scan finds no work.
            again = node.scan(library)
            self.assertEqual(again["counters"]["itemsNew"] if "counters" in again else again["itemsNew"], 0)

    def test_changed_and_missing_files(self):
        with Node() as node:
            films = node.folder / "films"
            films.mkdir()
            synth(films / "a.mp4", seconds=1)
            synth(films / "b.mp4", seconds=1)
            library = node.add_library(films)["id"]
            node.scan(library)
            self.assertEqual(node.get("/api/videos")["total"], 2)
            synth(films / "a.mp4", seconds=2)
            (films / "b.mp4").unlink()
            node.scan(library)
            videos = node.get("/api/videos")["videos"]
            self.assertEqual([v["title"] for v in videos], ["a"])
            self.assertAlmostEqual(videos[0]["duration"], 2, delta=0.2)
            # An empty mount point marks nothing missing.
            os.rename(films / "a.mp4", node.folder / "a.mp4")
            scan = node.scan(library, seconds=60)
            self.assertEqual(scan["status"], "failed", scan)
            self.assertEqual(node.get("/api/videos")["total"], 1)


class Upload(TestCase):
    def test_curl_upload_followed_live_to_100(self):
        with Node() as node:
            film = synth(node.folder / "film.mp4", seconds=5)
            ws = WebSocket(node.port)
            self.assertEqual(ws.receive()["type"], "connection_established")
            ws.send({"type": "subscribe", "topics": ["jobs"]})
            answer = json.loads(subprocess.run(
                ["curl", "-sS", "--fail", "-F", "category=tests", "-F", f"video=@{film}",
                 f"http://127.0.0.1:{node.port}/api/videos/upload"], check=True, capture_output=True).stdout)
            self.assertEqual(answer["status"], "queued")
            self.assertEqual(answer["message"], "Upload initiated successfully")
            self.assertEqual(answer["trackingUrl"], f"/api/jobs/{answer['jobId']}/status")
            topic = "job:" + answer["jobId"]
            ws.send({"type": "subscribe", "topics": [topic]})
            events = events_until_end(ws, topic)
            self.assertEqual(events[-1]["progress"], 100)
            steps = [e["progress"] for e in events]
            self.assertEqual(steps, sorted(steps), "progress went back")
            self.assertEqual(len({(e["epoch"], e["seq"]) for e in events if e["type"] != "snapshot"}),
                             len([e for e in events if e["type"] != "snapshot"]))
            videos = node.get("/api/videos?category=tests")["videos"]
            self.assertEqual([v["title"] for v in videos], ["film"])
            whole = node.request("GET", f"/api/videos/{videos[0]['id']}/stream")
            self.assertEqual(hashlib.sha256(whole.body).hexdigest(), hashlib.sha256(film.read_bytes()).hexdigest())

    def test_what_is_no_video_fails_with_a_reason(self):
        with Node() as node:
            text = node.folder / "text.mp4"
            text.write_text("this is a letter, not a film\n" * 50)
            status = node.wait_job(node.upload(text).json["jobId"])
            self.assertEqual(status["status"], "failed")
            self.assertEqual(status["attempts"], 1, node.get(f"/api/jobs/{status['id']}"))
            self.assertTrue(status["error"])
            self.assertEqual(node.get("/api/videos")["total"], 0)


class Transcode(TestCase):
    def test_to_web_720p_and_audio(self):
        with Node() as node:
            film = synth(node.folder / "film.mkv", seconds=4, size="1920x1080")
            node.wait_job(node.upload(film).json["jobId"])
            video = node.get("/api/videos")["videos"][0]["id"]
            for profile, codecs in (("web-720p", "h264"), ("remux", "h264"), ("audio-only", "aac")):
                job = node.post(f"/api/videos/{video}/transcode", {"profile": profile})
                done = node.wait_job(job["jobId"])
                self.assertEqual(done["status"], "completed", done)
            made = {r["profile"]: r for r in node.get(f"/api/videos/{video}")["renditions"]}
            self.assertEqual(set(made), {"web-720p", "remux", "audio-only"})
            self.assertEqual((made["web-720p"]["width"], made["web-720p"]["height"]), (1280, 720))
            answer = node.request("GET", f"/api/videos/{video}/stream?profile=web-720p")
            target = node.folder / "out.mp4"
            target.write_bytes(answer.body)
            probe = json.loads(subprocess.run(
                ["ffprobe", "-v", "error", "-of", "json", "-show_format", "-show_streams", str(target)],
                check=True, capture_output=True).stdout)
            self.assertEqual([s["codec_name"] for s in probe["streams"]], ["h264", "aac"])
            self.assertAlmostEqual(float(probe["format"]["duration"]), 4, delta=0.2)
            self.assertEqual(leftovers(node.data), [])

    def test_cancel_half_way_leaves_nothing(self):
        with Node() as node:
            # Three minutes of speech from Debian's openboard-common.
            film = sample("wannaworktogether")
            node.wait_job(node.upload(film).json["jobId"])
            video = node.get("/api/videos")["videos"][0]["id"]
            job = node.post(f"/api/videos/{video}/transcode", SLOW_TRANSCODE)["jobId"]
            ws = WebSocket(node.port)
            ws.send({"type": "subscribe_job", "job_id": job})
            moving = []
            while len(set(moving)) < 4:
                message = ws.receive(60)
                if message.get("topic") == "job:" + job and message["type"] == "job_progress":
                    moving.append(message["progress"])
            self.assertTrue(executors_of(node.process.pid))
            node.cli("jobs", "cancel", job)
            self.assertEqual(node.wait_job(job)["status"], "cancelled")
            wait_until("no executor with work and no file", lambda: not leftovers(node.data), 10)
            self.assertEqual(list((node.data / "renditions").glob("*")), [])
            wait_until("the executor is gone", lambda: not executors_of(node.process.pid), 10)


class Stop(TestCase):
    def test_sigterm_drains_and_burns_no_attempt(self):
        node = Node(node__stop_grace="1s")
        try:
            node.start()
            film = synth(node.folder / "film.mp4", seconds=30, size="1280x720")
            node.wait_job(node.upload(film).json["jobId"])
            video = node.get("/api/videos")["videos"][0]["id"]
            job = node.post(f"/api/videos/{video}/transcode", SLOW_TRANSCODE)["jobId"]
            wait_until("the transcode runs", lambda: node.job(job)["status"] == "running")
            time.sleep(0.5)
            self.assertEqual(node.stop(), 0)
            node.start()
            status = node.wait_job(job, seconds=120)
            self.assertEqual(status["status"], "completed")
            self.assertEqual(node.get(f"/api/jobs/{job}")["attemptHistory"][0]["end"], "released")
        finally:
            node.close()

    def test_second_node_on_the_same_folder(self):
        with Node() as node:
            second = Node(data=node.data)
            try:
                second.start(wait=False)
                self.assertEqual(second.process.wait(20), 1)
                self.assertIn(str(node.process.pid), second.tail())
            finally:
                second.close()
            self.assertEqual(node.request("GET", "/livez").status, 200)
