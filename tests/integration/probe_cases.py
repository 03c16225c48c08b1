"""The awkward files of the probe's tests: what a picture, a sound or a container can be besides ordinary. Where ffmpeg 5.1
can't write something (rotation, HDR and Dolby Vision boxes, wrong sizes), an mp4 file's boxes are changed here."""

import re
import struct

from probe_samples import ffmpeg, fill, folder_for

PICTURE = "-f lavfi -i testsrc2=s=176x144:r=25:d=1"
TONE = "-f lavfi -i sine=r=48000:d=1"
FAST = "-c:v libx264 -preset ultrafast"
X264 = "-c:v libx264 -preset veryfast"


def pan(layout):
    return f"{TONE},aformat=channel_layouts={layout}"


# Name with its extension: arguments of ffmpeg, without the output.
CASES = {
    # Shape and order of the picture.
    "anamorphic.mp4": f"{PICTURE} -vf setsar=16/11 {X264}",
    "anamorphic.mkv": f"{PICTURE} -vf setsar=64/45 {X264}",
    "anamorphic.ts": f"{PICTURE} -vf setsar=16/11 -c:v mpeg2video -aspect 16:9",
    "anamorphic.avi": f"{PICTURE} -vf setsar=12/11 -c:v mpeg4",
    "anamorphic.webm": f"{PICTURE} -vf setsar=4/3 -c:v libvpx",
    "strange-aspect.mp4": f"{PICTURE} -vf setsar=117/103 {X264}",
    "top-first.mp4": f"{PICTURE} -vf setfield=tff {X264} -x264-params tff=1",
    "bottom-first.mkv": f"{PICTURE} -vf setfield=bff {X264} -x264-params bff=1",
    "fake-interlaced.mp4": f"{PICTURE} {X264} -x264-params fake-interlaced=1",
    "pulldown.mp4": f"{PICTURE} {X264} -x264-params pulldown=32:force-cfr=1",
    "top-first.mpg": f"{PICTURE} -vf setfield=tff -c:v mpeg2video -flags +ildct+ilme -top 1",
    "bottom-first.ts": f"{PICTURE} -vf setfield=bff -c:v mpeg2video -flags +ildct+ilme -top 0",
    "interlaced.mov": f"{PICTURE} -vf setfield=tff -c:v prores_ks -flags +ildct -frames:v 3",
    "interlaced.mxf": f"{PICTURE} -vf setfield=tff -c:v mpeg2video -flags +ildct+ilme -top 1",
    "odd-size.mkv": "-f lavfi -i testsrc2=s=177x143:r=25:d=1 -c:v libx264 -pix_fmt yuv444p",
    "odd-size.webm": "-f lavfi -i testsrc2=s=177x143:r=25:d=1 -c:v libvpx-vp9 -cpu-used 8",
    "lines-1080.mp4": f"-f lavfi -i testsrc2=s=64x1080:r=25:d=0.4 {FAST}",
    "lines-1080-hevc.mp4": "-f lavfi -i testsrc2=s=64x1080:r=25:d=0.2 -c:v libx265 -preset ultrafast -x265-params log-level=error",
    "odd-hevc.mkv": "-f lavfi -i testsrc2=s=130x134:r=25:d=0.2 -c:v libx265 -preset ultrafast -x265-params log-level=error",
    "odd-hevc.ts": "-f lavfi -i testsrc2=s=130x134:r=25:d=1 -c:v libx265 -preset ultrafast -x265-params log-level=error",
    "cropped-left.mp4": f"{PICTURE} {X264} -bsf:v h264_metadata=crop_left=16:crop_top=8",
    # Orders of frames.
    "no-b-frames.mp4": f"{PICTURE} {X264} -bf 0",
    "no-b-frames.mkv": f"{PICTURE} {X264} -bf 0",
    "baseline.mp4": f"{PICTURE} {X264} -profile:v baseline",
    "zero-latency.mkv": f"{PICTURE} {X264} -tune zerolatency",
    "intra.mov": f"{PICTURE} {X264} -g 1 -frames:v 5",
    "pyramid.mp4": f"{PICTURE} {X264} -bf 7 -x264-params b-pyramid=normal:ref=6",
    "pyramid.mkv": f"{PICTURE} {X264} -bf 7 -x264-params b-pyramid=normal:ref=6",
    "open-gop.mkv": f"{PICTURE} {X264} -x264-params open-gop=1:keyint=8",
    "open-gop.ts": f"{PICTURE} {X264} -x264-params open-gop=1:keyint=8",
    "in-band-headers.mp4": f"{PICTURE} {X264} -x264-params repeat-headers=1",
    "in-band-headers.avi": f"{PICTURE} {X264} -bf 0 -x264-params repeat-headers=1",
    "aud-hrd.mp4": f"{PICTURE} {X264} -x264-params aud=1:nal-hrd=vbr:vbv-maxrate=500:vbv-bufsize=500",
    "no-vui-timing.mp4": f"{PICTURE} {X264} -bsf:v h264_metadata=aud=remove:overscan_appropriate_flag=1",
    "slices.mkv": f"{PICTURE} {X264} -x264-params slices=4:sliced-threads=1",
    "one-frame.mp4": f"{PICTURE} {X264} -frames:v 1",
    "hevc-b-frames.mkv": f"{PICTURE} -c:v libx265 -preset veryfast -x265-params log-level=error:bframes=6",
    # Colours and samples.
    "ten-bit.mp4": f"{PICTURE} {X264} -pix_fmt yuv420p10le",
    "ten-bit-422.mkv": f"{PICTURE} {X264} -pix_fmt yuv422p10le",
    "four-four-four.mp4": f"{PICTURE} {X264} -pix_fmt yuv444p",
    "ten-bit-444.mkv": f"{PICTURE} {X264} -pix_fmt yuv444p10le",
    "rgb.mkv": f"{PICTURE} -c:v libx264rgb -preset veryfast",
    "gray.mkv": f"{PICTURE} {X264} -pix_fmt gray",
    "gray-ffv1.mkv": f"{PICTURE} -c:v ffv1 -pix_fmt gray16le -frames:v 3",
    "full-range.mp4": f"{PICTURE} {X264} -pix_fmt yuvj420p",
    "bt601.mp4": f"{PICTURE} {X264} -color_primaries smpte170m -color_trc smpte170m -colorspace smpte170m -color_range tv",
    "bt709.mkv": f"{PICTURE} {X264} -color_primaries bt709 -color_trc bt709 -colorspace bt709",
    "colr-only.mov": f"{PICTURE} -c:v mjpeg -color_primaries bt709 -color_trc bt709 -colorspace bt709 -movflags write_colr",
    "hlg.mp4": f"{PICTURE} {X264} -pix_fmt yuv420p10le -color_primaries bt2020 -color_trc arib-std-b67 -colorspace bt2020nc",
    "hlg-alternative.mp4": f"{PICTURE} {X264} -color_primaries bt709 -color_trc bt709 -colorspace bt709 "
                           "-x264-params alternative-transfer=arib-std-b67",
    "chroma-top-left.mp4": f"{PICTURE} {X264} -x264-params chromaloc=2",
    "hdr10.mkv": f"{PICTURE} -c:v libx265 -preset ultrafast -pix_fmt yuv420p10le -x265-params log-level=error:hdr10=1:"
                 "repeat-headers=1:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc:max-cll=1000,400:"
                 "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)",
    "ten-bit-vp9.webm": f"{PICTURE} -c:v libvpx-vp9 -cpu-used 8 -pix_fmt yuv420p10le",
    "alpha.webm": "-f lavfi -i testsrc2=s=176x144:r=25:d=0.4,format=yuva420p -c:v libvpx-vp9 -cpu-used 8 -pix_fmt yuva420p",
    "alpha.mov": "-f lavfi -i testsrc2=s=176x144:r=25:d=0.2,format=yuva444p10le -c:v prores_ks -profile:v 4444",
    "ten-bit-av1.mkv": f"{PICTURE} -c:v libsvtav1 -preset 12 -pix_fmt yuv420p10le",
    "film-grain.mkv": f"{PICTURE} -c:v libsvtav1 -preset 10 -svtav1-params film-grain=20",
    "gbr.avi": f"{PICTURE} -c:v utvideo -pix_fmt gbrp -frames:v 3",
    "palette.gif.mkv": f"{PICTURE} -c:v gif -frames:v 3",
    "planes.y4m": f"{PICTURE} -pix_fmt yuv422p -frames:v 2",
    "moving.roq": "-f lavfi -i testsrc2=s=176x144:r=30:d=0.2 -c:v roqvideo",
    # Time.
    "variable-rate.mp4": f"{PICTURE} -vf select='not(mod(n\\,3))+not(mod(n\\,4))' -vsync vfr {X264}",
    "variable-rate.mkv": f"{PICTURE} -vf select='not(mod(n\\,3))+not(mod(n\\,4))' -vsync vfr {X264}",
    "variable-rate.webm": f"{PICTURE} -vf select='not(mod(n\\,3))+not(mod(n\\,4))' -vsync vfr -c:v libvpx",
    "ntsc-rate.mp4": f"-f lavfi -i testsrc2=s=176x144:r=30000/1001:d=1 {X264}",
    "ntsc-rate.mkv": f"-f lavfi -i testsrc2=s=176x144:r=24000/1001:d=1 {X264}",
    "high-rate.mp4": f"-f lavfi -i testsrc2=s=64x64:r=240:d=0.5 {X264}",
    "slow-rate.mkv": f"-f lavfi -i testsrc2=s=64x64:r=1/2:d=6 {X264}",
    "late-start.mp4": f"-itsoffset 0.5 {PICTURE} {TONE} -map 0 -map 1 {X264} -c:a aac",
    "late-sound.mkv": f"{PICTURE} -itsoffset 0.7 {TONE} -map 0 -map 1 {X264} -c:a aac",
    "late-start.ts": f"{PICTURE} {TONE} {X264} -c:a aac -output_ts_offset 3600",
    "edit-list.mp4": f"{PICTURE} {TONE} {X264} -bf 3 -c:a aac -movflags +faststart",
    "no-edit-list.mp4": f"{PICTURE} {TONE} {X264} -bf 3 -c:a aac -use_editlist 0",
    "negative-offsets.mp4": f"{PICTURE} {X264} -movflags negative_cts_offsets",
    "fragments.mp4": f"{PICTURE} {TONE} {X264} -c:a aac -movflags frag_keyframe+empty_moov -g 10",
    "dash-fragments.mp4": f"{PICTURE} {X264} -g 10 -movflags dash+delay_moov+frag_keyframe",
    "timecode.mov": f"{PICTURE} {X264} -timecode 01:02:03:04",
    "timecode.mxf": f"{PICTURE} -c:v mpeg2video -timecode 01:02:03:04",
    # No duration in the header, or no header.
    "bare.h264": f"{PICTURE} {X264}",
    "bare.hevc": f"{PICTURE} -c:v libx265 -x265-params log-level=error",
    "bare.m4v": f"{PICTURE} -c:v mpeg4",
    "live.webm": f"{PICTURE} {TONE} -c:v libvpx -c:a libopus -live 1",
    "live.mkv": f"{PICTURE} {TONE} {X264} -c:a aac -live 1",
    "cues.mkv": f"{PICTURE} {TONE} {X264} -c:a aac -cues_to_front 1",
    # Sound.
    "mono.m4a": f"{pan('mono')} -c:a aac",
    "surround.m4a": f"{pan('5.1')} -c:a aac",
    "seven-one.m4a": f"{pan('7.1')} -c:a aac",
    "seven-one.flac": f"{pan('7.1')} -c:a flac",
    "surround.ac3.mkv": f"{pan('5.1')} -c:a ac3",
    "surround.ogg": f"{pan('5.1')} -c:a libvorbis",
    "seven-one.opus": f"{pan('7.1')} -c:a libopus",
    "seven-one.wav": f"{pan('7.1')} -c:a pcm_s24le",
    "quad.mka": f"{pan('quad')} -c:a pcm_s16le",
    "surround.dts": f"{pan('5.1')} -c:a dca -strict -2",
    "truehd.thd": f"{pan('5.1')} -c:a truehd -strict -2",
    "low-rate.mp3": f"{TONE} -ar 11025 -ac 1 -c:a libmp3lame -b:a 16k",
    "variable-rate.mp3": f"{TONE} -c:a libmp3lame -q:a 4",
    "bare.mp3": f"{TONE} -c:a libmp3lame -write_xing 0 -id3v2_version 0",
    "adts-in.ts": f"{TONE} -c:a aac",
    "latm-in.ts": f"{TONE} -c:a aac -mpegts_flags latm",
    "wide.flac": f"{TONE} -c:a flac -sample_fmt s32 -ar 96000",
    "alac24.m4a": f"{TONE} -c:a alac -sample_fmt s32p",
    "rf64.wav": f"{TONE} -c:a pcm_s16le -rf64 always",
    "bext.wav": f"{TONE} -c:a pcm_s16le -write_bext 1 -metadata description=d -metadata originator=o",
    "noise.wav": "-f lavfi -i anoisesrc=r=48000:d=1:a=0.9 -c:a pcm_s16le",
    "silence.wav": "-f lavfi -i anullsrc=r=48000:d=1 -t 1 -c:a pcm_s16le",
    "short.wav": "-f lavfi -i sine=r=8000:d=0.01 -c:a pcm_s16le",
    "noise.w64": "-f lavfi -i anoisesrc=r=48000:d=1:a=0.9 -c:a pcm_s16le",
    # Tags, tracks, chapters. (TEXT, META, COVER and FONT are files made beside.)
    "tracks.mkv": f"{PICTURE} {TONE} {TONE} -i TEXT -map 0 -map 1 -map 2 -map 3 {X264} -c:a:0 aac -c:a:1 ac3 -c:s srt "
                  "-metadata:s:a:0 language=ger -metadata:s:a:0 title=Deutsch -metadata:s:a:1 language=jpn "
                  "-metadata:s:s:0 language=fre -disposition:a:1 default+comment -disposition:s:0 forced",
    "tracks.mp4": f"{PICTURE} {TONE} {TONE} -i TEXT -map 0 -map 1 -map 2 -map 3 {X264} -c:a aac -c:s mov_text "
                  "-metadata:s:a:0 language=ger -metadata:s:a:1 language=jpn -metadata title=Film -metadata date=2020",
    "tracks.ts": f"{PICTURE} {TONE} {TONE} -map 0 -map 1 -map 2 {X264} -c:a:0 mp2 -c:a:1 ac3 "
                 "-metadata:s:a:0 language=ger -metadata:s:a:1 language=jpn -disposition:a:1 visual_impaired",
    "programmes.ts": f"{PICTURE} {TONE} {PICTURE} {TONE} -map 0 -map 1 -map 2 -map 3 -c:v mpeg2video -c:a mp2 "
                     "-program title=One:st=0:st=1 -program title=Two:st=2:st=3",
    "subtitles.mkv": f"{PICTURE} -i TEXT -i TEXT -i TEXT -map 0 -map 1 -map 2 -map 3 {X264} -c:s:0 ass -c:s:1 webvtt -c:s:2 srt",
    "subtitles.webm": f"{PICTURE} -i TEXT -map 0 -map 1 -c:v libvpx -c:s webvtt",
    "fonts.mkv": f"{PICTURE} {X264} -attach FONT -metadata:s:t mimetype=application/x-truetype-font",
    "chapters.mkv": f"{PICTURE} -i META -map 0 -map_metadata 1 {X264}",
    "chapters.mp4": f"{PICTURE} -i META -map 0 -map_metadata 1 {X264}",
    "chapters.mp3": f"{TONE} -i META -map 0 -map_metadata 1 -c:a libmp3lame",
    "chapters.opus": f"{TONE} -i META -map 0 -map_metadata 1 -c:a libopus",
    "chapters.nut": f"{PICTURE} -i META -map 0 -map_metadata 1 -c:v mpeg4",
    "cover.mp3": f"{TONE} -i COVER -map 0 -map 1 -c:a libmp3lame -c:v copy -metadata:s:v title=Front "
                 "-metadata:s:v comment=Cover(front) -metadata artist=A -metadata genre=Jazz",
    "cover.m4a": f"{TONE} -i COVER -map 0 -map 1 -c:a aac -c:v copy -disposition:v attached_pic -metadata artist=A",
    "cover.flac": f"{TONE} -i COVER -map 0 -map 1 -c:a flac -c:v copy -disposition:v attached_pic",
    "cover.mkv": f"{PICTURE} {FAST} -attach COVER -metadata:s:t mimetype=image/jpeg -metadata:s:t filename=cover.jpg",
    "cover.wav": f"{TONE} -c:a pcm_s16le -metadata title=T -metadata artist=A -metadata comment=C",
    "many-tags.mp4": f"{PICTURE} {FAST} -movflags use_metadata_tags " + " ".join(f"-metadata key{i}=value{i}" for i in range(40)),
    "unicode.mkv": f"{PICTURE} {FAST} -metadata title=Gr\u00fc\u00dfe-\u6620\u753b",
}

