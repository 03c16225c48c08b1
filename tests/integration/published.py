"""What nodes have published in a data folder: the files that rows name, those that are there, and whether they are whole."""

import json
import pathlib
import subprocess

from clients import Broken

FOLDERS = ("tmp", "uploads", "renditions", "artwork", "downloads", "pieces")


def named(db, data):
    """Files that rows name, relative to the data folder; what is in a folder that a row names is named with it."""
    names = {row[0] for row in db.execute("SELECT file FROM renditions")}
    names |= {row[0] for row in db.execute("SELECT folder FROM storyboards WHERE folder <> ''")}
    names |= {p["file"] for text, in db.execute("SELECT thumbnails FROM videos WHERE thumbnails <> ''")
              for p in json.loads(text)}
    for folder in ("uploads", "downloads"):
        names |= {f"{folder}/{path}" for path, in db.execute(
            "SELECT v.path FROM videos v JOIN libraries l ON l.id = v.library WHERE l.root = ?", (f"{data}/{folder}",))}
    inside = set()
    for name in names:
        path = pathlib.Path(data) / name
        inside |= {str(p.relative_to(data)) for p in path.rglob("*") if p.is_file()} if path.is_dir() else {name}
    return inside


def there(data):
    """Everything in the folders in which nodes publish and work, relative to the data folder."""
    data = pathlib.Path(data)
    return {str(p.relative_to(data)) for sub in FOLDERS for p in (data / sub).rglob("*") if p.is_file()}


def check_no_orphans(db, data):
    wanted, found = named(db, data), there(data)
    if found != wanted:
        raise Broken(f"files that no row names: {sorted(found - wanted)}; named and not there: {sorted(wanted - found)}")
    if empty := [str(p) for sub in ("tmp", "uploads", "downloads") for p in (pathlib.Path(data) / sub).glob("*")
                 if p.is_dir() and not any(p.iterdir())]:
        raise Broken(f"empty folders: {empty}")


def probe(path):
    """ffprobe's format and streams with counted packets; Broken when it has anything to complain of."""
    done = subprocess.run(["ffprobe", "-v", "error", "-count_packets", "-show_entries",
                           "format=duration:stream=codec_type,codec_name,nb_read_packets", "-of", "json", str(path)],
                          capture_output=True, text=True, timeout=60)
    if done.returncode != 0 or done.stderr:
        raise Broken(f"{path} can't be read: {done.stderr}")
    return json.loads(done.stdout)


def pictures(path):
    """How many frames its video has."""
    return next(int(s["nb_read_packets"]) for s in probe(path)["streams"] if s["codec_type"] == "video")
