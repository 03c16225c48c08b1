"""The films of the comparison: the real ones, and what happens to films in real life made of them."""

import pathlib
import subprocess

TITLE = "drawtext=text='{}':fontcolor=white:fontsize=h/9:x=(w-tw)/2:y=(h-th)/2"
X264 = "-c:v libx264 -preset veryfast -pix_fmt yuv420p"

# name: (real film, filters, options). "INTRO" in the filters is put before the film as it is.
DERIVED = {
    "black-start.mp4": ("wannaworktogether.mp4", "trim=20:80,setpts=PTS-STARTPTS,tpad=start_duration=12:color=black",
                        f"{X264} -g 100"),
    "slow-fade.mp4": ("Megamind.avi", "fade=in:0:120", f"{X264} -g 24"),
    "fade-out-and-in.mp4": ("wannaworktogether.mp4",
                            "trim=40:70,setpts=PTS-STARTPTS,fade=out:st=3:d=3,fade=in:st=6:d=4:enable='gte(t,6)'",
                            f"{X264} -g 30"),
    "white-start.mp4": ("vtest.avi", "tpad=start_duration=10:color=white", f"{X264} -g 50"),
    "title-card.mp4": ("Megamind.avi", "tpad=start_duration=5:color=black," + TITLE.format("Chapter One")
                       + ":enable='lt(t,5)'", f"{X264} -g 24"),
    "blue-title.mp4": ("oa4_launch.webm", "tpad=start_duration=4:color=navy," + TITLE.format("A Studio Picture")
                       + ":enable='lt(t,4)'", f"{X264} -g 24"),
    "logo-first-third.mkv": ("wannaworktogether.mp4", "trim=60:90,setpts=PTS-STARTPTS,tpad=start_duration=15:color=white,"
                             "drawbox=x=iw*0.4:y=ih*0.4:w=iw*0.2:h=ih*0.2:color=red:t=fill:enable='lt(t,15)'",
                             f"{X264} -g 60"),
    "letterbox.mp4": ("Megamind.avi", "crop=iw:ih*0.6,pad=iw:ih*1.67:0:(oh-ih)/2", f"{X264} -g 48"),
    "pillarbox.mp4": ("oa4_launch.webm", "crop=iw*0.6:ih,pad=iw*1.67:ih:(ow-iw)/2:0", f"{X264} -g 24"),
    "blurred-first-half.mp4": ("vtest.avi", "gblur=sigma=14:enable='lt(t,40)'", f"{X264} -g 50"),
    "one-keyframe.mp4": ("vtest.avi", "trim=0:20,fade=in:0:40", f"{X264} -g 9999"),
    "black-one-keyframe.webm": ("oa4_launch.webm", "tpad=start_duration=2:color=black", "-c:v libvpx -b:v 800k -g 9999"),
    "transport.ts": ("wannaworktogether.mp4", "trim=30:60,setpts=PTS-STARTPTS,tpad=start_duration=6:color=black",
                     f"{X264} -g 60"),
    "no-cues.mkv": ("balle-jbart.mp4", "fade=in:0:50", f"{X264} -g 25 -write_crc32 0 -reserve_index_space 0 -live 1"),
    "program.mpg": ("Megamind.avi", "null", "-c:v mpeg2video -b:v 4M -g 15"),
    "anamorphic.mp4": ("balle-jbart.mp4", "setsar=16/11", f"{X264} -g 25"),
    "ten-bit.mp4": ("tour.mp4", "format=yuv420p10le", "-c:v libx265 -preset ultrafast -x265-params log-level=0 -g 24"),
    "full-chroma.mkv": ("tour.mp4", "format=yuv444p", "-c:v libx264 -preset veryfast -g 24"),
    "odd.mkv": ("oa4_launch.webm", "crop=631:355:0:0", "-c:v ffv1"),
    "motion.avi": ("wannaworktogether.mp4", "trim=100:110,setpts=PTS-STARTPTS", "-c:v mjpeg -q:v 4"),
    "wmv.wmv": ("wannaworktogether.mp4", "trim=120:150,setpts=PTS-STARTPTS", "-c:v wmv2 -b:v 1M"),
    "theora.ogv": ("Megamind.avi", "null", "-c:v libtheora -q:v 6"),
    "dark.mp4": ("Megamind.avi", "eq=brightness=-0.25:contrast=0.7", f"{X264} -g 24"),
    "av1.mp4": ("wannaworktogether.mp4", "trim=150:170,setpts=PTS-STARTPTS", "-c:v libsvtav1 -preset 10 -g 60"),
    "hdr.mkv": ("wannaworktogether.mp4", "trim=70:80,setpts=PTS-STARTPTS,zscale=tin=bt709:min=bt709:pin=bt709:t=linear:npl=203,"
                "format=gbrpf32le,zscale=p=bt2020:t=smpte2084:m=bt2020nc:r=limited:npl=203,format=yuv420p10le",
                "-c:v libx265 -preset ultrafast -g 30 -x265-params log-level=0:colorprim=bt2020:transfer=smpte2084:"
                "colormatrix=bt2020nc:hdr-opt=1:max-cll=1000,400"),
}


def real(samples):
    """The real films of tests/support/fetch-media that have a picture."""
    kinds = {".mp4", ".avi", ".webm", ".ogv"}
    return sorted(f for f in pathlib.Path(samples).iterdir() if f.suffix in kinds)


def make(samples, folder):
    """All films, real and derived, by name. What is there already is kept."""
    folder.mkdir(parents=True, exist_ok=True)
    films = real(samples)
    for name, (source, filters, options) in DERIVED.items():
        out = folder / name
        if not out.exists():
            origin = next(f for f in films if f.name.endswith(source))
            part = out.with_name("part-" + name)
            subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", "-i", origin, "-an", "-sn", "-vf", filters,
                            *options.split(), part], check=True)
            part.rename(out)
    return films + [folder / name for name in DERIVED]