META = """;FFMETADATA1
title=A film
artist=Somebody
[CHAPTER]
TIMEBASE=1/1000
START=0
END=333
title=One
[CHAPTER]
TIMEBASE=1/90000
START=30001
END=80000
title=Two \u2603
"""
TEXT = "1\n00:00:00,100 --> 00:00:00,500\nHello\n\n2\n00:00:00,600 --> 00:00:00,900\n<i>World</i>\n"


def box(kind, content):
    return struct.pack(">I4s", len(content) + 8, kind) + content


def change_boxes(data, path, change):
    """mp4 with the content of each box at `path` put through `change`; the sizes around it follow. The index has to be
    behind the media, so that no offset moves."""
    out, at = b"", 0
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        content = data[at + 8:at + size]
        if kind == path[0]:
            content = change(content) if len(path) == 1 else change_boxes(content, path[1:], change)
        out += box(kind, content)
        at += size
    return out


TRACK = [b"moov", b"trak"]
SAMPLE_ENTRY = TRACK + [b"mdia", b"minf", b"stbl", b"stsd"]


def with_extensions(boxes):
    """Adds boxes to the first sample entry of stsd."""
    def change(content):
        size, = struct.unpack_from(">I", content, 8)
        entry = content[12:8 + size] + boxes
        return content[:8] + struct.pack(">I", len(entry) + 4) + entry + content[8 + size:]
    return lambda data: change_boxes(data, SAMPLE_ENTRY, change)


