"""The power cut itself: what the recorder and the reconstruction promise, shown on small programs."""

import os
import pathlib
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile

import support
from support import rounds

sys.path.insert(0, str(support.ROOT / "tests/support/powercut"))
import powercut  # noqa: E402

LIBRARY = support.BIN.parent / "tests/support/libtroupe_powercut.so"

HEAD = """
import os, sqlite3, sys
root = sys.argv[1]
def write(name, text, sync=True):
    fd = os.open(f"{root}/{name}", os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o640)
    os.write(fd, text.encode())
    if sync: os.fsync(fd)
    os.close(fd)
def sync_folder(name=""):
    fd = os.open(f"{root}/{name}", os.O_RDONLY); os.fsync(fd); os.close(fd)
def end(): os.kill(os.getpid(), 9)
"""


class PowerCutModel(support.TestCase):
    def after(self, program, seed, before=None):
        """What the folder holds when the power fails at the end of the program: {name: content}, folders not."""
        folder = pathlib.Path(tempfile.mkdtemp(prefix="troupe-test-"))
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        root = folder / "data"
        root.mkdir()
        for name, text in (before or {}).items():
            (root / name).write_text(text)
        cut = powercut.PowerCut(root, LIBRARY)
        done = subprocess.run([sys.executable, "-c", HEAD + program + "\nend()", str(root)],
                              env=dict(os.environ, LD_PRELOAD=str(LIBRARY), **cut.environment), timeout=60,
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, -9, done.stderr)
        cut.strike(random.Random(seed))
        self.root = root
        return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}

    def outcomes(self, program, before=None, seeds=24):
        return [self.after(program, seed, before) for seed in range(seeds)]

    def test_synced_content_under_a_synced_name_stays(self):
        for found in self.outcomes("write('a', 'x' * 5000); sync_folder()", seeds=6):
            self.assertEqual(found, {"a": b"x" * 5000})

    def test_content_without_a_sync_is_lost_kept_or_torn(self):
        found = {f["a"] for f in self.outcomes("write('a', 'x' * 5000, sync=False); sync_folder()")}
        self.assertIn(b"", found)
        self.assertIn(b"x" * 5000, found)
        self.assertGreater(len(found), 3)

    def test_a_new_name_without_a_sync_of_its_folder_may_be_lost(self):
        found = [f.get("a") for f in self.outcomes("write('a', 'x')")]
        self.assertEqual(set(found), {None, b"x"})

    def test_an_unsynced_rename_over_a_file_leaves_the_old_or_the_new_one(self):
        found = [f["a"] for f in self.outcomes("write('b', 'new'); os.rename(f'{root}/b', f'{root}/a')", {"a": "old"})]
        self.assertEqual(set(found), {b"old", b"new"})

    def test_a_rename_without_a_sync_of_the_content_may_leave_an_empty_file(self):
        found = {f["a"] for f in self.outcomes(
            "write('b', 'new', sync=False); os.rename(f'{root}/b', f'{root}/a'); sync_folder()", {"a": "old"})}
        self.assertIn(b"", found)
        self.assertNotIn(b"old", found)

    def test_an_unsynced_removal_may_come_back(self):
        found = [f.get("a") for f in self.outcomes("os.unlink(f'{root}/a')", {"a": "old"})]
        self.assertEqual(set(found), {None, b"old"})

    def test_a_folder_that_was_not_synced_in_its_parent_may_be_gone_with_all_in_it(self):
        found = self.outcomes("os.mkdir(f'{root}/d'); write('d/a', 'x'); sync_folder('d')")
        self.assertEqual({tuple(f) for f in found}, {(), ("d/a",)})

    def test_a_new_file_does_not_inherit_from_one_whose_inode_it_got(self):
        program = "write('a', 'old' * 9); sync_folder(); os.unlink(f'{root}/a'); write('b', 'n', sync=False); sync_folder()"
        self.assertLessEqual({f["b"] for f in self.outcomes(program)}, {b"", b"n", b"\0"})

    DATABASE = """
db = sqlite3.connect(f'{root}/troupe.db', isolation_level=None)
db.execute('PRAGMA journal_mode = WAL'); db.execute('PRAGMA synchronous = %s'); db.execute('PRAGMA wal_autocheckpoint = 20')
db.execute('CREATE TABLE t (x INTEGER PRIMARY KEY, y BLOB)')
for i in range(300): db.execute('INSERT INTO t VALUES (?, randomblob(900))', (i,))
"""

    def rows_after(self, synchronous, seed):
        self.after(self.DATABASE % synchronous, seed)
        try:
            db = sqlite3.connect(self.root / "troupe.db")
            self.assertEqual(db.execute("PRAGMA integrity_check").fetchone()[0], "ok")
            return db.execute("SELECT count(*) FROM t").fetchone()[0]
        except (sqlite3.DatabaseError, AssertionError):
            return 0

    def test_sqlite_keeps_every_commit_when_it_syncs_and_loses_some_when_it_does_not(self):
        for seed in range(rounds(5, 100)):
            self.assertEqual(self.rows_after("FULL", seed), 300, f"seed {seed}")
        self.assertLess(min(self.rows_after("OFF", seed) for seed in range(5)), 300)
