"""Certificates for tests, made by 'troupe cert', and what those who have none or the wrong ones can try at a port."""

import os
import socket
import ssl
import struct
import subprocess

from support import BIN


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

    def expired(self, name, *roles):
        """One that was issued two years ago for one."""
        return self.issue(name, *roles, before=("faketime", "-f", "-730d"))


class Stranger:
    """Somebody at `place` (namespaces.py) who has found the port of a node."""

    def __init__(self, place, host, port):
        self._place, self._host, self._port = place, host, int(port)

    def connect(self, timeout=5):
        return self._place.connect(self._host, self._port, timeout)

    def says(self, data, seconds=5):
        """All that is answered to `data` in the clear; b"" where the connection is closed without a word."""
        with self.connect(seconds) as s:
            try:
                s.sendall(data)
                return b"".join(iter(lambda: s.recv(65536), b""))
            except ConnectionError:
                return b""

    def over_tls(self, identity=None, data=b"", ask=1):
        """The first bytes that come after the handshake (and `data`), or a text that begins with "refused"."""
        try:
            with self.connect() as plain, self._context(identity).wrap_socket(plain) as s:
                s.settimeout(5)
                if data:
                    s.sendall(data)
                return s.recv(ask)
        except (ssl.SSLError, ConnectionError) as refused:
            return f"refused: {refused}"

    def claims_gigabytes(self):
        """Connections, held open, each with a header of a message of 2 GiB to come, or with a TLS record begun."""
        held = []
        # operation 0 (server handshake) to 5, flags, payload length, operation data, source and destination (BASP).
        for operation in range(6):
            held.append(self.connect())
            held[-1].sendall(struct.pack(">BBBBIQQQ", operation, 0, 0, 0, 0x7fffffff, 3, 0, 0))
        for _ in range(20):
            held.append(self.connect())
            held[-1].sendall(b"\x16\x03\x01\x02\x00\x01")
        return held

    @staticmethod
    def _context(identity):
        out = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        out.check_hostname = False
        out.verify_mode = ssl.CERT_NONE
        if identity:
            out.load_cert_chain(identity / "node.pem", identity / "node.key")
        return out


def memory_of(pid):
    """Bytes that a process has, swapped ones too."""
    with open(f"/proc/{pid}/status") as status:
        fields = dict(line.split(":", 1) for line in status)
    return (int(fields["VmRSS"].split()[0]) + int(fields.get("VmSwap", "0 kB").split()[0])) << 10