def with_width(width):
    def change(content):
        return content[:40] + struct.pack(">H", width) + content[42:]
    return lambda data: change_boxes(data, SAMPLE_ENTRY, change)


def turned(degrees):
    one = 0x10000
    a, b, c, d, x, y = {90: (0, one, -one, 0, 144 * one, 0), 180: (-one, 0, 0, -one, 176 * one, 144 * one),
                        270: (0, -one, one, 0, 0, 176 * one), 30: (0xddb4, 0x8000, -0x8000, 0xddb4, 0, 0)}[degrees]

    def change(content):
        matrix = struct.pack(">9i", a, b, 0, c, d, 0, x, y, 0x40000000)
        return content[:40] + matrix + content[76:]
    return lambda data: change_boxes(data, TRACK + [b"tkhd"], change)


def dolby(profile, level, compatibility, kind=b"dvcC"):
    bits = profile << 9 | level << 3 | 1 << 2 | 0 << 1 | 1
    return box(kind, struct.pack(">BBHB", 1, 0, bits, compatibility << 4) + bytes(19))


MASTERING = box(b"mdcv", struct.pack(">8HII", 13250, 34500, 7500, 3000, 34000, 16000, 15635, 16450, 10000000, 50))
LIGHT = box(b"clli", struct.pack(">HH", 1000, 400))
SPHERE = box(b"sv3d", box(b"svhd", bytes(4) + b"x\0") + box(b"proj", box(b"prhd", struct.pack(">Iiii", 0, 90 << 16, 0, -5 << 16)) +
                                                          box(b"equi", bytes(4) + bytes(16))))
