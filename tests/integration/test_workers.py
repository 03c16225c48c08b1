"""Workers as processes of their own, over BASP on loopback: leases, fencing, a coordinator that goes and comes back."""

import datetime
import json
import os
import random
import signal
import socket
import time

from support import SLOW_TRANSCODE, Node, TestCase, executors_of, leftovers, rounds, synth, wait_until


def cluster(workers=2, lease="1s"):
    coordinator = Node(node__roles="coordinator,gateway", jobs__lease=lease)
    coordinator.start()
    nodes = []
    for i in range(workers):
        nodes.append(Node(data=coordinator.data, node__roles="worker", node__name=f"w{i}",
                          mesh__coordinator=coordinator.mesh).start())
    wait_until("all workers are ready", lambda: len(ready_workers(coordinator)) == workers)
    return coordinator, nodes


def workers_of(node):
    return json.loads(node.cli("workers", "-o", "json").stdout)["workers"]


def ready_workers(node):
    """Those that have found out what they can encode, which takes a moment after they joined: a film that is taken
    before that is not split among them."""
    return [w for w in workers_of(node) if any(c.startswith("encoder:") for c in w["capabilities"])]


def close_all(coordinator, nodes):
    for n in nodes:
        n.close()
    coordinator.close()


def add_film(node, seconds, size="640x360"):
    film = synth(node.folder / f"film{os.urandom(3).hex()}.mp4", seconds=seconds, size=size)
    job = node.upload(film).json["jobId"]
    assert node.wait_job(job)["status"] == "completed"
    return node.get("/api/videos")["videos"][0]["id"]


class Workers(TestCase):
    def test_stopped_worker_changes_nothing_afterwards(self):
        """SIGSTOP past the lease, the job finished by the other, SIGCONT: over seeds."""
        first = int(os.environ.get("TROUPE_SEED", "1"))
        coordinator, nodes = cluster()
        try:
            video = add_film(coordinator, 20)
            for seed in range(first, first + rounds(4, 50)):
                with self.subTest(seed=seed):
                    self.one_stop(coordinator, nodes, video, random.Random(seed))
        finally:
            close_all(coordinator, nodes)

    def one_stop(self, node, nodes, video, rng):
        before = len(node.get(f"/api/videos/{video}")["renditions"])
        job = node.post(f"/api/videos/{video}/transcode", SLOW_TRANSCODE,
                        headers={"Idempotency-Key": os.urandom(8).hex()})["jobId"]
        name = wait_until("it runs", lambda: node.get(f"/api/jobs/{job}").get("worker"))
        held = next(n for n in nodes if n.settings["node.name"] == name)
        time.sleep(rng.uniform(0, 0.6))
        held.kill(signal.SIGSTOP)
        try:
            done = node.wait_job(job, seconds=60)
            self.assertEqual(done["status"], "completed", done)
            detail = node.get(f"/api/jobs/{job}")
        finally:
            held.kill(signal.SIGCONT)
        time.sleep(rng.uniform(0.5, 1.5))
        after = node.get(f"/api/jobs/{job}")
        self.assertEqual(after["status"], "completed")
        self.assertEqual(after["attemptHistory"], detail["attemptHistory"])
        self.assertEqual(after["finishedAt"], detail["finishedAt"])
        self.assertEqual(len(node.get(f"/api/videos/{video}")["renditions"]), before + 1)
        wait_until("the late worker has removed what it made", lambda: not leftovers(node.data), 15)
        wait_until("both workers are back", lambda: len(workers_of(node)) == 2)

    def test_addresses_are_tried_in_turn(self):
        """One where nobody listens, one that accepts and stays silent, and the coordinator's."""
        coordinator = Node(node__roles="coordinator,gateway").start()
        with socket.create_server(("127.0.0.1", 0)) as silent:
            places = f"127.0.0.1:1, 127.0.0.1:{silent.getsockname()[1]},{coordinator.mesh}"
            worker = Node(data=coordinator.data, node__roles="worker", node__name="w", mesh__coordinator=places)
            try:
                worker.start()
                wait_until("it has joined", lambda: workers_of(coordinator))
            finally:
                close_all(coordinator, [worker])

    def test_a_worker_says_what_it_waits_for_and_stops_when_it_is_told(self):
        worker = Node(node__roles="worker", mesh__coordinator="127.0.0.1:1")
        try:
            worker.start(wait=False)
            wait_until("it says so", lambda: "nobody answers at 127.0.0.1:1" in worker.tail(), 10)
            time.sleep(1)
            self.assertEqual(1, worker.log.read_text().count("nobody answers at"), worker.tail())
            began = time.monotonic()
            worker.kill(signal.SIGTERM)
            self.assertEqual(0, worker.process.wait(20))
            self.assertLess(time.monotonic() - began, 10)
        finally:
            worker.close()

    def test_coordinator_killed_and_nothing_redone(self):
        coordinator, nodes = cluster(lease="8s")
        try:
            video = add_film(coordinator, 40)
            job = coordinator.post(f"/api/videos/{video}/transcode", SLOW_TRANSCODE)["jobId"]
            wait_until("it runs", lambda: coordinator.job(job)["status"] == "running")
            time.sleep(0.5)
            coordinator.kill()
            coordinator.process.wait(5)
            running = [n for n in nodes if executors_of(n.process.pid)]
            self.assertTrue(running, "the worker dropped its work with the coordinator")
            coordinator.start()
            done = coordinator.wait_job(job, seconds=120)
            self.assertEqual(done["status"], "completed")
            detail = coordinator.get(f"/api/jobs/{job}")
            self.assertEqual(detail["attempts"], 1, detail)
            self.assertEqual([a["end"] for a in detail["attemptHistory"] if a["end"] != "delegated"], ["completed"])
        finally:
            close_all(coordinator, nodes)

    def test_a_coordinator_that_stood_still_loses_nobody(self):
        """SIGSTOP for longer than a lease: what runs on the workers goes on, and is theirs."""
        coordinator, nodes = cluster(lease="6s")
        try:
            video = add_film(coordinator, 40)
            job = coordinator.post(f"/api/videos/{video}/transcode", SLOW_TRANSCODE)["jobId"]

            def at_work():
                """Parts of the picture that have been made for half a second: not only in the coordinator's rows. The
                sound is done so soon that what follows it may be under way when the coordinator stops."""
                parts = [coordinator.get(f"/api/jobs/{x}") for x in coordinator.job(job)["children"]]
                since = (datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=0.5)).isoformat()
                return [x["id"] for x in parts if x["kind"] == "encode_chunk" and x["status"] == "running"
                        and x["startedAt"] < since]

            running = wait_until("both work", lambda: x if len(x := at_work()) >= 2 else None)
            coordinator.kill(signal.SIGSTOP)
            time.sleep(9)
            coordinator.kill(signal.SIGCONT)
            self.assertEqual(coordinator.wait_job(job, seconds=120)["status"], "completed")
            ran = [coordinator.get(f"/api/jobs/{x}")["attemptHistory"] for x in running]
            self.assertEqual([["completed"]] * len(ran), [[a["end"] for a in x] for x in ran], ran)
        finally:
            close_all(coordinator, nodes)

    def test_killed_worker_is_replaced_within_the_lease(self):
        coordinator, nodes = cluster()
        try:
            video = add_film(coordinator, 20)
            job = coordinator.post(f"/api/videos/{video}/transcode", SLOW_TRANSCODE)["jobId"]
            name = wait_until("it runs", lambda: coordinator.get(f"/api/jobs/{job}").get("worker"))
            victim = next(n for n in nodes if n.settings["node.name"] == name)
            victim.kill_hard()
            began = time.monotonic()
            wait_until("it runs on the other", lambda: coordinator.get(f"/api/jobs/{job}").get("worker")
                       not in (None, "", name), 20)
            # lease 1 s, no backoff for a first loss, and a little for the machine.
            self.assertLess(time.monotonic() - began, 4)
            self.assertEqual(coordinator.wait_job(job)["status"], "completed")
        finally:
            close_all(coordinator, nodes)


