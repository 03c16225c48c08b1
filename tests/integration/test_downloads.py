"""Downloads that are killed or cancelled half-way, and sound without film."""

import contextlib
import hashlib
import http.server
import os
import socketserver
import subprocess
import threading
import time

from support import Node, TestCase, wait_until


class SlowServer:
    """One file with an ETag, a range at a time, in about five seconds; keeps what was asked for."""

    def __init__(self, content):
        asked = self.asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                begin = 0
                asked.append((self.headers.get("Range"), self.headers.get("If-Range")))
                if self.headers.get("Range") and self.headers.get("If-Range") == '"v1"':
                    begin = int(self.headers["Range"].removeprefix("bytes=").rstrip("-"))
                    self.send_response(206)
                    self.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
                else:
                    self.send_response(200)
                self.send_header("Content-Length", str(len(content) - begin))
                self.send_header("ETag", '"v1"')
                self.end_headers()
                with contextlib.suppress(OSError):
                    for at in range(begin, len(content), 16384):
                        self.wfile.write(content[at:min(at + 16384, len(content))])
                        time.sleep(5 / (len(content) / 16384))

            def log_message(self, *_):
                pass

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/film.mp4"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def parts(node):
    return sorted((node.data / "tmp").glob("*.part*")) if (node.data / "tmp").exists() else []


class Downloads(TestCase):
    def begin(self, node, server):
        job = node.post("/api/videos/wanted/download", {"url": server.url})["jobId"]
        wait_until("a part is durable", lambda: any(p.name.endswith(".state") for p in parts(node)))
        return job

    def test_a_killed_node_goes_on_from_its_part(self):
        content = os.urandom(1 << 20)
        with SlowServer(content) as server, Node(worker__private_downloads="true", jobs__lease="2s") as node:
            job = self.begin(node, server)
            node.kill_hard()
            node.start()
            self.assertEqual(node.wait_job(job)["status"], "completed")
            files = [p for p in (node.data / "downloads").rglob("*") if p.is_file()]
            self.assertEqual([hashlib.sha256(p.read_bytes()).digest() for p in files], [hashlib.sha256(content).digest()])
            self.assertEqual(server.asked[0], (None, None))
            span, validator = server.asked[-1]
            self.assertEqual(validator, '"v1"', server.asked)
            self.assertGreater(int(span.removeprefix("bytes=").rstrip("-")), 0)
            self.assertEqual(parts(node), [])

    def test_a_cancelled_download_leaves_nothing(self):
        with SlowServer(os.urandom(1 << 20)) as server, Node(worker__private_downloads="true") as node:
            job = self.begin(node, server)
            node.post(f"/api/jobs/{job}/cancel")
            wait_until("its part is gone", lambda: not parts(node), 5)
            time.sleep(1)
            self.assertEqual(parts(node), [])
            self.assertEqual(list((node.data / "downloads").glob("*")), [])


class Sound(TestCase):
    def test_sound_is_taken_in_with_its_cover_or_its_waveform(self):
        with Node() as node:
            folder = node.folder / "music"
            folder.mkdir()
            cover = node.folder / "cover.png"
            self.ffmpeg("-f", "lavfi", "-i", "testsrc2=size=300x300", "-frames:v", "1", cover)
            for kind in ("mp3", "flac"):
                tone = ("-f", "lavfi", "-i", "sine=duration=3")
                self.ffmpeg(*tone, folder / f"plain.{kind}")
                self.ffmpeg(*tone, "-i", cover, "-map", "0", "-map", "1", "-c:v", "copy", "-disposition:v",
                            "attached_pic", folder / f"cover.{kind}")
            scan = node.scan(node.add_library(folder, "music")["id"])
            self.assertEqual(scan["status"], "completed", scan)
            found = node.get("/api/videos?limit=100")["videos"]
            self.assertEqual(len(found), 4)
            pictures = {}
            for v in found:
                self.assertEqual(v["status"], "ready", v)
                answer = node.request("GET", f"/api/videos/{v['id']}/thumbnail")
                self.assertEqual(answer.status, 200, v)
                self.assertTrue(answer.body.startswith(b"\xff\xd8"))
                pictures[v["title"]] = answer.body
            self.assertNotEqual(pictures["plain"], pictures["cover"])

    @staticmethod
    def ffmpeg(*arguments):
        subprocess.run(["ffmpeg", "-v", "error", "-y", *map(str, arguments)], check=True, timeout=60)
