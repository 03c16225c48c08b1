"""Storyboards and HLS ladders of a real node: made, served, and gone with their film."""

import json
import pathlib
import re
import subprocess
import urllib.parse

from support import Node, TestCase, leftovers, synth, wait_until


def jpeg_size(path):
    probe = subprocess.run(["ffprobe", "-v", "error", "-of", "json", "-show_streams", str(path)], check=True,
                           capture_output=True)
    stream = json.loads(probe.stdout)["streams"][0]
    return stream["codec_name"], stream["width"], stream["height"]


def folders(node, below):
    return sorted(p.name for p in (node.data / below).rglob("*") if p.is_dir() and "-" in p.name)


def uris(playlist):
    """What a playlist (RFC 8216) names, in attributes and in lines of their own."""
    return {a or b for a, b in re.findall(r'URI="([^"]+)"|^([^#\s]+)$', playlist, re.M)}


class Storyboards(TestCase):
    def film(self, node, **kw):
        path = synth(node.folder / "film.mp4", **kw)
        node.wait_job(node.upload(path).json["jobId"])
        return node.get("/api/videos")["videos"][0]["id"]

    def test_a_film_gets_one_after_its_ingest(self):
        with Node(storyboards__after_ingest="true", storyboards__interval="2s", storyboards__width=160) as node:
            video = self.film(node, seconds=20, size="640x360")
            board = wait_until("the storyboard", lambda: node.get(f"/api/videos/{video}")["storyboard"], 30)
            self.assertEqual((board["tileWidth"], board["tileHeight"], board["columns"]), (160, 90, 10))
            job = node.wait_job(board["jobId"])
            self.assertEqual((job["kind"], job["status"]), ("storyboard", "completed"))
            vtt = node.request("GET", f"/api/videos/{video}/storyboard.vtt")
            self.assertEqual(vtt.headers["content-type"], "text/vtt; charset=utf-8")
            cues = re.findall(r"(\S+) --> (\S+)\nstoryboard/(\d+)\.jpg\?of=\w+#xywh=(\d+),(\d+),(\d+),(\d+)",
                              vtt.body.decode())
            self.assertEqual(len(cues), board["count"])
            self.assertEqual(cues[0][0], "00:00:00.000")
            self.assertTrue(cues[-1][1].startswith("00:00:20."), cues[-1])
            # Every picture that a cue names is on the sheet that it names.
            for n in range(board["sheets"]):
                sheet = node.request("GET", f"/api/videos/{video}/storyboard/{n}.jpg")
                self.assertEqual((sheet.status, sheet.headers["content-type"]), (200, "image/jpeg"))
                target = node.folder / f"{n}.jpg"
                target.write_bytes(sheet.body)
                codec, width, height = jpeg_size(target)
                self.assertEqual(codec, "mjpeg")
                for _, _, of, x, y, w, h in cues:
                    if int(of) == n:
                        self.assertLessEqual(int(x) + int(w), width)
                        self.assertLessEqual(int(y) + int(h), height)
                again = node.request("GET", f"/api/videos/{video}/storyboard/{n}.jpg",
                                     headers={"If-None-Match": sheet.headers["etag"]})
                self.assertEqual(again.status, 304)
            self.assertEqual(node.request("GET", f"/api/videos/{video}/storyboard/{board['sheets']}.jpg").status, 404)
            self.assertEqual(leftovers(node.data), [])

    def test_asked_for_once_and_gone_with_the_film(self):
        with Node() as node:
            video = self.film(node, seconds=6)
            none = node.request("GET", f"/api/videos/{video}/storyboard.vtt")
            self.assertEqual(none.status, 404)
            self.assertIn("POST", none.json["error"]["message"])
            self.assertIsNone(node.get(f"/api/videos/{video}")["storyboard"])
            made = node.post(f"/api/videos/{video}/storyboard", {"bif": True})
            self.assertEqual(node.wait_job(made["jobId"])["status"], "completed")
            twice = node.request("POST", f"/api/videos/{video}/storyboard", {})
            self.assertEqual((twice.status, twice.json["jobId"]), (200, made["jobId"]))
            bif = node.request("GET", f"/api/videos/{video}/storyboard.bif")
            self.assertEqual(bif.body[:8], b"\x89BIF\r\n\x1a\n")
            first = folders(node, "artwork")
            self.assertEqual(len(first), 1)
            # A second one takes its place; the cleanup takes the first one's files when they are old enough.
            again = node.cli("video", "storyboard", video, "--again", "--wait")
            self.assertIn("completed", again.stdout)
            self.assertEqual(len(folders(node, "artwork")), 2)
            newer = node.get(f"/api/videos/{video}")["storyboard"]
            self.assertEqual(node.request("GET", newer["bifUrl"]).status, 200)
            self.assertNotEqual(newer["jobId"], made["jobId"])
            self.assertTrue(newer["bifUrl"], "the BIF was not spoken of and is gone")
            of = node.request("GET", f"/api/videos/{video}/storyboard/0.jpg?of={made['jobId']}")
            self.assertEqual(of.status, 404, "a sheet of the old one's address is of the new one")
            self.assertEqual(node.stop(), 0)
            node.start()
            self.assertEqual(len(folders(node, "artwork")), 1)
            self.assertNotEqual(folders(node, "artwork"), first)
            self.assertEqual(node.request("GET", f"/api/videos/{video}/storyboard/0.jpg").status, 200)
            node.request("DELETE", f"/api/videos/{video}")
            self.assertEqual(node.request("GET", f"/api/videos/{video}/storyboard.vtt").status, 404)
            self.assertEqual(node.stop(), 0)
            node.start()
            self.assertEqual(folders(node, "artwork"), [])

    def test_wishes_of_one_moment_are_all_met(self):
        with Node() as node:
            video = self.film(node, seconds=20, size="640x360")
            asked = [{"bif": True, "again": True}, {"jellyfin": True, "again": True}, {"width": 160, "interval": 4}]
            jobs = [node.post(f"/api/videos/{video}/storyboard", x)["jobId"] for x in asked]
            for job in jobs:
                self.assertEqual(node.wait_job(job)["status"], "completed")
            board = node.get(f"/api/videos/{video}")["storyboard"]
            self.assertEqual(board["jobId"], max(jobs))
            self.assertEqual((board["layout"], board["tileWidth"], board["interval"]), ("jellyfin", 160, 4))
            bif = node.request("GET", board["bifUrl"])
            self.assertEqual(bif.body[:8], b"\x89BIF\r\n\x1a\n")
            # What is not named stays, what is named otherwise is made.
            again = node.post(f"/api/videos/{video}/storyboard", {"width": 320})["jobId"]
            self.assertEqual(node.wait_job(again)["status"], "completed")
            newer = node.get(f"/api/videos/{video}")["storyboard"]
            self.assertEqual((newer["layout"], newer["tileWidth"], newer["interval"]), ("jellyfin", 320, 4))
            self.assertEqual(node.request("GET", board["bifUrl"]).status, 404)
            self.assertEqual(node.request("GET", newer["bifUrl"]).status, 200)

    def test_a_film_that_has_changed(self):
        with Node() as node:
            films = node.folder / "films"
            films.mkdir()
            path = synth(films / "film.mp4", seconds=6, size="320x180")
            library = node.post("/api/libraries", {"name": "Films", "root": str(films)})["id"]

            def scan():
                node.post(f"/api/libraries/{library}/scan", {})
                wait_until("the scan", lambda: node.get("/api/scans")["scans"][0]["status"] == "completed", 30)

            def make(what, body):
                return node.wait_job(node.post(f"/api/videos/{video}/{what}", body)["jobId"], seconds=120)

            scan()
            video = node.get("/api/videos")["videos"][0]["id"]
            ladder = {"profile": "hls", "preset": "ultrafast"}
            self.assertEqual(make("storyboard", {})["status"], "completed")
            self.assertEqual(make("transcode", ladder)["status"], "completed")
            self.assertEqual(make("transcode", ladder)["status"], "completed")
            # The second one has taken the first one's place.
            self.assertEqual(len(node.get(f"/api/videos/{video}")["renditions"]), 1)
            # Who plays the first one goes on.
            first = min(j["id"] for j in node.get("/api/jobs?kind=hls")["jobs"])
            self.assertEqual(node.request("GET", f"/api/videos/{video}/hls/{first}/v0.mp4").status, 200)
            synth(path, seconds=8, size="320x180")
            for what, body in (("storyboard", {"again": True}), ("transcode", ladder)):
                failed = make(what, body)
                self.assertEqual(failed["status"], "failed", failed)
                self.assertIn("scan its library", failed["error"]["message"])
            scan()
            detail = node.get(f"/api/videos/{video}")
            self.assertEqual((detail["id"], detail["renditions"], detail["storyboard"]), (video, [], None))
            self.assertEqual(node.request("GET", f"/api/videos/{video}/hls/master.m3u8").status, 404)
            self.assertEqual(make("storyboard", {})["status"], "completed")
            self.assertEqual(make("transcode", ladder)["status"], "completed")
            self.assertEqual(node.request("GET", f"/api/videos/{video}/hls/master.m3u8").status, 200)
            self.assertEqual(node.stop(), 0)
            node.start()
            self.assertEqual(len(folders(node, "artwork")), 1)
            self.assertEqual(len(folders(node, "renditions")), 1)

    def test_jellyfin_reads_the_folder(self):
        with Node() as node:
            video = self.film(node, seconds=20, size="640x360")
            done = node.cli("video", "storyboard", video, "--jellyfin", "--interval", "1", "--wait")
            self.assertIn("completed", done.stdout)
            board = node.get(f"/api/videos/{video}")["storyboard"]
            # A short film, too, has the interval that Jellyfin reckons with.
            self.assertEqual((board["layout"], board["interval"], board["count"]), ("jellyfin", 1, 20))
            shown = node.cli("video", "show", video).stdout
            folder = pathlib.Path(re.search(r"^Trickplay: +(.+)$", shown, re.M)[1])
            files = sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())
            self.assertEqual(files, ["320 - 10x10/0.jpg"])
            # Every sheet has room for all its tiles.
            self.assertEqual(jpeg_size(folder / files[0]), ("mjpeg", 3200, 1800))
            served = node.request("GET", f"/api/videos/{video}/storyboard/0.jpg")
            self.assertEqual(served.body, (folder / files[0]).read_bytes())
            self.assertEqual(leftovers(node.data), [])