class Housekeeping(TestCase):
    def test_a_coordinator_without_workers_keeps_its_own_house(self):
        with Node(node__roles="coordinator,gateway", node__name="anna", health__interval="1s") as node:
            # The one of this hour.
            first = wait_until("the cleanup is done",
                               lambda: node.get("/api/jobs?kind=scheduled_cleanup&status=completed")["jobs"])[0]
            self.assertEqual("anna", node.get(f"/api/jobs/{first['id']}")["worker"])
            # What nobody names, and is older than an hour.
            left = node.data / "renditions" / f"{'0' * 25}1-1.mp4"
            left.write_bytes(b"film")
            os.utime(left, (time.time() - 7200,) * 2)
            self.assertEqual("completed", node.wait_job(node.post("/api/jobs", {"kind": "scheduled_cleanup"})["jobId"])["status"])
            self.assertFalse(left.exists())
            # Nobody takes it for a worker.
            self.assertEqual([], workers_of(node))
            waiting = node.post("/api/jobs", {"kind": "noop"})["jobId"]
            wait_until("it says why it waits", lambda: node.get(f"/api/jobs/{waiting}/explain")["reasons"]
                       == ["no worker is connected"])
            wait_until("health says so", lambda: "no worker is connected" in
                       node.get("/api/health")["checks"]["cluster"].get("error", ""))
            listed = node.get("/api/admin/nodes")["data"]["nodes"]
            self.assertEqual([("anna", True, ["scheduled_cleanup"])],
                             [(x["name"], x["embedded"], x["kinds"]) for x in listed])
            self.assertIn("housekeeping", node.cli("nodes").stdout)
            self.assertEqual(0, node.stop())
