"""What the comparisons with the ffmpeg command line share: the film, and what is compared of what came out."""

import pathlib
import re
import resource
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent


def sample(folder):
    """A real film of three minutes, from a Debian package."""
    samples = folder / "samples"
    subprocess.run([ROOT / "tests/support/fetch-media", samples], check=True, stdout=subprocess.DEVNULL)
    return samples / "openboard-common-wannaworktogether.mp4"


def make_source(folder, seconds):
    """A real film with camera movement and grain, at 1080 lines: enlarged once, for no package has one so large."""
    path = folder / f"source-{seconds}.mp4"
    if path.exists():
        return path
    made = path.with_suffix(".part.mp4")
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", "-i", sample(folder), "-t", str(seconds), "-vf",
                    "scale=1920:1080:flags=lanczos,setsar=1,noise=alls=6:allf=t", "-c:v", "libx264", "-preset", "faster",
                    "-crf", "20", "-c:a", "aac", "-b:a", "192k", made], check=True)
    made.rename(path)
    return path


def looped(film, times, path):
    """The film so many times in a row, by stream copy."""
    if not path.exists():
        made = path.with_suffix(".part.mp4")
        subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", "-stream_loop", str(times - 1), "-i", film, "-map", "0:v:0",
                        "-map", "0:a:0", "-c", "copy", "-movflags", "+faststart", made], check=True)
        made.rename(path)
    return path


def spent(work):
    """What `work` returns, and the wall and processor seconds of the processes that it waited for."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    result = work()
    wall, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return result, wall, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def ssim(source, out, size=None):
    """Of the picture against the source's, scaled if `size` ("1280:720") says so. Frame by frame in their order: times
    that were rounded to the frame rate must not pair a frame with its neighbour."""
    count = "settb=1/1000,setpts=N"
    scale = f"scale={size}," if size else ""
    done = subprocess.run(["ffmpeg", "-nostdin", "-nostats", "-i", out, "-i", source, "-lavfi",
                           f"[0:v]{count}[a];[1:v]{scale}{count}[b];[a][b]ssim", "-an", "-f", "null", "-"],
                          capture_output=True, text=True)
    return float(re.search(r"All:([0-9.]+)", done.stderr)[1])


def times(path, stream):
    """When each packet of a stream ("v:0") is shown, seconds, in order."""
    done = subprocess.run(["ffprobe", "-v", "error", "-select_streams", stream, "-show_entries", "packet=pts_time", "-of",
                           "csv=p=0", path], capture_output=True, text=True, check=True)
    return sorted(float(x.strip(",")) for x in done.stdout.split())


def packets(path):
    """Of all packets of a file: kind of stream ("video", "audio"), when it is shown, bytes."""
    done = subprocess.run(["ffprobe", "-v", "error", "-show_entries", "packet=codec_type,pts_time,size", "-of", "csv=p=0", path],
                          capture_output=True, text=True, check=True)
    rows = (line.strip(",").split(",") for line in done.stdout.split())
    return [(kind, float(time), int(size)) for kind, time, size in rows]
