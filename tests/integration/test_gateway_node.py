"""A gateway on a node of its own: coordinator, gateway and worker as three processes on loopback; what clients of the
gateway see while the coordinator is killed, stopped and started again."""

import pathlib
import shutil
import signal
import tempfile
import time

from certificates import Authority
from support import SLOW_TRANSCODE, Node, TestCase, WebSocket, free_port, leftovers, synth, wait_until

#: A peer that is silent is noticed soon, but not for the pauses of a busy machine.
MESH = {"mesh.heartbeat": "500ms", "mesh.connection_timeout": "3s"}


def node(**settings):
    out = Node(**settings)
    out.settings.update(MESH)
    return out


def check_of(gateway, name):
    return gateway.get("/api/health")["checks"][name]


def joined(gateway):
    return gateway.request("GET", "/readyz").status == 200 and check_of(gateway, "cluster")["status"] != "degraded"


class GatewayNode(TestCase):
    def setUp(self):
        self.nodes = []
        self.coordinator = self.add(node__roles="coordinator", jobs__lease="8s")
        self.coordinator.start(wait=False)
        self.gateway = self.add(data=self.coordinator.data, node__roles="gateway", node__name="g",
                                mesh__coordinator=self.coordinator.mesh)
        self.gateway.start()
        self.worker = self.add(data=self.coordinator.data, node__roles="worker", node__name="w",
                               mesh__coordinator=self.coordinator.mesh)
        wait_until("the data folder is there", lambda: (self.coordinator.data / "node.id").exists())
        self.worker.start()
        wait_until("the gateway has joined", lambda: joined(self.gateway))

    def add(self, **settings):
        self.nodes.append(node(**settings))
        return self.nodes[-1]

    def tearDown(self):
        failed = any(error for _, error in getattr(self._outcome, "errors", []) if error)
        for n in reversed(self.nodes):
            if failed:
                print(f"\n--- {n.settings.get('node.roles')} ---\n{n.tail(25)}", flush=True)
            n.close()

    def film(self, seconds):
        path = synth(self.gateway.folder / f"film{seconds}.mp4", seconds=seconds, size="640x360")
        job = self.gateway.upload(path).json["jobId"]
        self.assertEqual("completed", self.gateway.wait_job(job)["status"])
        return self.gateway.get("/api/videos")["videos"][0]["id"]

    def refused_at_once(self, what=("POST", "/api/jobs", {"kind": "noop"})):
        began = time.monotonic()
        answer = self.gateway.request(*what)
        self.assertLess(time.monotonic() - began, 1)
        self.assertEqual(503, answer.status, answer.body)
        self.assertEqual("UNAVAILABLE", answer.json["error"]["code"])
        self.assertGreaterEqual(int(answer.headers["retry-after"]), 1)

    def test_work_and_files_through_the_gateway(self):
        video = self.film(2)
        self.assertEqual([], leftovers(self.coordinator.data))
        page = self.gateway.request("GET", "/api/videos")
        self.assertNotIn("x-troupe-stale", page.headers)
        self.assertEqual([video], [v["id"] for v in page.json["videos"]])
        self.assertEqual(b"\xff\xd8", self.gateway.request("GET", f"/api/videos/{video}/thumbnail").body[:2])
        part = self.gateway.request("GET", f"/api/videos/{video}/stream", headers={"Range": "bytes=4-7"})
        self.assertEqual((206, b"ftyp"), (part.status, part.body))
        # A change is seen at once by who made it, and soon by others.
        other = self.add(data=self.coordinator.data, node__roles="gateway", node__name="g2",
                         mesh__coordinator=self.coordinator.mesh).start()
        wait_until("the other gateway has joined", lambda: joined(other))
        self.assertEqual(video, other.get("/api/videos")["videos"][0]["id"])
        answer = self.gateway.request("PATCH", f"/api/videos/{video}", {"title": "Another name"})
        self.assertEqual(200, answer.status, answer.body)
        self.assertEqual("Another name", self.gateway.get("/api/videos")["videos"][0]["title"])
        wait_until("the other gateway has heard of it",
                   lambda: other.get("/api/videos")["videos"][0]["title"] == "Another name", 5)
        # What is asked of the coordinator's owners is there, too.
        metrics = self.gateway.request("GET", "/metrics").body.decode()
        self.assertIn('troupe_leases{worker="w"}', metrics)
        self.assertIn("troupe_queue_jobs", metrics)
        checks = self.gateway.get("/api/health")["checks"]
        self.assertEqual("disabled", checks["database"]["status"])
        self.assertEqual("healthy", checks["cluster"]["status"])
        self.assertIn("w", self.coordinator.cli("workers").stdout)

    def test_coordinator_killed_under_a_live_client(self):
        video = self.film(30)
        detail = self.gateway.get(f"/api/videos/{video}")
        self.gateway.get("/api/videos")
        job = self.gateway.post(f"/api/videos/{video}/transcode", SLOW_TRANSCODE)["jobId"]
        live = WebSocket(self.gateway.port)
        live.send({"type": "subscribe_job", "job_id": job})
        first = self.next_event(live, job)
        self.coordinator.kill()
        self.coordinator.process.wait(5)
        self.while_away(video, detail, job)
        self.coordinator.start(wait=False)
        again = self.next_event(live, job, lambda e: e["epoch"] != first["epoch"], seconds=40)
        self.assertEqual("snapshot", again["type"])
        end = self.next_event(live, job, lambda e: e["type"] in ("job_completed", "job_failed", "job_cancelled")
                              or e.get("status") in ("completed", "failed"), seconds=120)
        self.assertEqual(again["epoch"], end["epoch"])
        done = self.gateway.wait_job(job)
        self.assertEqual("completed", done["status"])
        self.assertEqual(1, self.gateway.get(f"/api/jobs/{job}")["attempts"])
        answer = self.gateway.request("GET", "/api/videos")
        self.assertNotIn("x-troupe-stale", answer.headers)
        self.assertEqual("healthy", check_of(self.gateway, "cluster")["status"])
        live.close()

    def while_away(self, video, detail, job):
        wait_until("the gateway has noticed", lambda: check_of(self.gateway, "cluster")["status"] == "degraded", 10)
        self.assertIn("answered from the cache", check_of(self.gateway, "cluster")["error"])
        self.assertEqual("degraded", self.gateway.get("/api/health")["status"])
        page = self.gateway.request("GET", "/api/videos")
        self.assertEqual((200, "1"), (page.status, page.headers.get("x-troupe-stale")))
        self.assertTrue(page.json["cached"])
        self.assertIn("lastUpdated", page.json)
        stale = self.gateway.request("GET", f"/api/videos/{video}")
        self.assertEqual("1", stale.headers.get("x-troupe-stale"))
        self.assertEqual(detail, stale.json)
        self.assertEqual(206, self.gateway.request("GET", f"/api/videos/{video}/stream",
                                                   headers={"Range": "bytes=0-1"}).status)
        self.refused_at_once()
        self.refused_at_once(("GET", f"/api/jobs/{job}/status"))
        self.refused_at_once(("GET", "/api/videos?page=77"))
        self.refused_at_once(("PATCH", f"/api/videos/{video}", {"title": "x"}))
        answer = self.gateway.upload(self.gateway.folder / "film30.mp4")
        self.assertEqual(503, answer.status, answer.body)
        began = time.monotonic()
        self.assertEqual(200, self.gateway.request("GET", "/metrics").status)
        self.assertEqual(200, self.gateway.request("GET", "/livez").status)
        self.assertEqual(200, self.gateway.request("GET", "/readyz").status)
        self.assertLess(time.monotonic() - began, 1)

    def next_event(self, live, job, wanted=lambda e: True, seconds=20):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            e = live.receive(seconds)
            self.assertIsInstance(e, dict, e)
            if e.get("topic") == f"job:{job}" and e["type"] not in ("subscribed", "error") and wanted(e):
                return e
        raise AssertionError("the event did not come")

    def test_coordinator_stopped_and_continued(self):
        """Half open: its sockets stay, nothing comes."""
        video = self.film(30)
        detail = self.gateway.get(f"/api/videos/{video}")
        self.gateway.get("/api/videos")
        job = self.gateway.post(f"/api/videos/{video}/transcode", SLOW_TRANSCODE)["jobId"]
        live = WebSocket(self.gateway.port)
        live.send({"type": "subscribe_job", "job_id": job})
        self.next_event(live, job)
        self.coordinator.kill(signal.SIGSTOP)
        began = time.monotonic()
        try:
            self.while_away(video, detail, job)
            # And on: while the connection times out, and when connecting anew is answered by the kernel alone.
            while time.monotonic() - began < 9:
                self.refused_at_once()
                time.sleep(0.3)
        finally:
            self.coordinator.kill(signal.SIGCONT)
        wait_until("the gateway is back", lambda: joined(self.gateway), 30)
        self.assertEqual("completed", self.gateway.wait_job(job, seconds=120)["status"])
        self.next_event(live, job, lambda e: e["type"] == "job_completed" or e.get("status") == "completed")
        live.close()

    def test_a_gateway_before_its_coordinator(self):
        """It starts, says what is missing, and joins when the coordinator comes, at the second of its addresses."""
        port = free_port()
        gateway = self.add(node__roles="gateway", node__name="early",
                           mesh__coordinator=f"127.0.0.1:1,127.0.0.1:{port}").start()
        self.assertEqual(503, gateway.request("GET", "/readyz").status)
        self.assertEqual(200, gateway.request("GET", "/livez").status)
        self.gateway, late = gateway, self.gateway
        self.refused_at_once(("GET", "/api/videos"))
        self.refused_at_once()
        self.assertIn("mesh.coordinator", check_of(gateway, "cluster")["error"])
        self.add(node__roles="coordinator", mesh__port=port).start(wait=False)
        wait_until("it has joined", lambda: joined(gateway), 20)
        self.assertEqual([], gateway.get("/api/videos")["videos"])
        job = gateway.post("/api/jobs", {"kind": "noop"})["jobId"]
        self.assertEqual("queued", gateway.job(job)["status"])
        # It does not have this coordinator's data folder.
        answer = gateway.upload(synth(gateway.folder / "a.mp4", seconds=1))
        self.assertEqual(503, answer.status, answer.body)
        self.assertIn("data folder", answer.json["error"]["message"])
        self.assertIn("is not the coordinator's data folder", gateway.tail(200))
        self.gateway = late

    def test_gateway_and_worker_in_one_process(self):
        """Both find the coordinator by themselves, whichever of the three is there first."""
        self.worker.stop()
        self.coordinator.stop()
        both = self.add(data=self.coordinator.data, node__roles="gateway,worker", node__name="both",
                        mesh__coordinator=self.coordinator.mesh).start()
        self.assertEqual(503, both.request("GET", "/api/videos").status)
        self.coordinator.start(wait=False)
        wait_until("it has joined", lambda: joined(both), 20)
        job = both.upload(synth(both.folder / "a.mp4", seconds=1)).json["jobId"]
        self.assertEqual("completed", both.wait_job(job)["status"])
        self.assertEqual("both", both.get(f"/api/jobs/{job}")["attemptHistory"][0]["worker"])
        self.assertIn("troupe_executors", both.request("GET", "/metrics").body.decode())

    def test_a_stop_without_a_coordinator(self):
        self.coordinator.kill()
        self.coordinator.process.wait(5)
        wait_until("the gateway has noticed", lambda: check_of(self.gateway, "cluster")["status"] == "degraded", 10)
        self.assertEqual(0, self.gateway.stop(seconds=15))


