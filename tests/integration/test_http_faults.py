"""Uploads that break, ranges that are odd, pages of other origins: each refused clearly, with nothing left behind."""

import hashlib
import http.client
import os
import re
import shutil
import socket
import time

from support import Node, TestCase, WebSocket, leftovers, multipart, synth, wait_until


def uploads_of(node):
    """Everything in the uploads folder but the folder itself."""
    return sorted(str(p.relative_to(node.data)) for p in (node.data / "uploads").rglob("*"))


def settled_uploads_of(node):
    """The same once nothing is unfinished: what a broken request had sent may be written after its end."""
    wait_until("no unfinished uploads", lambda: not leftovers(node.data), 10)
    return uploads_of(node)


def form(node, parts, headers=None):
    boundary = "----troupe" + os.urandom(8).hex()
    head = {"Content-Type": f"multipart/form-data; boundary={boundary}", **(headers or {})}
    return node.request("POST", "/api/videos/upload", multipart(boundary, parts), head)


class HttpTest(TestCase):
    """One node for all tests of a class: each begins where the last one left it, and that must be whole."""

    SETTINGS = {}

    @classmethod
    def setUpClass(cls):
        cls.node = Node(**cls.SETTINGS).start()
        cls.film = synth(cls.node.folder / "film.mp4", seconds=1, size="160x120")
        cls.bytes = cls.film.read_bytes()

    @classmethod
    def tearDownClass(cls):
        cls.node.close()

    def tearDown(self):
        self.assertEqual(self.node.request("GET", "/livez").status, 200, self.node.tail())
        wait_until("nothing is left behind", lambda: not leftovers(self.node.data), 10)
        self.assertEqual(self.film.read_bytes(), self.bytes, "the original was changed")

    def refused(self, answer, status, code, *fields):
        self.assertEqual(answer.status, status, answer.body)
        problem = answer.json
        self.assertFalse(problem["success"])
        self.assertEqual(problem["error"]["code"], code)
        self.assertTrue(problem["error"]["message"])
        self.assertTrue(problem["error"]["requestId"])
        for field in fields:
            self.assertIn(field, problem["error"]["details"])
        return problem["error"]


