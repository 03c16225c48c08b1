"""Nodes as administrators see and steer them: drained, quarantined, with other slots, refused at the door; live."""

import json
import os
import pathlib
import shutil
import tempfile
import time

from support import SLOW_TRANSCODE, Node, TestCase, WebSocket, executors_of, free_port, sample_metrics, wait_until
from test_certificates import Authority
from test_split import transcode
from test_workers import add_film, close_all, cluster


def nodes_of(node):
    return {x["name"]: x for x in node.get("/api/admin/nodes")["data"]["nodes"]}


def workers_among(nodes):
    """Names; without the coordinator, which is there for its housekeeping."""
    return {x["name"] for x in nodes if not x["embedded"]}


def running_on(node, name):
    return nodes_of(node)[name]["running"]


def noops(node, count):
    """Jobs that every node could do at once; where each of them was done."""
    ids = [node.post("/api/jobs", {"kind": "noop"}, headers={"Idempotency-Key": os.urandom(8).hex()})["jobId"]
           for _ in range(count)]
    for job in ids:
        node.wait_job(job)
    return [node.get(f"/api/jobs/{job}")["worker"] for job in ids]


class Nodes(TestCase):
    def setUp(self):
        self.node, self.workers = cluster(2)
        self.addCleanup(lambda: close_all(self.node, self.workers))

    def admin(self, name, action, body=None, expect=200):
        answer = self.node.request("POST", f"/api/admin/nodes/{name}/{action}", body or {})
        self.assertEqual(expect, answer.status, answer.body)
        return answer.json

    def patch(self, name, body, expect=200, **kw):
        answer = self.node.request("PATCH", f"/api/admin/nodes/{name}", body, **kw)
        self.assertEqual(expect, answer.status, answer.body)
        return answer.json

    def test_what_nodes_run_and_can_encode(self):
        """Each offers the encoders that its executor has tested, once it has; an executor that was only asked has ended."""
        for name in ("w0", "w1"):
            one = wait_until(f"{name} has told its encoders", lambda: (x := nodes_of(self.node)[name])["encoders"] and x)
            self.assertIn("libx264", one["encoders"])
            self.assertIn("encoder:libx264", one["capabilities"])
            self.assertTrue(one["software"])
            self.assertFalse(one["otherSoftware"])
            self.assertEqual([], one["problems"])
        shown = self.node.cli("nodes", "show", "w0").stdout
        self.assertRegex(shown, r"(?m)^Version: +\d+\.\d+")
        self.assertRegex(shown, r"(?m)^Encoders: .*libx264")
        self.assertNotRegex(shown, r"(?m)^Capabilities: .*encoder:")
        for worker in self.workers:
            wait_until("no executor is left", lambda: not executors_of(worker.process.pid), 10)
        job = transcode(self.node, add_film(self.node, 2))
        self.assertEqual(self.node.wait_job(job)["status"], "completed")

    def test_draining_lets_work_end_and_gives_no_more(self):
        video = add_film(self.node, 20)
        job = transcode(self.node, video)
        name = wait_until("a node works", lambda: next((n for n, x in nodes_of(self.node).items() if x["running"]), None))
        drained = self.admin(name, "drain", {"reason": "a new disk"})
        self.assertTrue(drained["success"])
        self.assertEqual(("draining", "a new disk"), (drained["data"]["state"], drained["data"]["reason"]))
        other = next(n for n in ("w0", "w1") if n != name)
        self.assertEqual({other}, set(noops(self.node, 20)))
        self.assertEqual("completed", self.node.wait_job(job)["status"])
        # What ran there when it was drained was not taken away.
        log = json.loads(self.node.cli("jobs", "log", job, "-o", "json").stdout)["attempts"]
        self.assertFalse([a for a in log if a["end"] not in ("completed", "delegated")], log)
        self.assertEqual(0, running_on(self.node, name))
        self.assertIn("a new disk", self.node.cli("nodes", "show", name).stdout)
        self.admin(other, "drain")
        waiting = self.node.post("/api/jobs", {"kind": "noop"})["jobId"]
        wait_until("it says why it waits", lambda: "is drained: a new disk" in str(
            self.node.get(f"/api/jobs/{waiting}/explain")["reasons"]))
        self.admin(name, "undrain")
        self.assertEqual("completed", self.node.wait_job(waiting)["status"])
        self.assertEqual(name, self.node.get(f"/api/jobs/{waiting}")["worker"])

    def test_slots_hold_at_once_and_after_a_restart(self):
        self.admin("w1", "drain")
        self.patch("w0", {"slots": {"video": 1}, "weight": 0.5, "hours": ["00:00-24:00"]})
        self.assertEqual(1, nodes_of(self.node)["w0"]["queues"]["video"]["slots"])
        video = add_film(self.node, 5)
        wishes = [dict(SLOW_TRANSCODE, name=f"n{i}") for i in range(3)]
        jobs = [transcode(self.node, video, wish) for wish in wishes]
        most = 0
        while not all(self.node.job(j)["status"] in ("completed", "failed") for j in jobs):
            most = max(most, nodes_of(self.node)["w0"]["queues"]["video"]["used"])
            time.sleep(0.02)
        self.assertEqual(1, most)
        self.patch("w0", {"slots": {"video": None}})
        self.assertGreater(nodes_of(self.node)["w0"]["queues"]["video"]["slots"], 1)
        self.node.cli("nodes", "set", "w0", "--slots", "video=3")
        self.node.kill_hard()
        self.node.start()
        wait_until("the worker is back", lambda: nodes_of(self.node).get("w0", {}).get("connected"))
        back = nodes_of(self.node)
        self.assertEqual((3, 0.5), (back["w0"]["queues"]["video"]["slots"], back["w0"]["weight"]))
        self.assertEqual("draining", back["w1"]["state"])

    def test_quarantine_by_hand(self):
        out = self.node.cli("nodes", "quarantine", "w0", "--reason", "it is loud").stdout
        self.assertIn("quarantined: it is loud", out)
        self.assertEqual({"w1"}, set(noops(self.node, 20)))
        self.assertEqual("quarantined", nodes_of(self.node)["w0"]["status"])
        metrics = self.node.request("GET", "/metrics").body.decode()
        self.assertIn('troupe_nodes{state="quarantined"} 1\n', metrics)
        self.assertIn('troupe_node_slots{node="w1",queue="video"}', metrics)
        self.node.cli("nodes", "unquarantine", "w0")
        wait_until("it works again", lambda: "w0" in noops(self.node, 20))

    def test_writes_are_checked(self):
        self.admin("nobody", "drain", expect=404)
        self.assertEqual(6, self.node.cli("nodes", "drain", "nobody", check=False).returncode)
        bad = self.patch("w0", {"slots": {"nonsense": 1}, "weight": 0, "hours": ["never"]}, expect=400)
        self.assertEqual({"slots", "weight", "hours"}, set(bad["error"]["details"]))
        tag = self.node.request("GET", "/api/admin/nodes/w0").headers["etag"]
        self.patch("w0", {"weight": 2}, headers={"If-Match": tag})
        self.patch("w0", {"weight": 3}, expect=412, headers={"If-Match": tag})
        self.assertEqual(2, nodes_of(self.node)["w0"]["weight"])

    def test_topic_nodes(self):
        live = WebSocket(self.node.port)
        self.addCleanup(live.close)
        live.send({"type": "subscribe", "topics": ["nodes"]})

        def next_of(kind, check=lambda x: True):
            until = time.monotonic() + 15
            while time.monotonic() < until:
                x = live.receive(15)
                if x["type"] == kind and check(x):
                    return x
            raise AssertionError(f"no {kind}")

        first = next_of("snapshot")
        self.assertEqual({"w0", "w1"}, workers_among(first["nodes"]))
        self.admin("w0", "drain", {"reason": "live"})
        told = next_of("node_update", lambda x: x["name"] == "w0")
        self.assertEqual(("draining", "live", "nodes"), (told["state"], told["reason"], told["topic"]))
        self.workers[1].kill_hard()
        next_of("node_update", lambda x: x["name"] == "w1" and not x["connected"])
        self.workers[1].start()
        next_of("node_update", lambda x: x["name"] == "w1" and x["connected"])

    def test_a_transcode_over_nodes_is_running(self):
        video = add_film(self.node, 60)
        job = transcode(self.node, video)
        seen = set()

        def done():
            now = self.node.job(job)
            if now["children"] and now["status"] not in ("completed", "failed"):
                seen.add(now["status"])
                listed = lambda s: job in [x["id"] for x in self.node.get(f"/api/jobs?status={s}&limit=100")["jobs"]]
                self.assertFalse(listed("waiting"))
            return now["status"] in ("completed", "failed")

        wait_until("it is done", done, 120)
        self.assertLessEqual(seen, {"running", "queued"})
        self.assertIn("running", seen)
        shown = self.node.cli("jobs", "show", job).stdout
        self.assertIn("encode_chunk", shown)
        log = json.loads(self.node.cli("jobs", "log", job, "-o", "json").stdout)["attempts"]
        self.assertEqual(["transcode", "transcode"], [a["kind"] for a in log if a["job"] == job])
        self.assertEqual(log, sorted(log, key=lambda a: a["startedAt"]))
        self.assertEqual({"w0", "w1"}, {a["worker"] for a in log if a["kind"] == "encode_chunk"})
        top = json.loads(self.node.cli("top", "-o", "json").stdout)
        self.assertEqual({"w0", "w1"}, workers_among(top["nodes"]))
        self.assertEqual(3, len(top["nodes"]))
        self.assertIn("nodes here", self.node.cli("top").stdout)


