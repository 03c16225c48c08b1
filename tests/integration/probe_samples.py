"""Media files for the probe's tests, made by the ffmpeg program once and kept beside the build: every codec in every
container that can hold it, and the awkward cases. Small (a second or less) and the same each time."""

import concurrent.futures
import hashlib
import pathlib
import shutil
import struct
import subprocess

from support import BIN

FOLDER = BIN.parent / "probe-matrix"

# Encoder: arguments. Of a picture of 176x144, 25 frames, and a tone of 48 kHz in stereo, unless it says otherwise.
FEW = "-frames:v 3"
PHONE = "-ar 8000 -ac 1"
VIDEO = {
    "libx264": "", "libx265": "-x265-params log-level=error", "mpeg1video": "", "mpeg2video": "", "mpeg4": "",
    "libxvid": "", "msmpeg4v2": "", "msmpeg4": "", "wmv1": "", "wmv2": "", "h261": "", "h263": "", "h263p": "", "flv": "",
    "mjpeg": "-pix_fmt yuvj420p", "ljpeg": "-pix_fmt yuvj420p", "libvpx": "-cpu-used 8 -deadline realtime",
    "libvpx-vp9": "-cpu-used 8 -deadline realtime", "libaom-av1": "-cpu-used 8 -usage realtime",
    "libsvtav1": "-preset 12", "libtheora": "", "ffv1": FEW, "huffyuv": FEW, "ffvhuff": FEW, "utvideo": FEW,
    "magicyuv": FEW, "prores_ks": FEW, "dnxhd": "-s 1280x720 -pix_fmt yuv422p -b:v 90M " + FEW,
    "dvvideo": "-s 720x576 -pix_fmt yuv420p -r 25 " + FEW, "snow": FEW,
    "rawvideo": FEW, "v210": FEW, "cinepak": FEW, "svq1": FEW, "rv10": "", "rv20": "", "qtrle": FEW, "png": FEW,
    "gif": FEW, "jpeg2000": FEW, "flashsv": FEW, "zmbv": FEW, "msvideo1": FEW, "asv1": "",
    "hap": FEW, "cfhd": FEW, "targa": FEW, "rpza": FEW, "smc": FEW,
}
AUDIO = {
    "aac": "", "ac3": "", "eac3": "", "mp2": "", "libmp3lame": "", "flac": "", "alac": "", "libopus": "",
    "libvorbis": "", "wavpack": "", "tta": "", "truehd": "", "mlp": "", "dca": "", "pcm_s16le": "", "pcm_s16be": "",
    "pcm_s24le": "", "pcm_s24be": "", "pcm_s32le": "", "pcm_s32be": "", "pcm_f32le": "", "pcm_f32be": "",
    "pcm_f64le": "", "pcm_u8": "", "pcm_s8": "", "pcm_alaw": "", "pcm_mulaw": "", "pcm_dvd": "",
    "adpcm_ms": "", "adpcm_ima_wav": "", "adpcm_ima_qt": "", "adpcm_swf": "-ar 44100", "adpcm_yamaha": "",
    "g722": "-ar 16000 -ac 1", "g726": PHONE, "g723_1": PHONE + " -b:a 6300", "libgsm_ms": PHONE,
    "libspeex": "-ar 16000", "nellymoser": "-ar 44100 -ac 1", "wmav1": "", "wmav2": "", "real_144": PHONE,
    "s302m": "",
}
# A codec is encoded once, into NUT where that can hold it, and copied from there.
CARRIERS = {name: "matroska" for name in ("alac", "tta", "truehd", "mlp", "libtheora")}
CARRIERS.update({name: "mov" for name in ("adpcm_ima_qt", "dnxhd", "qtrle", "targa", "rpza", "smc", "g726")})
CARRIERS.update({"nellymoser": "flv", "pcm_dvd": "vob", "real_144": "rm", "s302m": "mpegts",
                 "rv10": "rm", "rv20": "rm", "wmav1": "asf", "wmav2": "asf"})

