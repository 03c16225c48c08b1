"""Files that are no media, or that change while they are read: a reason for each, and everything else runs on."""

import hashlib
import os
import shutil

from support import SLOW_TRANSCODE, Node, TestCase, executors_of, leftovers, sample, synth, wait_until


def digests(folder):
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
            for p in folder.rglob("*") if p.is_file()}


def attempts_of(node, job):
    return node.get(f"/api/jobs/{job}")["attemptHistory"]


class FaultTest(TestCase):
    def whole(self, node, seconds=15):
        """The node answers, and nothing of unfinished work is left."""
        self.assertEqual(node.request("GET", "/livez").status, 200, node.tail())
        wait_until(f"nothing is left behind: {leftovers(node.data)}", lambda: not leftovers(node.data), seconds)

    def add(self, node, film):
        """Uploads a film; its video's id."""
        job = node.wait_job(node.upload(film).json["jobId"])
        self.assertEqual(job["status"], "completed", job)
        return next(v["id"] for v in node.get("/api/videos?limit=100")["videos"] if v["title"] == film.stem)

    def transcode(self, node, video):
        return node.post(f"/api/videos/{video}/transcode", SLOW_TRANSCODE,
                         headers={"Idempotency-Key": os.urandom(8).hex()})["jobId"]


def make_bad_files(folder, film):
    """{name: is it certainly no media}"""
    whole = film.read_bytes()
    files = {"empty.mp4": b"", "one-byte.mp4": b"\0", "zeros.mkv": bytes(300_000), "random.mp4": os.urandom(300_000),
             "random.ts": os.urandom(300_000), "text.mp4": b"this is a letter, not a film\n" * 500,
             "head-only.mp4": whole[:40], "no-index.mp4": whole[:len(whole) // 2],
             "playlist.mp4": b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n/etc/passwd\n#EXTINF:10,\n"
                             b"file:///etc/hostname\n#EXTINF:10,\nhttp://127.0.0.1:1/secret.ts\n#EXT-X-ENDLIST\n",
             "concat.mp4": b"ffconcat version 1.0\nfile /etc/passwd\n",
             "page.mkv": b"<!doctype html><title>no film</title>" * 100,
             "lying-size.mp4": b"\xff\xff\xff\xffftypisom" + bytes(5000),
             "huge-box.mp4": b"\0\0\0\x01moov\x7f\xff\xff\xff\xff\xff\xff\xff" + bytes(5000)}
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return files


class BadFiles(FaultTest):
    def test_a_folder_of_them(self):
        """Each fails once and for good, with a reason; the good ones beside them are ready."""
        with Node() as node:
            films = node.folder / "films"
            films.mkdir()
            # With the index at its end, so that a half of it is nothing.
            good = synth(films / "good.mp4", seconds=2)
            bad = make_bad_files(films, good)
            # Damaged, but a film: a decoder copes with what is left of it.
            half = synth(node.folder / "half.ts", seconds=2).read_bytes()
            (films / "truncated.ts").write_bytes(half[:len(half) // 2 + 77])
            before = digests(films)
            scan = node.scan(node.add_library(films)["id"], seconds=60)
            self.assertEqual(scan["status"], "completed", scan)
            videos = {v["path"]: v for v in node.get("/api/videos?limit=100")["videos"]}
            for name in bad:
                with self.subTest(file=name):
                    self.assertIn(name, videos)
                    self.assertEqual(videos[name]["status"], "failed")
                    self.assertEqual(videos[name]["error"]["class"], "permanent", videos[name])
                    self.assertGreater(len(videos[name]["error"]["message"]), 10)
                    self.assertNotIn(str(node.folder), videos[name]["error"]["message"])
            for name in ("good.mp4", "truncated.ts"):
                self.assertEqual(videos[name]["status"], "ready", videos[name])
            for job in node.get("/api/jobs?kind=ingest&limit=100")["jobs"]:
                self.assertEqual(job["attempts"], 1, job)
            self.assertEqual(digests(films), before, "an original was changed")
            self.whole(node)

    def test_each_uploaded(self):
        with Node() as node:
            films = node.folder / "films"
            films.mkdir()
            good = synth(films / "good.mp4", seconds=1)
            make_bad_files(films, good)
            before = digests(films)
            jobs = {}
            for path in sorted(films.iterdir()):
                answer = node.upload(path)
                if path.name == "empty.mp4":
                    self.assertEqual(answer.status, 400)
                else:
                    self.assertEqual(answer.status, 200, answer.body)
                    jobs[path.name] = answer.json["jobId"]
            for name, job in jobs.items():
                with self.subTest(file=name):
                    done = node.wait_job(job)
                    self.assertEqual(done["status"], "completed" if name == "good.mp4" else "failed", done)
                    if name != "good.mp4":
                        self.assertEqual((done["attempts"], done["error"]["class"]), (1, "permanent"), done)
            self.assertEqual([v["title"] for v in node.get("/api/videos")["videos"]], ["good"])
            self.assertEqual(digests(films), before, "an original was changed")
            self.whole(node)
            node_uploads = [p.name for p in (node.data / "uploads").rglob("*") if p.is_file()]
            self.assertIn("good.mp4", node_uploads)


class Changing(FaultTest):
    def library_of(self, node, name, **how):
        films = node.folder / "films"
        films.mkdir()
        film = synth(films / name, **how)
        node.scan(node.add_library(films)["id"])
        return film, node.get("/api/videos")["videos"][0]["id"]

    def running(self, node, job):
        wait_until("the transcode is under way", lambda: node.job(job)["progress"] > 2
                   and executors_of(node.process.pid), 60, 0.05)

    def test_deleted_while_it_is_read(self):
        with Node() as node:
            film, video = self.library_of(node, "film.mp4", seconds=20, size="640x360")
            job = self.transcode(node, video)
            self.running(node, job)
            film.unlink()
            end = wait_until("the attempt ends", lambda: [a for a in attempts_of(node, job) if a["end"] != "running"
                             and a.get("error")], 60)[0]
            # Another attempt would not find it either.
            self.assertEqual((end["error"]["code"], end["error"]["class"]), ("not_found", "permanent"), end)
            done = node.wait_job(job, seconds=60)
            self.assertEqual((done["status"], node.get(f"/api/jobs/{job}")["attempts"]), ("failed", 1), done)
            self.assertIn("film.mp4: the file was removed or renamed", done["error"]["message"])
            self.assertEqual(node.get(f"/api/videos/{video}")["renditions"], [])
            self.whole(node)

    def test_replaced_while_it_is_read(self):
        with Node() as node:
            film, video = self.library_of(node, "film.mp4", seconds=20, size="640x360")
            job = self.transcode(node, video)
            self.running(node, job)
            other = synth(node.folder / "other.mp4", seconds=2)
            content = other.read_bytes()
            os.replace(other, film)
            done = node.wait_job(job, seconds=90)
            # The old content's result is never published; the next attempt makes it of the new content.
            first = attempts_of(node, job)[0]
            self.assertEqual((first["end"], first["error"]["code"]), ("failed", "io"), first)
            self.assertEqual(done["status"], "completed", done)
            made = node.get(f"/api/videos/{video}")["renditions"]
            self.assertEqual(len(made), 1)
            self.assertLess(made[0]["duration"], 3)
            self.assertEqual(film.read_bytes(), content)
            self.whole(node)

    def test_truncated_while_it_is_read(self):
        with Node() as node:
            film, video = self.library_of(node, "film.mp4", seconds=20, size="640x360")
            job = self.transcode(node, video)
            self.running(node, job)
            os.truncate(film, 2000)
            done = node.wait_job(job, seconds=90)
            self.assertEqual(done["status"], "failed", done)
            self.assertEqual(node.get(f"/api/videos/{video}")["renditions"], [])
            self.assertEqual(film.stat().st_size, 2000)
            self.whole(node)

    def test_deleted_between_walk_and_probe(self):
        """Sparse and large, and gone before anyone has opened it."""
        with Node(worker__metadata=1, worker__executors=1) as node:
            films = node.folder / "films"
            films.mkdir()
            for n in range(30):
                shutil.copy(sample("tree.avi"), films / f"{n:02}.avi")
            with open(films / "zz.mp4", "wb") as f:
                f.truncate(4 << 30)
            library = node.add_library(films)["id"]
            scan = node.post(f"/api/libraries/{library}/scan")
            wait_until("the walk has seen it", lambda: node.get("/api/jobs?kind=ingest&limit=100")["total"] >= 10, 30)
            (films / "zz.mp4").unlink()
            (films / "29.avi").unlink()
            ended = wait_until("the scan ends", lambda: (lambda s: s if s["finishedAt"] else None)(
                node.get(f"/api/scans/{scan['id']}")), 60, 0.1)
            self.assertIn(ended["status"], ("completed", "failed"), ended)
            ready = [v for v in node.get("/api/videos?limit=100")["videos"] if v["status"] == "ready"]
            self.assertGreaterEqual(len(ready), 29)
            self.whole(node)