class Uploads(HttpTest):
    SETTINGS = {"gateway__max_upload": "64 KiB", "gateway__idle_timeout": "1s"}

    def nothing_kept(self, before):
        try:
            wait_until("no file of the refused upload", lambda: uploads_of(self.node) == before, 10)
        except AssertionError:
            self.assertEqual(uploads_of(self.node), before)

    def begin(self, parts, declared=None):
        """Sends a form over a bare socket, which the caller may break off."""
        boundary = "troupe-boundary"
        body = multipart(boundary, parts)
        s = socket.create_connection(("127.0.0.1", self.node.port), 10)
        s.settimeout(10)
        s.sendall((f"POST /api/videos/upload HTTP/1.1\r\nHost: localhost\r\n"
                   f"Content-Type: multipart/form-data; boundary={boundary}\r\n"
                   f"Content-Length: {declared or len(body)}\r\n\r\n").encode())
        return s, body

    def test_broken_off_half_way(self):
        before = settled_uploads_of(self.node)
        for cut in (10, 200, 5000, -3):
            with self.subTest(cut=cut):
                s, body = self.begin([("category", None, b"tests"), ("video", "film.mp4", os.urandom(20_000))])
                s.sendall(body[:cut])
                if cut == 5000:
                    wait_until("the upload is being written", lambda: len(uploads_of(self.node)) > len(before), 10)
                s.close()
                self.nothing_kept(before)

    def test_reset_half_way(self):
        before = settled_uploads_of(self.node)
        s, body = self.begin([("video", "film.mp4", os.urandom(20_000))])
        s.sendall(body[:9000])
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        s.close()
        self.nothing_kept(before)

    def test_stalled_half_way_is_ended_by_the_deadline(self):
        before = settled_uploads_of(self.node)
        s, body = self.begin([("video", "film.mp4", os.urandom(20_000))])
        s.sendall(body[:9000])
        began = time.monotonic()
        answer = b""
        while more := s.recv(4096):
            answer += more
        self.assertLess(time.monotonic() - began, 8)
        if answer:
            self.assertRegex(answer, rb"^HTTP/1\.1 408 ")
        s.close()
        self.nothing_kept(before)

    def test_closing_boundary_missing(self):
        before = settled_uploads_of(self.node)
        body = multipart("b", [("video", "film.mp4", self.bytes[:1000])])[:-len(b"--b--\r\n")]
        answer = self.node.request("POST", "/api/videos/upload", body,
                                   {"Content-Type": "multipart/form-data; boundary=b"})
        self.refused(answer, 400, "VALIDATION_ERROR")
        self.nothing_kept(before)

    def test_too_large_by_its_length(self):
        before = settled_uploads_of(self.node)
        s, body = self.begin([("video", "film.mp4", b"x")], declared=50 << 20)
        answer = http.client.HTTPResponse(s)
        answer.begin()
        self.assertEqual(answer.status, 413)
        s.close()
        self.nothing_kept(before)

    def test_too_large_by_what_comes(self):
        before = settled_uploads_of(self.node)
        # One byte over, which the room for the form hides from the check of the length; then chunked, with no length.
        answer = form(self.node, [("video", "film.mp4", os.urandom((64 << 10) + 1))])
        self.refused(answer, 413, "PAYLOAD_TOO_LARGE")
        self.nothing_kept(before)
        s = socket.create_connection(("127.0.0.1", self.node.port), 10)
        s.settimeout(10)
        s.sendall(b"POST /api/videos/upload HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
                  b"Content-Type: multipart/form-data; boundary=b\r\n\r\n")
        body = multipart("b", [("video", "film.mp4", os.urandom(100_000))])
        try:
            for i in range(0, len(body), 10_000):
                piece = body[i:i + 10_000]
                s.sendall(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            s.sendall(b"0\r\n\r\n")
        except OSError:
            pass  # refused before the end
        answer = http.client.HTTPResponse(s)
        answer.begin()
        self.assertEqual(answer.status, 413)
        s.close()
        self.nothing_kept(before)

    def test_no_file_part(self):
        before = settled_uploads_of(self.node)
        self.refused(form(self.node, [("category", None, b"tests")]), 400, "VALIDATION_ERROR", "video")
        self.refused(form(self.node, [("film", "film.mp4", b"abc")]), 400, "VALIDATION_ERROR", "video")
        self.refused(form(self.node, [("video", None, b"no file name, so no file")]), 400, "VALIDATION_ERROR", "video")
        self.refused(form(self.node, [("video", "empty.mp4", b"")]), 400, "VALIDATION_ERROR", "video")
        self.refused(form(self.node, []), 400, "VALIDATION_ERROR")
        self.refused(self.node.request("POST", "/api/videos/upload", b"{}", {"Content-Type": "application/json"}),
                     415, "UNSUPPORTED_MEDIA")
        self.nothing_kept(before)

    def test_two_file_parts(self):
        before = settled_uploads_of(self.node)
        answer = form(self.node, [("video", "one.mp4", self.bytes[:1000]), ("video", "two.mp4", self.bytes[:1000])])
        self.refused(answer, 400, "VALIDATION_ERROR", "video")
        self.nothing_kept(before)

    def test_a_path_in_its_name(self):
        outside = self.node.folder / "outside.mp4"
        names = ["../../../outside.mp4", "/etc/passwd", "..\\..\\outside.mp4", str(outside), "..", ".", "a/../b.mp4",
                 ".hidden.mp4", "%2e%2e%2foutside.mp4", "x" * 400 + ".mp4"]
        for name in names:
            with self.subTest(name=name):
                answer = self.node.upload(self.film, name=name)
                self.assertEqual(answer.status, 200, answer.body)
                self.assertEqual(self.node.wait_job(answer.json["jobId"])["status"], "completed")
                self.assertFalse(outside.exists())
        for path in (self.node.data / "uploads").rglob("*"):
            if path.is_file():
                # uploads/<id>/<name>, and nothing above or below.
                self.assertEqual(len(path.relative_to(self.node.data).parts), 3, path)
                self.assertLessEqual(len(path.name.encode()), 255)
        self.assertEqual([p.name for p in self.node.folder.iterdir() if p.name not in
                          ("data", "film.mp4", "trouped.log")], [])

    def test_a_nul_in_its_name_is_no_end_of_it(self):
        answer = self.node.upload(self.film, name="a\0b.mp4")
        self.assertIn(answer.status, (200, 400), answer.body)
        if answer.status == 200:
            self.node.wait_job(answer.json["jobId"])
        self.assertFalse([p for p in uploads_of(self.node) if p.endswith("/a")])


class Ranges(HttpTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        job = cls.node.upload(cls.film).json["jobId"]
        assert cls.node.wait_job(job)["status"] == "completed"
        cls.path = f"/api/videos/{cls.node.get('/api/videos')['videos'][0]['id']}/stream"
        cls.size = len(cls.bytes)

    def ask(self, header, method="GET", **more):
        headers = {"Range": header} if header is not None else {}
        headers.update({k.replace("_", "-"): v for k, v in more.items()})
        return self.node.request(method, self.path, headers=headers)

    def whole(self, answer):
        self.assertEqual(answer.status, 200)
        self.assertNotIn("content-range", answer.headers)
        self.assertEqual(hashlib.sha256(answer.body).digest(), hashlib.sha256(self.bytes).digest())

    def part(self, answer, first, last):
        self.assertEqual(answer.status, 206, answer.headers)
        self.assertEqual(answer.headers["content-range"], f"bytes {first}-{last}/{self.size}")
        self.assertEqual(answer.headers["content-length"], str(last - first + 1))
        self.assertEqual(answer.body, self.bytes[first:last + 1])

    def test_single_ranges(self):
        end = self.size - 1
        for header, first, last in (
                ("bytes=0-0", 0, 0), ("bytes=0-99", 0, 99), ("bytes=100-199", 100, 199), ("bytes=500-", 500, end),
                ("bytes=0-", 0, end), ("bytes=-1", end, end), ("bytes=-500", self.size - 500, end),
                (f"bytes=-{self.size}", 0, end), (f"bytes=-{self.size * 10}", 0, end), (f"bytes={end}-", end, end),
                (f"bytes={end}-{end}", end, end), (f"bytes=10-{self.size * 10}", 10, end),
                ("bytes=10-99999999999999999999999999", 10, end), ("bytes=-99999999999999999999999999", 0, end),
                ("BYTES=1-2", 1, 2), ("bytes= 1-2", 1, 2), ("bytes=,1-2", 1, 2), ("bytes=1-2,", 1, 2),
                # Those beyond the end are left out when another can be given (RFC 9110, 14.1.2).
                (f"bytes=1-2,{self.size}-", 1, 2), (f"bytes={self.size + 5}-{self.size + 9},7-8", 7, 8)):
            with self.subTest(range=header):
                self.part(self.ask(header), first, last)

    def test_beyond_the_end(self):
        for header in (f"bytes={self.size}-", f"bytes={self.size}-{self.size + 5}", "bytes=-0",
                       "bytes=99999999999999999999999999-", f"bytes={self.size}-,{self.size + 9}-"):
            with self.subTest(range=header):
                answer = self.ask(header)
                self.assertEqual(answer.status, 416)
                self.assertEqual(answer.headers["content-range"], f"bytes */{self.size}")
                self.assertTrue(answer.json["error"]["message"])

    def test_malformed_and_foreign_units_are_ignored(self):
        for header in ("bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=5-1", "bytes=1-2-3", "bytes=1", "bytes=--5",
                       "bytes=+1-2", "bytes=0x1-0x2", "bytes=1 -2", "bytes=1-2,x", "bytes=1-2;3-4", "seconds=1-2", "=1-2",
                       "1-2", "bytes:1-2", "bytes=1.5-2", ",", "bytes=,", ""):
            with self.subTest(range=header):
                self.whole(self.ask(header))

    def parts_of(self, answer):
        self.assertEqual(answer.status, 206)
        self.assertNotIn("content-range", answer.headers)
        self.assertEqual(answer.headers["content-length"], str(len(answer.body)))
        found = re.match(r'multipart/byteranges; *boundary="?([^"]+)"?$', answer.headers["content-type"])
        self.assertTrue(found, answer.headers)
        mark = b"--" + found[1].encode()
        pieces = answer.body.split(b"\r\n" + mark)
        self.assertEqual(pieces[-1].strip(), b"--")
        out = []
        for piece in pieces[1:-1] if pieces[0].strip() == b"" else pieces[:-1]:
            head, _, data = piece.partition(b"\r\n\r\n")
            where = re.search(rb"(?im)^content-range: bytes (\d+)-(\d+)/(\d+)", head)
            self.assertEqual(int(where[3]), self.size)
            first, last = int(where[1]), int(where[2])
            self.assertEqual(data, self.bytes[first:last + 1])
            out.append((first, last))
        return out

    def test_multiple(self):
        end = self.size - 1
        self.assertEqual(self.parts_of(self.ask("bytes=0-1,10-11")), [(0, 1), (10, 11)])
        self.assertEqual(self.parts_of(self.ask("bytes=500-599 , 0-9, -5")), [(500, 599), (0, 9), (end - 4, end)])

    def test_overlapping_are_sent_once(self):
        self.part(self.ask("bytes=0-99,50-149"), 0, 149)
        self.part(self.ask("bytes=0-,0-,0-,0-"), 0, self.size - 1)
        self.assertEqual(self.parts_of(self.ask("bytes=0-9,5-14,100-109")), [(0, 14), (100, 109)])

    def test_very_many_cost_no_more_than_the_file(self):
        answer = self.ask("bytes=" + ",".join(f"{2 * i}-{2 * i}" for i in range(1000)))
        self.assertIn(answer.status, (200, 206))
        self.assertLessEqual(len(answer.body), self.size + 20_000)

    def test_if_range(self):
        head = self.ask(None, "HEAD").headers
        etag, modified = head["etag"], head["last-modified"]
        self.part(self.ask("bytes=1-2", If_Range=etag), 1, 2)
        for wrong in ('"another"', "W/" + etag, "W/\"another\"", "Thu, 01 Jan 1970 00:00:00 GMT",
                      "Fri, 31 Dec 2099 23:59:59 GMT", "yesterday", etag.strip('"')):
            with self.subTest(validator=wrong):
                self.whole(self.ask("bytes=1-2", If_Range=wrong))
        # A date that matches exactly: the part, or the whole where the server does not take it for strong enough.
        self.assertIn(self.ask("bytes=1-2", If_Range=modified).status, (200, 206))
        # An unsatisfiable range with a wrong validator counts as none at all.
        self.whole(self.ask(f"bytes={self.size}-", If_Range='"another"'))
        self.assertEqual(self.ask(f"bytes={self.size}-", If_Range=etag).status, 416)

    def test_head_and_conditions(self):
        answer = self.ask("bytes=0-9", "HEAD")
        self.assertEqual((answer.status, answer.body), (200, b""))
        self.assertEqual(answer.headers["content-length"], str(self.size))
        self.assertEqual(answer.headers["accept-ranges"], "bytes")
        etag = answer.headers["etag"]
        # The condition on the whole comes before the range (RFC 9110, 13.2.2).
        self.assertEqual(self.ask("bytes=0-9", If_None_Match=etag).status, 304)
        self.part(self.ask("bytes=0-9", If_None_Match='"another"'), 0, 9)

    def test_client_that_goes_away_in_the_middle(self):
        big = self.node.folder / "films"
        big.mkdir()
        shutil.copy(self.film, big / "big.mp4")
        with open(big / "big.mp4", "ab") as f:
            f.truncate(256 << 20)
        library = self.node.add_library(big)["id"]
        self.node.scan(library)
        videos = [v for v in self.node.get("/api/videos")["videos"] if v["title"] == "big"]
        for _ in range(5):
            with socket.create_connection(("127.0.0.1", self.node.port), 10) as s:
                s.sendall(f"GET /api/videos/{videos[0]['id']}/stream HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
                self.assertTrue(s.recv(1000).startswith(b"HTTP/1.1 200"))
        self.assertEqual(self.node.request("GET", "/readyz").status, 200)


class OtherPages(HttpTest):
    EVIL = "https://evil.example"

    def upload_from(self, **headers):
        return self.node.upload(self.film, headers={k.replace("_", "-"): v for k, v in headers.items()})

    def test_upload_from_another_origin(self):
        before = settled_uploads_of(self.node)
        for headers in ({"Origin": self.EVIL}, {"Origin": "null"}, {"Sec_Fetch_Site": "cross-site"},
                        {"Sec_Fetch_Site": "same-site"}, {"Origin": f"http://localhost:{self.node.port + 1}"},
                        {"Origin": f"http://127.0.0.1:{self.node.port}", "Sec_Fetch_Site": "cross-site"},
                        {"Origin": f"http://127.0.0.1:{self.node.port}.evil.example"}):
            with self.subTest(headers=headers):
                answer = self.upload_from(**headers)
                self.refused(answer, 403, "FORBIDDEN")
                self.assertNotIn("access-control-allow-origin", answer.headers)
        self.assertEqual(uploads_of(self.node), before)
        self.assertEqual(self.node.get("/api/jobs?kind=ingest")["total"], 0)

    def test_own_page_may(self):
        answer = self.upload_from(Origin=f"http://127.0.0.1:{self.node.port}", Sec_Fetch_Site="same-origin")
        self.assertEqual(answer.status, 200, answer.body)
        job = answer.json["jobId"]
        self.assertEqual(self.node.wait_job(job)["status"], "completed")
        # The other tests count the jobs that there are.
        self.assertEqual(self.node.request("DELETE", f"/api/jobs/{job}").status, 200)

    def test_every_write_from_another_origin(self):
        for method, path in (("POST", "/api/jobs"), ("POST", "/api/libraries"), ("DELETE", "/api/videos/x"),
                             ("POST", "/api/libraries/x/scan"), ("POST", "/api/videos/x/transcode")):
            with self.subTest(path=path):
                answer = self.node.request(method, path, {}, {"Origin": self.EVIL})
                self.assertEqual(answer.status, 403, answer.body)

    def test_live_socket_from_another_origin(self):
        for headers in ({"Origin": self.EVIL}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
            with self.subTest(headers=headers):
                ws = WebSocket(self.node.port, headers=headers)
                self.assertEqual(ws.status, 403)
                ws.close()
        ws = WebSocket(self.node.port, headers={"Origin": f"http://127.0.0.1:{self.node.port}"})
        self.assertEqual(ws.status, 101)
        self.assertEqual(ws.receive()["type"], "connection_established")
        ws.close()

    def test_foreign_host(self):
        """A name of the attacker's that now points here (DNS rebinding)."""
        for host in ("evil.example", "localhost.evil.example", f"evil.example:{self.node.port}", "127.0.0.1.evil.example",
                     "localhost@evil.example", "[::1", ""):
            for method, path in (("GET", "/api/videos"), ("POST", "/api/jobs")):
                with self.subTest(host=host, path=path):
                    answer = self.node.request(method, path, None if method == "GET" else {}, {"Host": host})
                    self.assertIn(answer.status, (400, 403, 421), answer.body)
        for host in ("localhost", f"localhost:{self.node.port}", "[::1]", "LOCALHOST"):
            with self.subTest(host=host):
                self.assertEqual(self.node.request("GET", "/api/videos", headers={"Host": host}).status, 200)