PICTURES = ("libx264 libx265 libxvid mpeg4 mpeg1video mpeg2video msmpeg4 msmpeg4v2 wmv1 wmv2 h261 h263 h263p flv mjpeg "
            "ljpeg libvpx libvpx-vp9 ffv1 ffvhuff huffyuv utvideo magicyuv prores_ks dvvideo snow rawvideo v210 cinepak "
            "svq1 png gif jpeg2000 flashsv zmbv msvideo1 asv1 hap cfhd targa")
PCM = "pcm_s16le pcm_s24le pcm_s32le pcm_f32le pcm_f64le pcm_u8 pcm_alaw pcm_mulaw"
PCM_BIG = "pcm_s16be pcm_s24be pcm_s32be pcm_f32be"
RIFF = PCM + (" aac ac3 eac3 dca mp2 libmp3lame flac libvorbis adpcm_ms adpcm_ima_wav adpcm_swf adpcm_yamaha g722 g723_1 "
              "libgsm_ms libspeex")
# Muxer: extension, encoders.
CONTAINERS = {
    "mp4": ("mp4", "libx264 libx265 libvpx-vp9 libaom-av1 libsvtav1 mpeg4 libxvid mpeg1video mpeg2video mjpeg png jpeg2000 "
                   "aac ac3 eac3 dca mp2 libmp3lame libopus libvorbis flac alac"),
    "mov": ("mov", PICTURES.replace("libvpx libvpx-vp9 ", "") + " dnxhd qtrle rpza smc " + PCM + " " + PCM_BIG +
            " pcm_s8 aac ac3 eac3 dca mp2 libmp3lame alac adpcm_ima_qt adpcm_swf g722 g726 libspeex libvorbis wavpack"),
    "3gp": ("3gp", "libx264 mpeg4 h263 aac"),
    "3g2": ("3g2", "libx264 mpeg4 h263 aac"),
    "ipod": ("m4a", "aac alac ac3 libx264"),
    "ismv": ("ismv", "libx264 aac"),
    "f4v": ("f4v", "libx264 aac libmp3lame"),
    "matroska": ("mkv", PICTURES + " libaom-av1 libsvtav1 libtheora dnxhd " + PCM +
                 " pcm_s16be pcm_s24be pcm_s32be aac ac3 eac3 dca truehd mlp mp2 libmp3lame libopus libvorbis flac alac tta wavpack adpcm_ms adpcm_ima_wav "
                 "adpcm_swf adpcm_yamaha g722 g723_1 libgsm_ms libspeex wmav2"),
    "webm": ("webm", "libvpx libvpx-vp9 libaom-av1 libsvtav1 libopus libvorbis"),
    "avi": ("avi", PICTURES + " libtheora libaom-av1 " + RIFF + " wmav2"),
    "asf": ("asf", "wmv1 wmv2 msmpeg4 mpeg4 libx264 mjpeg wmav1 wmav2 libmp3lame aac ac3 mp2 flac " + PCM),
    "mpegts": ("ts", "libx264 libx265 mpeg1video mpeg2video aac ac3 eac3 dca mp2 libmp3lame libopus s302m"),
    "mpeg": ("mpg", "mpeg1video mpeg2video ac3 mp2 libmp3lame pcm_s16be"),
    "vob": ("vob", "mpeg1video mpeg2video ac3 mp2 dca pcm_dvd"),
    "svcd": ("svcd.mpg", "mpeg2video mp2"),
    "vcd": ("vcd.mpg", "mpeg1video mp2"),
    "flv": ("flv", "libx264 flv flashsv aac libmp3lame adpcm_swf nellymoser"),
    "ogg": ("ogg", "libtheora libvpx libvorbis libopus flac libspeex"),
    "oga": ("oga", "libvorbis flac libspeex"),
    "opus": ("opus", "libopus"),
    "rm": ("rm", "rv10 rv20 ac3 real_144"),
    "mxf": ("mxf", "mpeg2video prores_ks jpeg2000 dvvideo dnxhd"),
    "mxf_opatom": ("opatom.mxf", "dnxhd"),
    "gxf": ("gxf", "dvvideo"),
    "dv": ("dv", "dvvideo"),
    "nut": ("nut", PICTURES + " libaom-av1 libsvtav1 " + PCM + " " + PCM_BIG + " aac ac3 dca libmp3lame libopus libvorbis flac"),
    "wtv": ("wtv", "mpeg2video libx264 mp2 ac3 aac"),
    "ivf": ("ivf", "libvpx libvpx-vp9 libaom-av1 libsvtav1"),
    "film_cpk": ("cpk", "cinepak"),
    "wav": ("wav", RIFF + " wmav2"),
    "w64": ("w64", RIFF),
    "aiff": ("aiff", PCM_BIG + " pcm_s8 pcm_u8 pcm_alaw pcm_mulaw"),
    "caf": ("caf", PCM.replace(" pcm_u8", "") + " " + PCM_BIG + " ac3 libmp3lame alac"),
    "au": ("au", PCM_BIG + " pcm_s8 pcm_alaw pcm_mulaw"),
    "voc": ("voc", "pcm_u8 pcm_s16le pcm_alaw pcm_mulaw"),
    "ircam": ("sf", "pcm_s16le pcm_s32le pcm_f32le pcm_alaw pcm_mulaw"),
    "sox": ("sox", "pcm_s32le pcm_s32be"),
    "mp3": ("mp3", "libmp3lame"), "flac": ("flac", "flac"), "adts": ("aac", "aac"), "tta": ("tta", "tta"),
    "wv": ("wv", "wavpack"), "ac3": ("ac3", "ac3"), "eac3": ("eac3", "eac3"), "dts": ("dts", "dca"),
    "truehd": ("thd", "truehd"), "mlp": ("mlp", "mlp"), "mpeg1video": ("m1v", "mpeg1video"),
    "mpeg2video": ("m2v", "mpeg2video"), "obu": ("obu", "libaom-av1"),
}