class Ladders(TestCase):
    def test_a_player_plays_the_ladder(self):
        with Node() as node:
            path = synth(node.folder / "film.mp4", seconds=8, size="640x360")
            node.wait_job(node.upload(path).json["jobId"])
            video = node.get("/api/videos")["videos"][0]["id"]
            self.assertEqual(node.request("GET", f"/api/videos/{video}/hls/master.m3u8").status, 404)
            made = node.post(f"/api/videos/{video}/transcode", {"profile": "hls", "preset": "ultrafast"})
            done = node.wait_job(made["jobId"], seconds=120)
            self.assertEqual((done["kind"], done["status"]), ("hls", "completed"), done)
            rendition = node.get(f"/api/videos/{video}")["renditions"][0]
            self.assertEqual((rendition["container"], rendition["width"], rendition["height"]), ("hls", 640, 360))
            newest = f"/api/videos/{video}/hls/master.m3u8"
            # The newest one, and this one whatever is made later.
            for address in (newest, rendition["streamUrl"]):
                self.check_ladder(node, address)
            self.assertNotEqual(newest, rendition["streamUrl"])
            self.assertEqual(node.request("GET", f"/api/videos/{video}/hls/..%2F..%2Ftroupe.db").status, 404)
            self.assertEqual(leftovers(node.data), [])
            node.request("DELETE", f"/api/videos/{video}")
            self.assertEqual(node.request("GET", f"/api/videos/{video}/hls/master.m3u8").status, 404)
            self.assertEqual(node.stop(), 0)
            node.start()
            self.assertEqual(folders(node, "renditions"), [])


    def check_ladder(self, node, address):
        url = f"http://127.0.0.1:{node.port}{address}"
        probe = json.loads(subprocess.run(
            ["ffprobe", "-v", "error", "-of", "json", "-show_format", "-show_streams", "-show_programs", url],
            check=True, capture_output=True, timeout=60).stdout)
        self.assertAlmostEqual(float(probe["format"]["duration"]), 8, delta=0.2)
        # Never upscaled: the rungs of 360 and 234 lines.
        self.assertEqual(len(probe["programs"]), 2)
        self.assertEqual({s["codec_name"] for s in probe["streams"]}, {"h264", "aac"})
        # Every file that a playlist names is there, below the playlist's own address.
        master = node.request("GET", address)
        self.assertEqual((master.status, master.headers["content-type"]), (200, "application/vnd.apple.mpegurl"))
        names = uris(master.body.decode())
        self.assertGreaterEqual(len(names), 5, "two variants, their keyframes, the sound")
        for name in names:
            playlist = urllib.parse.urljoin(address, name)
            answer = node.request("GET", playlist)
            self.assertEqual(answer.status, 200, name)
            text = answer.body.decode()
            self.assertEqual(len(uris(text)), 1, "each rendition is one file")
            for film in (urllib.parse.urljoin(playlist, u) for u in uris(text)):
                # A segment is a range of it.
                length, start = map(int, re.search(r"#EXT-X-BYTERANGE:(\d+)@(\d+)", text).groups())
                part = node.request("GET", film, headers={"Range": f"bytes={start}-{start + length - 1}"})
                self.assertEqual((part.status, len(part.body)), (206, length), film)
                self.assertEqual(part.headers["content-type"], "video/mp4")