class Cluster(TestCase):
    """A coordinator, a gateway and a worker that has none of its files, each with a certificate of its own."""

    def setUp(self):
        self.place = pathlib.Path(tempfile.mkdtemp(prefix="troupe-test-"))
        self.addCleanup(lambda: shutil.rmtree(self.place, ignore_errors=True))
        ca = Authority(self.place / "ca")
        self.c = self.start(node__roles="coordinator,gateway", jobs__lease="3s", files__port=free_port(),
                            mesh__identity=ca.issue("c", "coordinator", "gateway"))
        self.g = self.start(node__roles="gateway", mesh__coordinator=self.c.mesh, mesh__identity=ca.issue("g", "gateway"))
        self.w = self.start(node__roles="worker", mesh__coordinator=self.c.mesh, mesh__identity=ca.issue("w", "worker"))
        wait_until("all are there", lambda: {"c", "g", "w"} == {n for n, x in nodes_of(self.c).items() if x["connected"]})

    def start(self, **settings):
        node = Node(**settings)
        self.addCleanup(node.close)
        node.start()
        return node

    def test_roles_and_a_gateway_that_comes_and_goes(self):
        live = WebSocket(self.c.port)
        self.addCleanup(live.close)
        live.send({"type": "subscribe", "topics": ["nodes"]})

        def told(check):
            until = time.monotonic() + 20
            while time.monotonic() < until:
                x = live.receive(20)
                if x["type"] == "node_update" and x["name"] == "g" and check(x):
                    return x
            raise AssertionError("nobody tells of the gateway")

        now = nodes_of(self.g)
        self.assertEqual((["coordinator", "gateway"], ["gateway"], ["worker"]), tuple(now[n]["roles"] for n in "cgw"))
        self.assertEqual(("active", True, False), tuple(now["g"][x] for x in ("status", "connected", "open")))
        self.assertEqual((now["c"]["software"], False), (now["g"]["software"], now["g"]["otherSoftware"]))
        self.assertRegex(self.c.cli("nodes", "show", "g").stdout, "New work: +no: it is a gateway and runs no jobs")
        refused = self.c.request("POST", "/api/admin/nodes/g/drain", {})
        self.assertEqual((409, "CONFLICT"), (refused.status, refused.json["error"]["code"]))
        self.assertIn("is a gateway and runs no jobs", self.c.cli("nodes", "drain", "g", check=False).stderr)
        self.assertEqual({"w"}, set(noops(self.c, 10)))
        self.g.kill_hard()
        self.assertEqual("away", told(lambda x: not x["connected"])["status"])
        self.assertEqual(["gateway"], nodes_of(self.c)["g"]["roles"])
        self.g.start()
        self.assertEqual("active", told(lambda x: x["connected"])["status"])

    def test_links_and_disks(self):
        add_film(self.c, 5)
        now = wait_until("the film's way is told", lambda: (x := nodes_of(self.g))["w"]["links"] and x)
        (theirs,), (ours,) = now["w"]["links"], [x for x in now["c"]["links"] if x["node"] == "w"]
        self.assertEqual(("c", ours["sent"], ours["received"]), (theirs["node"], theirs["received"], theirs["sent"]))
        self.assertGreater(theirs["received"], 1000)
        # Pictures went back.
        self.assertGreater(theirs["sent"], 100)
        disks = wait_until("disks were looked at", lambda: (x := nodes_of(self.g))["w"]["disks"] and x["c"]["disks"] and x)
        self.assertEqual((["data"], ["cache"]), tuple([d["use"] for d in disks[n]["disks"]] for n in "cw"))
        for name in "cw":
            self.assertTrue(0 < disks[name]["disks"][0]["free"] <= disks[name]["disks"][0]["total"])
        metrics = sample_metrics(self.g)
        self.assertGreaterEqual(metrics['troupe_file_bytes_total{node="w",direction="out"}'], theirs["received"])
        self.assertGreaterEqual(metrics['troupe_file_bytes_total{node="c",direction="out"}'], theirs["sent"])
        self.assertGreater(metrics['troupe_node_disk_free_bytes{node="c",use="data"}'], 0)
        shown = self.c.cli("nodes", "show", "w").stdout
        self.assertRegex(shown, r"(?m)^Disks: +cache .* free of ")
        self.assertRegex(shown, r"(?m)^c +\d.* KiB|^c +\d.* MiB")
        self.assertIn("RECEIVED", self.c.cli("nodes", "-o", "wide").stdout)