class GatewayCertificates(TestCase):
    def test_a_gateway_needs_a_certificate_that_says_so(self):
        place = pathlib.Path(tempfile.mkdtemp(prefix="troupe-test-"))
        nodes = []

        def add(**settings):
            nodes.append(node(**settings))
            return nodes[-1]
        try:
            home = Authority(place / "home")
            coordinator = add(node__roles="coordinator", mesh__identity=home.issue("anna", "coordinator"))
            coordinator.start(wait=False)
            gina = home.issue("gina", "gateway")
            gateway = add(data=coordinator.data, node__roles="gateway", mesh__identity=gina,
                          mesh__coordinator=coordinator.mesh).start()
            wait_until("it has joined", lambda: joined(gateway))
            self.assertEqual([], gateway.get("/api/videos")["videos"])
            self.assertIn("gateway gina has come in", coordinator.tail(200))
            ben = home.issue("ben", "worker")
            refused = add(data=coordinator.data, node__roles="gateway", mesh__identity=ben,
                          mesh__coordinator=coordinator.mesh)
            refused.start(wait=False)
            self.assertEqual(1, refused.process.wait(20))
            self.assertIn("node.roles has gateway, which the certificate", refused.tail())
            # One whose node does not look at it is refused at the door, and both say why.
            refused.env["TROUPE_TEST_UNCHECKED_ROLES"] = "1"
            refused.start(wait=False)
            self.assertEqual(1, refused.process.wait(20))
            why = "the certificate of 'ben' does not grant the role gateway; issue one with '--role gateway'"
            self.assertIn(why, refused.tail())
            self.assertIn(f"refused gateway 'ben': {why}", coordinator.tail(200))
        finally:
            for n in reversed(nodes):
                n.close()
            shutil.rmtree(place, ignore_errors=True)