class Profiles(TestCase):
    def test_a_profile_of_the_configuration(self):
        with Node() as node:
            config = node.folder / "trouped.toml"
            config.write_text('[[profiles]]\nname = "tiny"\nbase = "web-480p"\nmax_height = 90\npreset = "ultrafast"\n')
            self.assertEqual(node.stop(), 0)
            command = node.command
            node.command = lambda: command() + ["--config", str(config)]
            node.start()
            self.assertIn("tiny", [p["name"] for p in node.get("/api/profiles")["profiles"]])
            self.assertIn("tiny", node.cli("profiles").stdout)
            path = synth(node.folder / "film.mp4", seconds=2)
            node.wait_job(node.upload(path).json["jobId"])
            video = node.get("/api/videos")["videos"][0]["id"]
            done = node.cli("video", "transcode", video, "--profile", "tiny", "--wait")
            self.assertIn("completed", done.stdout)
            rendition = node.get(f"/api/videos/{video}")["renditions"][0]
            self.assertEqual((rendition["profile"], rendition["height"]), ("tiny", 90))
            # The film fits web-480p as it is, and is copied only where nobody objects.
            for change, log in (([], "copy"), (["--with", "copyFitting=false"], "libx264")):
                done = node.cli("video", "transcode", video, "--profile", "web-480p", "--wait", *change)
                self.assertIn("completed", done.stdout)
                # Ids begin with the time.
                job = max(j["id"] for j in node.get("/api/jobs?kind=transcode")["jobs"])
                attempt = node.get(f"/api/jobs/{job}")["attemptHistory"][0]
                self.assertIn(f"-c:0 {log}", attempt["operation"])
            # No muxer or encoder of libav by any door.
            for payload in ({"container": "tee"}, {"base": "tiny", "preset": "-f"}, "nope"):
                bad = node.request("POST", "/api/jobs", {"kind": "transcode",
                                                         "payload": {"videoId": video, "profile": payload}})
                self.assertEqual(bad.status, 400, bad.body)
                self.assertTrue(any(k.startswith("payload.profile") for k in bad.json["error"]["details"]), bad.json)