class Refused(TestCase):
    def test_a_peer_that_is_not_let_in_is_listed_with_the_reason(self):
        place = pathlib.Path(tempfile.mkdtemp(prefix="troupe-test-"))
        self.addCleanup(lambda: shutil.rmtree(place, ignore_errors=True))
        ca = Authority(place / "ca")
        coordinator = Node(node__roles="coordinator,gateway", mesh__identity=ca.issue("c", "coordinator", "gateway"))
        self.addCleanup(coordinator.close)
        coordinator.start()
        # Its certificate is good, but for another role, which it does not look at itself.
        stranger = Node(data=coordinator.data, env={"TROUPE_TEST_UNCHECKED_ROLES": "1"}, node__roles="worker",
                        mesh__coordinator=coordinator.mesh, mesh__identity=ca.issue("g", "gateway"))
        self.addCleanup(stranger.close)
        stranger.start(wait=False)
        refused = wait_until("it is refused", lambda: coordinator.get("/api/admin/nodes")["data"]["refused"])
        self.assertEqual(("g", "worker"), (refused[0]["name"], refused[0]["role"]))
        self.assertIn("does not grant the role worker", refused[0]["reason"])
        self.assertIn("does not grant the role worker", coordinator.cli("nodes").stdout)
        # And at its own end.
        wait_until("it says so itself", lambda: "does not grant the role worker" in stranger.tail())
