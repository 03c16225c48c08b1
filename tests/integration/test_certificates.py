"""Nodes with certificates: who comes in over TLS, who is refused and why, and what strangers can do at the port."""

import json
import pathlib
import shutil
import socket
import subprocess
import tempfile

from certificates import Authority, Stranger, troupe
from faked_clock import shifted
from namespaces import Here
from support import BIN, Node, TestCase, free_port, synth, wait_until


class Certificates(TestCase):
    @classmethod
    def setUpClass(cls):
        cls.place = pathlib.Path(tempfile.mkdtemp(prefix="troupe-test-"))
        cls.home = Authority(cls.place / "home")
        cls.foreign = Authority(cls.place / "foreign")
        cls.anna = cls.home.issue("anna", "coordinator", "gateway")
        cls.ben = cls.home.issue("ben", "worker")
        cls.laptop = cls.home.issue("laptop", "admin")
        cls.stranger = cls.foreign.issue("laptop", "admin", "coordinator", "worker")
        cls.expired = cls.home.expired("old", "admin", "worker")
        cls.brief = cls.home.issue("brief", "admin", before=shifted("-36h"), days=1)
        cls.node = Node(node__roles="coordinator,gateway", mesh__identity=cls.anna)
        cls.node.start()

    @classmethod
    def tearDownClass(cls):
        cls.node.close()
        shutil.rmtree(cls.place, ignore_errors=True)

    def at_the_port(self):
        return Stranger(Here(), *self.node.mesh.rsplit(":", 1))

    def test_a_job_on_a_worker_over_tls(self):
        worker = Node(data=self.node.data, node__roles="worker", mesh__coordinator=self.node.mesh, mesh__identity=self.ben)
        try:
            worker.start()
            # It is ready when it was let in; its hello comes after that.
            wait_until("it has joined", lambda: ["ben"] == [w["node"] for w in json.loads(troupe(
                "workers", "-o", "json", identity=self.laptop, node=self.node.mesh, check=True).stdout)["workers"]], 10)
            film = synth(self.node.folder / "film.mp4", seconds=2)
            job = self.node.upload(film).json["jobId"]
            self.assertEqual("completed", self.node.wait_job(job)["status"])
            self.assertEqual("ben", self.node.get(f"/api/jobs/{job}")["attemptHistory"][0]["worker"])
        finally:
            worker.close()

    def test_logs_call_a_node_as_lists_do(self):
        """By its certificate's name, not by the machine's."""
        worker = Node(data=self.node.data, node__roles="worker", mesh__coordinator=self.node.mesh, mesh__identity=self.ben,
                      log__format="json")
        try:
            worker.start()
            lines = wait_until("it has joined", lambda: [
                json.loads(x) for x in worker.log.read_text().splitlines() if x.startswith("{") and x.endswith("}")])
            self.assertEqual({"ben"}, {line["node"] for line in lines})
        finally:
            worker.close()

    def test_a_certificate_opens_no_more_than_its_role(self):
        host, port = self.node.mesh.rsplit(":", 1)

        def attack(role, name, papers):
            """What a peer asks for that its role is not for (tests/support/hostile_peer.cpp) → what came of it."""
            program = BIN.parent / "tests/support/hostile_peer"
            done = subprocess.run([program, host, port, papers, role, name, "somebody", self.anna],
                                  capture_output=True, text=True, timeout=120)
            self.assertEqual(0, done.returncode, done.stderr)
            return dict(line.split(" ", 1) for line in done.stdout.splitlines())

        def paused():
            done = troupe("queue", "ls", "-o", "json", identity=self.laptop, node=self.node.mesh, check=True)
            return [q["name"] for q in json.loads(done.stdout)["queues"] if q["paused"]]

        def untouched(got):
            """Nobody is ended by a message, and CAF's own actors are not there for peers."""
            self.assertEqual(("0", "lives", "lives"), tuple(got.pop(x) for x in ("named", "facade", "door")))
            self.assertEqual([], [line for line in self.node.tail(2000).splitlines() if restarted(line)])

        def restarted(line):
            return "supervision:" in line and "/door " in line
        # An administrator has been there: what it works with is nobody else's either.
        self.assertEqual([], paused())
        got = attack("worker", "ben", self.ben)
        self.assertEqual("0", got.pop("guessed"))
        untouched(got)
        # What only a worker that has joined may do has a code of its own.
        self.assertEqual({"renew_leases": "unavailable", "get_file": "unavailable"},
                         {what: code for what, code in got.items() if code != "forbidden"})
        self.assertEqual([], paused())
        got = attack("gateway", "gate", self.home.issue("gate", "gateway"))
        # A gateway administers for its clients, but nobody makes a library of the coordinator's papers.
        self.assertEqual("0", got.pop("guessed"))
        untouched(got)
        self.assertEqual({"add_library", "get_tree", "renew_leases", "get_file", "hello"},
                         {what for what, code in got.items() if code == "forbidden"}, got)
        self.assertEqual(["video"], paused())
        troupe("queue", "resume", "video", identity=self.laptop, node=self.node.mesh, check=True)

    def test_the_command_line_with_other_papers(self):
        def said(identity):
            done = troupe("status", identity=identity, node=self.node.mesh)
            self.assertNotEqual(0, done.returncode, done.stdout)
            return done.stderr
        self.assertEqual(0, troupe("status", identity=self.laptop, node=self.node.mesh).returncode)
        self.assertEqual(0, troupe("status", identity=self.anna, node=self.node.mesh).returncode)
        self.assertIn("does not grant the role admin", said(self.ben))
        self.assertIn("wants a certificate", said(""))
        self.assertIn("does not speak TLS with the certificates of this cluster", said(self.stranger))
        self.assertIn("has expired", said(self.expired))
        self.assertIn("ca.pem: can't be read", said(self.place / "nowhere"))
        wait_until("the refusal is in the node's log", lambda: "refused admin 'ben'" in self.node.tail(400), 5)
        # Those whom TLS turned away, too; but nobody who only looks whether the port is there.
        host, port = self.node.mesh.rsplit(":", 1)
        for _ in range(3):
            socket.create_connection((host, int(port)), 5).close()
        # Which side ends it is a race of the two.
        self.assertTrue(self.turned_away() & {"its certificate is of another authority",
                                              "it has another authority than this node"})
        self.assertIn("not let in: a caller from 127.0.0.1: ", self.node.tail(400))

    def turned_away(self):
        """Why TLS turned callers away, as administrators see it."""
        done = troupe("nodes", "-o", "json", identity=self.laptop, node=self.node.mesh, check=True)
        callers = [x["reason"] for x in json.loads(done.stdout)["refused"] if "a caller" in x["reason"]]
        out = {x.removeprefix("a caller from 127.0.0.1: ") for x in callers}
        self.assertLessEqual(out, {"its certificate is of another authority", "its certificate has expired",
                                   "it has no certificate", "it has another authority than this node"})
        return out

    def test_nodes_that_are_not_what_they_say(self):
        def refused(**settings):
            node = Node(data=self.node.data, mesh__coordinator=self.node.mesh, **settings)
            try:
                node.start(wait=False)
                self.assertEqual(1, node.process.wait(20))
                return node.tail()
            finally:
                node.close()
        self.assertIn("which the certificate", refused(node__roles="worker", mesh__identity=self.laptop))
        self.assertIn("is for 'ben'; leave node.name out",
                      refused(node__roles="worker", node__name="anna", mesh__identity=self.ben))
        self.assertIn("has expired", refused(node__roles="worker", mesh__identity=self.expired))

    def test_a_door_is_called_by_its_name(self):
        port = self.node.mesh.rsplit(":", 1)[1]
        done = troupe("status", identity=self.laptop, node=f"localhost:{port}")
        self.assertEqual(3, done.returncode)
        self.assertIn("is for 127.0.0.1, not for localhost", done.stderr)

    def test_another_node_does_not_pass_for_the_coordinator(self):
        """A worker of the cluster that listens where the coordinator is looked for."""
        folder = self.home.issue("impostor", "worker")
        for role in ("coordinator", "gateway"):
            self.assertNotIn(role, troupe("cert", "show", folder, check=True).stdout)
        # The node itself refuses to be one; a program that does not is refused by whoever calls.
        done = Node(node__roles="coordinator,gateway", mesh__identity=folder)
        try:
            done.start(wait=False)
            self.assertEqual(1, done.process.wait(20))
            self.assertIn("coordinator, which the certificate", done.tail())
        finally:
            done.close()

    def test_strangers_at_the_port(self):
        # The node speaks first, to who is let in.
        self.assertEqual(b"\0", self.at_the_port().over_tls(self.laptop))
        for who in (None, self.stranger, self.expired):
            said = self.at_the_port().over_tls(who)
            self.assertTrue(said == b"" or str(said).startswith("refused"), f"{who} was let in: {said}")
        self.assertGreaterEqual(len(self.turned_away()), 3)
        self.still_whole()

    def test_what_the_check_says(self):
        def said(identity, address=None):
            done = troupe("cert", "check", address or self.node.mesh, "-o", "json", identity=identity)
            last = json.loads(done.stdout)["findings"][-1]
            self.assertEqual(last["good"], done.returncode == 0)
            return last["what"] + ": " + last["said"]
        port = self.node.mesh.rsplit(":", 1)[1]
        self.assertEqual("our certificate: laptop is accepted", said(self.laptop))
        self.assertIn("its certificate: the certificate of 'anna' is not of this cluster's authority", said(self.stranger))
        self.assertIn("its name: the certificate of 'anna' is for 127.0.0.1", said(self.laptop, f"localhost:{port}"))
        self.assertIn("connection: nobody answers at 127.0.0.1:1", said(self.laptop, "127.0.0.1:1"))
        with Node() as plain:
            self.assertIn("TLS: no handshake", said(self.laptop, plain.mesh))
        # The port of its files speaks TLS with the same certificates, and has to be spoken to.
        files = free_port()
        with Node(node__roles="coordinator,gateway", mesh__identity=self.anna, files__port=files):
            self.assertEqual("our certificate: laptop is accepted at the port of its files", said(self.laptop, f"127.0.0.1:{files}"))
            self.assertIn("is not of this cluster's authority", said(self.stranger, f"127.0.0.1:{files}"))
        # Papers whose parts are of two clusters.
        mixed = self.place / "mixed"
        shutil.copytree(self.stranger, mixed)
        shutil.copy(self.laptop / "ca.pem", mixed / "ca.pem")
        self.assertIn("is not of this cluster's authority",
                      troupe("cert", "check", self.node.mesh, identity=mixed).stderr)

    def test_what_the_doctor_says(self):
        """Of a worker's configuration: its papers, its coordinator, its mounts, and nothing that is not its own."""
        empty = self.place / "empty"
        full = self.place / "full"
        for folder in (empty, full / "films"):
            folder.mkdir(parents=True)
        soon = self.home.issue("soon", "worker", days=20)

        def said(papers, *mounts, coordinator=None):
            sets = {"node.roles": "worker", "mesh.identity": papers, "mesh.coordinator": coordinator or self.node.mesh,
                    "worker.mounts": ",".join(f"/srv/{m.name}={m}" for m in mounts), "node.data": self.place / "data"}
            done = troupe("doctor", "-o", "json", *(f"--set={k}={v}" for k, v in sets.items()))
            return [(x["name"], x["verdict"], x["text"]) for x in json.loads(done.stdout)]

        def of(name, found):
            return [(verdict, text) for what, verdict, text in found if what == name]

        found = said(self.ben, full)
        self.assertEqual([], of("API port", found) + of("mesh port", found) + of("database", found))
        self.assertEqual("ok", of("certificate", found)[0][0])
        self.assertEqual([("ok", f"/srv/full={full}")], of("mount", found))
        (verdict, text), = of("coordinator", found)
        self.assertEqual(("ok", f"{self.node.mesh}: our certificate: ben is accepted"), (verdict, text))
        found = said(soon, empty, self.place / "nowhere", coordinator="127.0.0.1:1")
        self.assertIn("ends in 19 days", of("certificate", found)[0][1])
        self.assertIn("nobody answers at 127.0.0.1:1", of("coordinator", found)[0][1])
        self.assertEqual(["FAIL", "FAIL"], [verdict for verdict, _ in of("mount", found)])
        self.assertIn("is empty; is it mounted?", str(of("mount", found)))
        self.assertIn("is no folder here", str(of("mount", found)))
        found = said(self.laptop, full)
        self.assertIn("node.roles has worker, which the certificate", of("certificate", found)[0][1])

    def test_a_clock_that_is_wrong_here(self):
        """Ours has expired, which a clock that is slow does not notice: the other side does."""
        done = troupe("cert", "check", self.node.mesh, "-o", "json", identity=self.brief,
                      before=shifted("-16h"))
        self.assertEqual(1, done.returncode, done.stderr)
        last = json.loads(done.stdout)["findings"][-1]
        self.assertEqual("our certificate", last["what"])
        self.assertIn("brief is refused: ", last["said"])
        self.assertIn("expired", last["said"])

    def still_whole(self):
        self.assertIsNone(self.node.process.poll(), self.node.tail())
        self.assertEqual(0, troupe("status", identity=self.laptop, node=self.node.mesh).returncode)


