"""Nodes with certificates: who comes in over TLS, who is refused and why, and what strangers can do at the port."""

import json
import os
import pathlib
import shutil
import socket
import ssl
import struct
import subprocess
import tempfile
import time

from support import BIN, Node, TestCase, synth, wait_until


def troupe(*args, identity="", node=None, check=False, before=()):
    command = [*before, str(BIN / "troupe"), *(["--node", node] if node else []), *map(str, args)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60,
                          env=dict(os.environ, NO_COLOR="1", TROUPE_IDENTITY=str(identity)))
    if check and done.returncode != 0:
        raise AssertionError(f"{command}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return done


class Authority:
    """A folder that 'troupe cert' has made."""

    def __init__(self, place):
        self.folder = place
        troupe("cert", "init", "--dir", place, check=True)

    def issue(self, name, *roles, hosts=("127.0.0.1",), before=(), days=365):
        args = [x for role in roles for x in ("--role", role)] + [x for host in hosts for x in ("--host", host)]
        troupe("cert", "issue", name, *args, "--dir", self.folder, "--days", days, check=not before, before=before)
        return self.folder / "nodes" / name


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
        # Two years ago, for one.
        cls.expired = cls.home.issue("old", "admin", "worker", before=("faketime", "-f", "-730d"))
        cls.brief = cls.home.issue("brief", "admin", before=("faketime", "-f", "-36h"), days=1)
        cls.node = Node(node__roles="coordinator,gateway", mesh__identity=cls.anna)
        cls.node.start()

    @classmethod
    def tearDownClass(cls):
        cls.node.close()
        shutil.rmtree(cls.place, ignore_errors=True)

    def context(self, identity=None):
        out = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        out.check_hostname = False
        out.verify_mode = ssl.CERT_NONE
        if identity:
            out.load_cert_chain(identity / "node.pem", identity / "node.key")
        return out

    def greeting_over_tls(self, identity):
        """What the node sends first: bytes of its BASP handshake, or nothing to who is not let in."""
        port = int(self.node.mesh.rsplit(":", 1)[1])
        try:
            with socket.create_connection(("127.0.0.1", port), 5) as plain:
                with self.context(identity).wrap_socket(plain) as s:
                    s.settimeout(5)
                    return s.recv(1)
        except (ssl.SSLError, ConnectionError) as refused:
            return f"refused: {refused}"

    def test_a_job_on_a_worker_over_tls(self):
        worker = Node(data=self.node.data, node__roles="worker", mesh__coordinator=self.node.mesh, mesh__identity=self.ben)
        try:
            worker.start()
            workers = json.loads(troupe("workers", "-o", "json", identity=self.laptop, node=self.node.mesh,
                                        check=True).stdout)["workers"]
            self.assertEqual(["ben"], [w["node"] for w in workers])
            film = synth(self.node.folder / "film.mp4", seconds=2)
            job = self.node.upload(film).json["jobId"]
            self.assertEqual("completed", self.node.wait_job(job)["status"])
            self.assertEqual("ben", self.node.get(f"/api/jobs/{job}")["attemptHistory"][0]["worker"])
        finally:
            worker.close()

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
        self.assertEqual(b"", b"" if isinstance(self.greeting_over_tls(self.laptop), bytes) else b"x")
        for who in (None, self.stranger, self.expired):
            self.assertTrue(str(self.greeting_over_tls(who)).startswith("refused") or self.greeting_over_tls(who) == b"",
                            f"{who} was let in")
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
        # Papers whose parts are of two clusters.
        mixed = self.place / "mixed"
        shutil.copytree(self.stranger, mixed)
        shutil.copy(self.laptop / "ca.pem", mixed / "ca.pem")
        self.assertIn("is not of this cluster's authority",
                      troupe("cert", "check", self.node.mesh, identity=mixed).stderr)

    def test_a_clock_that_is_wrong_here(self):
        """Ours has expired, which a clock that is slow does not notice: the other side does."""
        done = troupe("cert", "check", self.node.mesh, "-o", "json", identity=self.brief,
                      before=("faketime", "-f", "-16h"))
        self.assertEqual(1, done.returncode, done.stderr)
        last = json.loads(done.stdout)["findings"][-1]
        self.assertEqual("our certificate", last["what"])
        self.assertIn("brief is refused: ", last["said"])
        self.assertIn("expired", last["said"])

    def test_headers_that_claim_gigabytes(self):
        """Plain BASP, and a header of a message of 2 GiB to come: nothing is reserved for it."""
        before = self.memory()
        port = int(self.node.mesh.rsplit(":", 1)[1])
        held = []
        # operation 0 (server handshake) to 5, flags, payload length, operation data, source and destination (BASP).
        for operation in range(6):
            s = socket.create_connection(("127.0.0.1", port), 5)
            s.sendall(struct.pack(">BBBBIQQQ", operation, 0, 0, 0, 0x7fffffff, 3, 0, 0))
            held.append(s)
        # And some who begin with TLS and stop there.
        for _ in range(20):
            s = socket.create_connection(("127.0.0.1", port), 5)
            s.sendall(b"\x16\x03\x01\x02\x00\x01")
            held.append(s)
        time.sleep(1)
        self.assertLess(self.memory() - before, 16 << 20)
        self.still_whole()
        for s in held:
            s.close()
        self.still_whole()

    def memory(self):
        with open(f"/proc/{self.node.process.pid}/status") as status:
            fields = dict(line.split(":", 1) for line in status)
        return (int(fields["VmRSS"].split()[0]) + int(fields.get("VmSwap", "0 kB").split()[0])) << 10

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
            self.assertIn("there is no certificate of 'carl'", run("renew", "carl", status=6))
            self.assertEqual(0o600, (place / "c/ca.key").stat().st_mode & 0o777)
        finally:
            shutil.rmtree(place)
