"""What clients of the systems before Troupe rely on (contract.md), asked of a running node: names of fields, statuses and
headers of each route."""

import json
import re
import shutil
import socket

from support import Node, TestCase, WebSocket, sample_metrics, synth, wait_until

TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def sse(node, path, seconds=30):
    """The events of a stream until it ends: (id, event, data)."""
    with socket.create_connection(("127.0.0.1", node.port), seconds) as s:
        s.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        text = b""
        while more := s.recv(65536):
            text += more
    head, _, body = text.decode().partition("\r\n\r\n")
    events = []
    for block in body.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line and not line.startswith(":"))
        if "data" in fields:
            events.append((fields.get("id"), fields.get("event"), json.loads(fields["data"])))
    return head, events


class Contract(TestCase):
    @classmethod
    def setUpClass(cls):
        cls.node = Node(log__format="json").start()
        cls.films = cls.node.folder / "films"
        cls.films.mkdir()
        cls.film = synth(cls.films / "a film.mp4", seconds=2)
        cls.library = cls.node.add_library(cls.films)
        cls.scan = cls.node.scan(cls.library["id"])
        found = wait_until("the film to be ready", lambda: [
            v for v in cls.node.get("/api/videos?limit=100")["videos"] if v["status"] == "ready"])
        cls.video = found[0]["id"]

    @classmethod
    def tearDownClass(cls):
        cls.node.close()

    def has(self, what, *names):
        for name in names:
            self.assertIn(name, what)

    def is_page(self, what):
        self.has(what, "page", "limit", "total", "totalPages")

    def test_upload(self):
        answer = self.node.upload(self.film, name="up.mp4", headers={"traceparent": TRACE, "X-Request-ID": "up-1"})
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.headers["traceparent"], TRACE)
        self.assertEqual(answer.headers["x-request-id"], "up-1")
        body = answer.json
        self.assertEqual(body["message"], "Upload initiated successfully")
        self.assertEqual(body["status"], "queued")
        self.assertEqual(body["trackingUrl"], f"/api/jobs/{body['jobId']}/status")
        status = self.node.get(body["trackingUrl"])
        self.has(status, "id", "kind", "status", "progress", "stage", "message", "attempts", "maxAttempts", "createdAt",
                 "startedAt", "finishedAt", "result", "error", "children")
        self.assertEqual(status["maxAttempts"], 3)
        self.assertRegex(status["createdAt"], TIME)
        done = self.node.wait_job(body["jobId"])
        self.assertEqual((done["status"], done["progress"], done["error"]), ("completed", 100, None))
        detail = self.node.get(f"/api/jobs/{body['jobId']}")
        self.assertEqual((detail["traceparent"], detail["requestId"]), (TRACE, "up-1"))
        self.has(self.node.get(f"/api/jobs/{body['jobId']}/log"), "traceparent", "attempts")
        head, events = sse(self.node, f"/api/jobs/{body['jobId']}/events")
        self.assertIn("text/event-stream", head)
        self.assertEqual(events[-1][2]["status"], "completed")
        self.assertRegex(events[-1][0], r"^\d+-\d+$")

    def test_videos(self):
        page = self.node.get("/api/videos?category=films&page=1&limit=5&search=film&sort=title&unknown=1")
        self.is_page(page)
        self.has(page, "videos", "cached", "lastUpdated")
        self.assertRegex(page["lastUpdated"], TIME)
        self.assertTrue(self.node.get("/api/videos?category=films&page=1&limit=5&search=film&sort=title")["cached"])
        detail = self.node.get(f"/api/videos/{self.video}")
        self.has(detail, "id", "title", "category", "media", "renditions", "thumbnails", "streamUrl", "thumbnailUrl")
        self.assertEqual(self.node.get("/api/videos/nonsense", 404)["error"]["code"], "NOT_FOUND")
        problem = self.node.get("/api/videos?page=0&limit=101", 400)["error"]
        self.assertEqual((problem["code"], sorted(problem["details"])), ("VALIDATION_ERROR", ["limit", "page"]))
        answer = self.node.request("GET", "/api/videos?page=0", headers={"Accept": "application/problem+json"})
        self.assertEqual(answer.headers["content-type"], "application/problem+json")
        self.has(answer.json, "type", "title", "status", "detail")

    def test_conditional(self):
        path = f"/api/videos/{self.video}"
        tag = self.node.request("GET", path).headers["etag"]
        self.assertEqual(self.node.request("GET", path, headers={"If-None-Match": tag}).status, 304)
        change = {"title": "Another name"}
        self.assertEqual(self.node.request("PATCH", path, change, {"If-Match": '"other"'}).status, 412)
        self.assertEqual(self.node.request("PATCH", path, change, {"If-Match": tag}).status, 200)
        self.assertEqual(self.node.request("PATCH", path, change, {"If-Match": tag}).status, 412)
        listed = self.node.request("GET", "/api/videos", headers={"Accept-Encoding": "br"})
        self.assertIn("etag", listed.headers)

    def test_stream_and_thumbnail(self):
        path = f"/api/videos/{self.video}/stream"
        whole = self.node.request("GET", path)
        self.assertEqual(whole.body, self.film.read_bytes())
        self.has(whole.headers, "etag", "last-modified", "accept-ranges")
        part = self.node.request("GET", path, headers={"Range": "bytes=-5", "If-Range": whole.headers["etag"]})
        self.assertEqual((part.status, part.body), (206, whole.body[-5:]))
        head = self.node.request("HEAD", path)
        self.assertEqual((head.status, head.headers["content-length"], head.body), (200, str(len(whole.body)), b""))
        beyond = self.node.request("GET", path, headers={"Range": "bytes=99999999-"})
        self.assertEqual(beyond.status, 416)
        picture = self.node.request("GET", f"/api/videos/{self.video}/thumbnail?width=320")
        self.assertEqual((picture.status, picture.headers["content-type"]), (200, "image/jpeg"))
        again = self.node.request("GET", f"/api/videos/{self.video}/thumbnail?width=320",
                                  headers={"If-None-Match": picture.headers["etag"]})
        self.assertEqual(again.status, 304)

    def test_transcode_and_jobs(self):
        made = self.node.request("POST", f"/api/videos/{self.video}/transcode", {"profile": "remux"})
        self.assertEqual(made.status, 202)
        self.has(made.json, "jobId", "status", "trackingUrl")
        job = made.json["jobId"]
        self.assertEqual(self.node.wait_job(job)["status"], "completed")
        self.assertIn("remux", [r["profile"] for r in self.node.get(f"/api/videos/{self.video}")["renditions"]])
        for path in ("/api/jobs?status=completed&kind=transcode&queue=video", "/api/jobs/history"):
            page = self.node.get(path)
            self.is_page(page)
            self.assertIn(job, [x["id"] for x in page["jobs"]])
        self.has(self.node.get(f"/api/jobs/{job}/explain"), "status", "reasons")
        self.has(self.node.get("/api/jobs/stats"), "queues", "totals")
        self.assertEqual(self.node.request("POST", f"/api/jobs/{job}/cancel", {}).status, 409)
        self.has(self.node.get("/api/queues/video"), "name", "paused", "maxRunning", "maxDepth", "jobs")
        self.node.get("/api/jobs?nonsense=1", 400)
        answer = self.node.request("DELETE", f"/api/jobs/{job}")
        self.assertEqual(answer.status, 200)
        self.node.get("/api/queues/nonsense", 404)

    def test_nodes_of_the_cluster(self):
        answer = self.node.get("/api/admin/nodes")
        self.assertIs(True, answer["success"])
        self.has(answer["meta"], "timestamp", "version")
        self.has(answer["data"], "nodes", "refused")
        one = answer["data"]["nodes"][0]
        self.has(one, "name", "status", "state", "reason", "open", "closed", "slots", "weight", "hours", "queues", "tokens",
                 "inUse", "running", "jobs", "score", "evidence", "speeds", "capabilities", "encoders", "problems", "silent", "software",
                 "otherSoftware", "fileAddress", "roles", "disks", "links")
        self.assertEqual(["coordinator", "gateway", "worker"], one["roles"])
        wait_until("it has looked at its disks", lambda: self.node.get("/api/admin/nodes")["data"]["nodes"][0]["disks"], 15)
        self.assertFalse(one["otherSoftware"])
        self.assertTrue(one["software"])
        path = f"/api/admin/nodes/{one['name']}"
        self.assertEqual(one["name"], self.node.get(path)["data"]["name"])
        for action, state in (("drain", "draining"), ("undrain", "active"), ("quarantine", "quarantined"),
                              ("unquarantine", "active")):
            self.assertEqual(state, self.node.post(f"{path}/{action}", {"reason": "a test"})["data"]["state"])
        self.node.get("/api/admin/nodes/nobody", 404)
        self.assertEqual("VALIDATION_ERROR", self.node.request("PATCH", path, {"weight": 0}).json["error"]["code"])

    def test_a_transcode_described_by_its_fields(self):
        wish = {"container": "mkv", "videoCodec": "copy", "audioCodec": "flac", "name": "archive"}
        made = self.node.post(f"/api/videos/{self.video}/transcode", wish)
        self.assertEqual(self.node.wait_job(made["jobId"])["status"], "completed")
        rendition = [r for r in self.node.get(f"/api/videos/{self.video}")["renditions"] if r["profile"] == "archive"][0]
        self.assertEqual((rendition["videoCodec"], rendition["audioCodec"]), ("h264", "flac"))
        answer = self.node.request("HEAD", f"/api/videos/{self.video}/stream?profile=archive")
        self.assertEqual((answer.status, answer.headers["content-type"]), (200, "video/x-matroska"))

    def test_a_removed_video_is_gone(self):
        job = self.node.upload(self.film, name="short lived.mp4").json["jobId"]
        self.assertEqual(self.node.wait_job(job)["status"], "completed")
        video = self.node.get("/api/videos?search=short")["videos"][0]["id"]
        path = f"/api/videos/{video}"
        self.assertEqual(self.node.request("DELETE", path).status, 200)
        for suffix in ("", "/stream", "/thumbnail"):
            self.node.get(path + suffix, 404)
        self.assertEqual(self.node.request("POST", path + "/transcode", {"profile": "remux"}).status, 404)

    def test_a_removed_video_of_a_folder_is_gone(self):
        folder = self.node.folder / "others"
        folder.mkdir()
        shutil.copy(self.film, folder / "other.mp4")
        library = self.node.add_library(folder, "others")
        self.node.scan(library["id"])
        path = f"/api/videos/{self.node.get('/api/videos?category=others')['videos'][0]['id']}"
        self.assertEqual(self.node.request("GET", path + "/stream").status, 200)
        self.assertEqual(self.node.request("DELETE", path).status, 200)
        for suffix in ("", "/stream", "/thumbnail"):
            self.node.get(path + suffix, 404)
        self.assertEqual(self.node.request("PATCH", path, {"title": "x"}, {"If-Match": "*"}).status, 404)
        self.assertTrue((folder / "other.mp4").exists())

    def test_libraries_scans_and_categories(self):
        self.has(self.node.get("/api/libraries")["libraries"][0], "id", "name", "root", "category")
        self.has(self.node.get(f"/api/libraries/{self.library['id']}"), "id", "name", "root", "createdAt")
        self.has(self.scan, "id", "libraryId", "status", "directoriesTotal", "directoriesQueued", "directoriesScanned",
                 "itemsFound", "itemsNew", "itemsUpdated", "itemsRemoved", "assetsQueued", "assetsCached",
                 "enrichmentQueued", "enrichmentCompleted", "errors", "discoveringEndedAt", "scanningEndedAt",
                 "cachingEndedAt", "enrichingEndedAt")
        self.assertEqual((self.scan["status"], self.scan["itemsNew"]), ("completed", 1))
        self.assertIn(self.scan["id"], [x["id"] for x in self.node.get("/api/scans")["scans"]])
        names = [c["name"] for c in self.node.get("/api/categories")["categories"]]
        self.assertIn("films", names)

    def test_health(self):
        report = wait_until("all checks", lambda: (lambda r: r if len(r["checks"]) >= 5 else None)(
            self.node.get("/api/health")))
        self.assertIn(report["status"], ("healthy", "degraded"))
        self.assertRegex(report["timestamp"], TIME)
        self.has(report["checks"], "redis", "filesystem", "youtube-dl", "resources", "database", "cluster")
        self.assertEqual(report["checks"]["redis"]["status"], "disabled")
        layer = self.node.get("/api/health/cache")["layers"][0]
        self.has(layer, "hits", "misses", "hitRate", "size", "evictions")
        simple = self.node.get("/health")
        self.assertEqual(simple["status"], "healthy")
        self.assertTrue(all(value in (True, False) for value in simple["checks"].values()))
        for path in ("/health/db", "/health/redis", "/livez", "/readyz"):
            self.node.get(path)

    def test_metrics(self):
        figures = sample_metrics(self.node)
        for name in ("http_requests_total", "http_request_duration_seconds_count", "active_users", "queue_jobs_total",
                     "queue_job_duration_seconds_count", "youtube_downloads_total", "process_cpu_seconds_total",
                     "troupe_queue_jobs", "troupe_queue_oldest_seconds", "troupe_leases", "troupe_job_retries_total",
                     "troupe_executors", "troupe_cache_lookups_total", "troupe_live_events_delivered_total",
                     "troupe_http_sent_bytes_total"):
            self.assertTrue(any(key == name or key.startswith(name + "{") for key in figures), name)
        self.assertGreaterEqual(figures['queue_jobs_total{queue="video",status="completed"}']
                                + figures['queue_jobs_total{queue="metadata",status="completed"}'], 1)
        self.assertEqual(figures["active_users"], 1)

    def test_websocket(self):
        ws = WebSocket(self.node.port)
        self.assertEqual(ws.status, 101)
        first = ws.receive()
        self.assertEqual(first["type"], "connection_established")
        ws.send({"type": "subscribe", "topics": ["jobs"]})
        self.assertEqual(ws.receive()["type"], "subscribed")
        job = self.node.post("/api/jobs", {"kind": "noop"})["jobId"]
        kinds = []
        while "job_completed" not in kinds:
            message = ws.receive()
            self.has(message, "type", "topic", "epoch", "seq", "timestamp")
            if message.get("jobId") == job:
                kinds.append(message["type"])
        ws.send({"type": "get_job_status", "job_id": job})
        self.assertEqual(ws.receive()["job"]["status"], "completed")
        ws.send({"type": "ping"})
        self.assertEqual(ws.receive()["type"], "pong")
        ws.send({"type": "nonsense"})
        self.assertEqual(ws.receive()["type"], "error")
        ws.close()

    def test_the_log_names_the_trace(self):
        bad = self.films.parent / "bad.mp4"
        bad.write_bytes(b"no video at all" * 100)
        made = self.node.upload(bad, headers={"traceparent": TRACE, "X-Request-ID": "bad-1"}).json
        self.assertEqual(self.node.wait_job(made["jobId"])["status"], "failed")

        def line():
            for text in self.node.log.read_text().splitlines():
                if made["jobId"] in text and text.startswith("{"):
                    entry = json.loads(text)
                    if entry.get("requestId") == "bad-1":
                        return entry
            return None

        self.assertEqual(wait_until("the line of the failed job", line, 5)["traceId"], TRACE.split("-")[1])