RATES = box(b"btrt", struct.pack(">III", 100000, 2000000, 1000000))
# Name: the case that it is made of, and how.
CHANGED = {
    "turned-90.mp4": ("no-b-frames.mp4", turned(90)), "turned-180.mp4": ("anamorphic.mp4", turned(180)),
    "turned-270.mp4": ("baseline.mp4", turned(270)),
    "hdr10.mp4": ("lines-1080-hevc.mp4", with_extensions(MASTERING + LIGHT)),
    "dolby-vision-5.mp4": ("lines-1080-hevc.mp4", with_extensions(dolby(5, 6, 0))),
    "dolby-vision-8.mp4": ("lines-1080-hevc.mp4", with_extensions(dolby(8, 9, 1, b"dvvC") + MASTERING)),
    "stereo.mp4": ("baseline.mp4", with_extensions(box(b"st3d", bytes(4) + b"\2"))),
    "sphere.mp4": ("baseline.mp4", with_extensions(SPHERE)),
    "rates.mp4": ("baseline.mp4", with_extensions(RATES)),
    "narrower-in-header.mp4": ("baseline.mp4", with_width(170)),
    "wider-in-header.mp4": ("baseline.mp4", with_width(320)),
}


def pcm_wave(data, rate=48000, channels=2):
    """Something else, with a header that says 16-bit PCM."""
    form = struct.pack("<HHIIHH", 1, channels, rate, rate * channels * 2, channels * 2, 16)
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