def ffmpeg(*arguments):
    done = subprocess.run(["ffmpeg", "-v", "error", "-y", "-nostdin", *arguments], capture_output=True, text=True,
                          timeout=120)
    if done.returncode != 0:
        raise RuntimeError(f"ffmpeg {' '.join(map(str, arguments))}: {done.stderr[-600:]}")


def folder_for(*what):
    """A folder for files that are made as `what` says, and whether they are in it."""
    path = FOLDER / (what[0] + "-" + hashlib.sha1(repr(what).encode()).hexdigest()[:10])
    return path, (path / "made").exists()


def fill(path, make):
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    make(path)
    (path / "made").touch()


def sources_of(codec):
    if codec in VIDEO:
        return ["-f", "lavfi", "-i", "testsrc2=s=176x144:r=25:d=1", "-c:v", codec, *VIDEO[codec].split()]
    return ["-f", "lavfi", "-i", "sine=r=48000:d=1,aformat=channel_layouts=stereo", "-c:a", codec, *AUDIO[codec].split()]


def in_containers(codec):
    """The files of one codec, each in another container: [(name, path)]."""
    muxers = [m for m, (_, codecs) in CONTAINERS.items() if codec in codecs.split()]
    carrier = CARRIERS.get(codec, "nut")
    path, made = folder_for(codec, sources_of(codec), carrier, [(m, CONTAINERS[m][0]) for m in muxers])

    def make(to):
        ffmpeg(*sources_of(codec), "-strict", "-2", "-f", carrier, to / "carrier")
        outputs = []
        for m in muxers:
            outputs += ["-map", "0:0", "-c", "copy", "-strict", "-2", "-f", m, to / f"{m}.{CONTAINERS[m][0]}"]
        ffmpeg("-i", to / "carrier", *outputs)
        (to / "carrier").unlink()

    if not made:
        fill(path, make)
    return [(f"{codec} in {m}", path / f"{m}.{CONTAINERS[m][0]}") for m in muxers]


def every_container():
    """[(name, path)] of each codec in each container."""
    codecs = [*VIDEO, *AUDIO]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return [sample for samples in pool.map(in_containers, codecs) for sample in samples]