class CertCommand(TestCase):
    def test_the_way_a_person_goes(self):
        place = pathlib.Path(tempfile.mkdtemp(prefix="troupe-test-"))
        try:
            def run(*args, status=0):
                done = troupe("cert", *args, "--dir", place / "c")
                self.assertEqual(status, done.returncode, done.stdout + done.stderr)
                return done.stdout + done.stderr
            self.assertIn("troupe cert init", run("issue", "anna", "--role", "worker", status=6))
            self.assertIn("troupe cert issue", run("init"))
            self.assertIn("there is an authority already", run("init", status=1))
            self.assertIn("mesh.identity", run("issue", "anna", "--role", "coordinator", "--host", "10.0.0.1"))
            self.assertIn("--host ADDRESS", run("issue", "nowhere", "--role", "coordinator"))
            admin = run("issue", "laptop", "--role", "admin")
            self.assertIn("--identity FOLDER", admin)
            self.assertNotIn("trouped", admin)
            self.assertRegex(run("show", "anna"), r"anna +coordinator +10\.0\.0\.1 +valid ")
            self.assertIn("'king' is no role", run("issue", "ben", "--role", "king", status=2))
            self.assertIn("has a certificate already", run("issue", "anna", "--role", "worker", status=1))
            listed = run("show")
            self.assertIn("authority", listed)
            self.assertRegex(listed, r"anna +coordinator +10\.0\.0\.1 +valid ")
            first = json.loads(run("show", place / "c/nodes/anna", "-o", "json"))["certificates"][0]
            run("renew", "anna", "--days", "10")
            second = json.loads(run("show", place / "c/nodes/anna", "-o", "json"))["certificates"][0]
            self.assertNotEqual(first["serial"], second["serial"])
            self.assertEqual(first["roles"], second["roles"])
            self.assertEqual("renew soon", second["state"])
            # Another address, and a role more: what is not named stays.
            changed = json.loads(run("renew", "anna", "--role", "coordinator", "--role", "gateway", "-o", "json"))
            self.assertEqual(["coordinator", "gateway"], sorted(changed["certificates"][0]["roles"]))
            self.assertEqual(["10.0.0.1"], changed["certificates"][0]["hosts"])
            changed = json.loads(run("renew", "anna", "--host", "10.0.0.7", "-o", "json"))
            self.assertEqual(["coordinator", "gateway"], sorted(changed["certificates"][0]["roles"]))
            self.assertEqual(["10.0.0.7"], changed["certificates"][0]["hosts"])
            run("renew", "anna", "--role", "king", status=2)
            self.assertIn("there is no certificate of 'carl'", run("renew", "carl", status=6))
            self.assertEqual(0o600, (place / "c/ca.key").stat().st_mode & 0o777)
        finally:
            shutil.rmtree(place)