# What a 16-bit PCM file may hide: name, ffmpeg's arguments for the bare stream, and its format.
HIDDEN = {
    "dts-in.wav": (f"{TONE} -c:a dca -strict -2 -ac 2 -b:a 1411200", "dts"),
    "dts14-late-in.wav": (f"{TONE} -c:a dca -strict -2 -ac 2 -b:a 1411200", "dts"),
    "ac3-in.wav": (f"{TONE} -c:a ac3", "ac3"),
    "aac-in.wav": (f"{TONE} -c:a aac", "adts"),
    "mp3-in.wav": (f"{TONE} -c:a libmp3lame -b:a 192k -write_xing 0 -id3v2_version 0", "mp3"),
    "iec61937-in.wav": (f"{TONE} -c:a ac3", "spdif"),
}


def made_here(to):
    (to / "META").write_text(META)
    (to / "TEXT").write_text(TEXT)
    (to / "FONT").write_bytes(b"\0\1\0\0" + bytes(200))
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=64x64", "-frames:v", "1", "-f", "mjpeg", to / "COVER")


def arguments(text, to):
    return [re.sub("^(TEXT|META|FONT|COVER)$", lambda m: str(to / m[0]), word) for word in text.split()]





def make(to):
    made_here(to)
    for name, text in CASES.items():
        words = arguments(text, to)
        for at in [i for i, w in enumerate(words) if w in (str(to / "TEXT"), str(to / "META"))][::-1]:
            words[at - 1:at - 1] = ["-f", "srt" if words[at].endswith("TEXT") else "ffmetadata"]
        ffmpeg(*words, to / name)
    for name, (of, change) in CHANGED.items():
        (to / name).write_bytes(change((to / of).read_bytes()))
    for name, (text, form) in HIDDEN.items():
        ffmpeg(*arguments(text, to), "-f", form, to / "hidden")
        data = (to / "hidden").read_bytes()
        late = bytes(32768) if "late" in name else b""
        (to / name).write_bytes(pcm_wave(late + data))


def every_case():
    """[(name, path)]."""
    path, made = folder_for("cases", CASES, sorted(CHANGED), HIDDEN, META, TEXT)
    if not made:
        fill(path, make)
    return [(name, path / name) for name in [*CASES, *CHANGED, *HIDDEN]]
