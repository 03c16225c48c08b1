"""Nodes whose way to the coordinator's file server is another one than to its mesh, or none."""

import hashlib
import json
import pathlib
import shutil
import tempfile

from certificates import Authority
from namespaces import Forwarder, Here
from support import Node, TestCase, free_port, synth, wait_until
from test_split import transcode
from test_workers import close_all, workers_of

#: Another address of this machine, beside that of the mesh.
ELSEWHERE = "127.0.0.2"


class OutOfReach(TestCase):
    def problems_of(self, name):
        done = self.node.cli("nodes", "show", name, "-o", "json", check=False)
        return json.loads(done.stdout).get("problems", []) if done.returncode == 0 else []

    def test_a_worker_takes_no_work_until_it_reaches_the_files(self):
        """Others are sent to an address where nobody listens: a firewall that knows of the mesh's port only."""
        port = free_port()
        self.node = Node(node__roles="coordinator,gateway", files__address=ELSEWHERE, files__host="127.0.0.1",
                         files__port=port).start()
        far = Node(node__roles="worker", node__name="far", mesh__coordinator=self.node.mesh, worker__library_check="1s")
        near = Node(data=self.node.data, node__roles="worker", node__name="near", mesh__coordinator=self.node.mesh)
        self.addCleanup(lambda: close_all(self.node, [far, near]))
        far.start()
        said = wait_until("the problem is told", lambda: self.problems_of("far"))
        self.assertIn(f"node far can't reach the coordinator's files: 127.0.0.1:{port} can't be reached: Connection refused",
                      said[0])
        self.assertIn("files.port", said[0])
        film = synth(self.node.folder / "film.mp4", seconds=2)
        job = self.node.upload(film).json["jobId"]
        wait_until("explain says so, too",
                   lambda: "can't reach the coordinator's files" in self.node.cli("jobs", "explain", job).stdout, 10)
        self.assertEqual("queued", self.node.job(job)["status"])
        near.start()
        self.assertEqual("completed", self.node.wait_job(job)["status"])
        history = self.node.get(f"/api/jobs/{job}")["attemptHistory"]
        self.assertEqual([("near", "completed")], [(x["worker"], x["end"]) for x in history])
        near.stop()
        wait_until("only it is left", lambda: ["far"] == [w["node"] for w in workers_of(self.node)])
        video = self.node.get("/api/videos")["videos"][0]["id"]
        job = transcode(self.node, video)
        opened = Forwarder(port, Here(), ELSEWHERE, port)
        self.addCleanup(opened.close)
        done = self.node.wait_job(job, seconds=90)
        self.assertEqual("completed", done["status"], done)
        self.assertEqual([("far", "completed")],
                         [(x["worker"], x["end"]) for x in self.node.get(f"/api/jobs/{job}")["attemptHistory"]])
        self.assertEqual([], self.problems_of("far"))

    def test_a_gateway_says_that_it_can_not_send_files(self):
        port = free_port()
        self.node = Node(node__roles="coordinator,gateway", files__address=ELSEWHERE, files__host="127.0.0.1",
                         files__port=port).start()
        gina = Node(node__roles="gateway", node__name="gina", mesh__coordinator=self.node.mesh, worker__library_check="1s")
        self.addCleanup(lambda: close_all(self.node, [gina]))
        gina.start()

        def cluster():
            return gina.request("GET", "/api/health").json["checks"]["cluster"]
        said = wait_until("it is told", lambda: (lambda x: x if "coordinator's files" in x.get("error", "") else None)(cluster()))
        self.assertEqual("degraded", said["status"])
        self.assertIn(f"node gina can't reach the coordinator's files: 127.0.0.1:{port}", said["error"])
        opened = Forwarder(port, Here(), ELSEWHERE, port)
        self.addCleanup(opened.close)
        wait_until("it is well again", lambda: "coordinator's files" not in cluster().get("error", ""))


class StorageNetwork(TestCase):
    """Files of the coordinator are at another address than its mesh, by mutual TLS, and nobody is told but by it."""

    def setUp(self):
        self.place = pathlib.Path(tempfile.mkdtemp(prefix="troupe-test-"))
        self.addCleanup(lambda: shutil.rmtree(self.place, ignore_errors=True))
        self.authority = Authority(self.place / "home")

    def test_a_far_worker_and_a_far_gateway(self):
        papers = self.authority.issue("anna", "coordinator", "gateway", hosts=("127.0.0.1", ELSEWHERE))
        node = Node(node__roles="coordinator,gateway", mesh__identity=papers, files__address=ELSEWHERE).start()
        far = Node(node__roles="worker", mesh__identity=self.authority.issue("ben", "worker"), mesh__coordinator=node.mesh)
        gina = Node(node__roles="gateway", mesh__identity=self.authority.issue("gina", "gateway"),
                    mesh__coordinator=node.mesh)
        self.addCleanup(lambda: close_all(node, [far, gina]))
        far.start()
        gina.start()
        film = synth(node.folder / "film.mp4", seconds=4)
        ingest = node.wait_job(node.upload(film).json["jobId"])
        self.assertEqual("completed", ingest["status"], ingest)
        video = ingest["result"]["video"]["id"]
        made = node.wait_job(transcode(node, video), seconds=90)
        self.assertEqual("completed", made["status"], made)
        self.assertTrue((node.data / made["result"]["rendition"]["file"]).stat().st_size > 0)
        self.assertEqual(["ben"], [x["worker"] for x in node.get(f"/api/jobs/{made['id']}")["attemptHistory"]])
        sent = gina.request("GET", f"/api/videos/{video}/stream")
        self.assertEqual(200, sent.status, sent.body[:300])
        self.assertEqual(hashlib.sha256(film.read_bytes()).digest(), hashlib.sha256(sent.body).digest())

    def test_a_certificate_for_another_address_is_told_at_the_start(self):
        papers = self.authority.issue("anna", "coordinator", "gateway")
        node = Node(node__roles="coordinator,gateway", mesh__identity=papers, files__address=ELSEWHERE)
        self.addCleanup(node.close)
        node.start(wait=False)
        node.process.wait(20)
        self.assertNotEqual(0, node.process.returncode)
        wait_until("it says why", lambda: f"others would be told to go to {ELSEWHERE}, but the certificate in" in node.tail(), 5)
