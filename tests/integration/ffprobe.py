"""Our probe's answer beside ffprobe's, field by field. What may differ is listed here with its reason, and nothing else
may."""

import json
import math
import subprocess

# Fields of ffprobe that a probe does not carry.
LEFT_OUT = {
    "filename": "whoever asks knows it; the executor never sees a name",
    "probe_score": "how sure libav is of the format, by its name among others; whoever reads the answer can't use it",
    "codec_long_name": "follows from codec_name, the same for every file",
    "format_long_name": "follows from format_name, the same for every file",
    "extradata_size": "how long the codec's header is says nothing of the picture; the header goes along in a copy",
    "refs": "a decoder's guess before its first frame: 1 whatever the file says",
    "closed_captions": "ffprobe asks a decoder that has seen no frame: always 0; we look at the first packet",
    "dmix_mode": "AC-3: the decoder's default before its first frame (-1), never from the file",
    "ltrt_cmixlev": "as dmix_mode",
    "ltrt_surmixlev": "as dmix_mode",
    "loro_cmixlev": "as dmix_mode",
    "loro_surmixlev": "as dmix_mode",
    "downmix": "as dmix_mode",
    "divx_packed": "MPEG-4: the decoder's default before its first frame (false), never from the file",
    "quarter_sample": "as divx_packed",
}
# What ffprobe reads off a decoder that it opens and feeds nothing: absent where libav has no decoder, and a size of 0
# where the decoder learns it from its first frame.
DECODERS = ("coded_width", "coded_height", "film_grain", "is_avc", "nal_length_size")
# Zeros that stand for nothing: a length that the header leaves open (we read on for the file's), the number of a stream
# that has none.
NOTHING = {"duration": "0.000000", "duration_ts": 0, "id": "0x0", "coded_width": 0, "coded_height": 0}


def ffprobe(path):
    """None if ffprobe refuses the file."""
    done = subprocess.run(["ffprobe", "-v", "error", "-of", "json", "-show_format", "-show_streams", "-show_chapters",
                           str(path)], capture_output=True)
    return json.loads(done.stdout) if done.returncode == 0 else None


def four_characters(text):
    """codec_tag of codec_tag_string."""
    value, at, i = 0, 0, 0
    while i < len(text):
        if text[i] == "[":
            end = text.index("]", i)
            byte, i = int(text[i + 1:end]), end + 1
        else:
            byte, i = ord(text[i]), i + 1
        value |= byte << at
        at += 8
    return f"0x{value:04x}"


def seconds(value):
    return f"{value:.6f}"


def ratio(text):
    return text or "0/0"


def anticlockwise(matrix):
    """Degrees, as av_display_rotation_get has them."""
    across, down = math.hypot(matrix[0], matrix[3]), math.hypot(matrix[1], matrix[4])
    return int(-math.degrees(math.atan2(matrix[1] / down, matrix[0] / across)))


def side_data(s):
    """In the order of their names: ffprobe's order is the demuxer's, which means nothing."""
    entries = [{"side_data_type": x["type"], **x.get("values", {})} for x in s.get("sideData", [])]
    if m := s.get("displayMatrix"):
        rows = "".join("\n%08x: " % i + "".join(f" {x:11d}" for x in m[i * 3:i * 3 + 3]) for i in range(3)) + "\n"
        entries.append({"side_data_type": "Display Matrix", "displaymatrix": rows, "rotation": str(anticlockwise(m))})
    if m := s.get("masteringDisplay"):
        names = {"redX": "red_x", "redY": "red_y", "greenX": "green_x", "greenY": "green_y", "blueX": "blue_x",
                 "blueY": "blue_y", "whiteX": "white_point_x", "whiteY": "white_point_y",
                 "minLuminance": "min_luminance", "maxLuminance": "max_luminance"}
        entries.append({"side_data_type": "Mastering display metadata",
                        **{theirs: m[ours] for ours, theirs in names.items() if ours in m}})
    if c := s.get("contentLight"):
        entries.append({"side_data_type": "Content light level metadata",
                        "max_content": str(c.get("maxContent", 0)), "max_average": str(c.get("maxAverage", 0))})
    if d := s.get("dolbyVision"):
        names = {"versionMajor": "dv_version_major", "versionMinor": "dv_version_minor", "profile": "dv_profile",
                 "level": "dv_level", "rpu": "rpu_present_flag", "enhancementLayer": "el_present_flag",
                 "baseLayer": "bl_present_flag", "compatibility": "dv_bl_signal_compatibility_id"}
        entries.append({"side_data_type": "DOVI configuration record",
                        **{theirs: str(int(d.get(ours, 0))) for ours, theirs in names.items()}})
    return sorted(entries, key=lambda x: x["side_data_type"])


def picture(s):
    out = {
        "width": s.get("width", 0), "height": s.get("height", 0),
        "coded_width": s.get("codedWidth", s.get("width", 0)), "coded_height": s.get("codedHeight", s.get("height", 0)),
        "film_grain": int(s.get("filmGrain", False)),
        "has_b_frames": s.get("reorderFrames", 0), "level": s.get("level", -99),
    }
    names = {"sampleAspect": "sample_aspect_ratio", "displayAspect": "display_aspect_ratio", "pixelFormat": "pix_fmt",
             "colorRange": "color_range", "colorSpace": "color_space", "colorTransfer": "color_transfer",
             "colorPrimaries": "color_primaries", "chromaLocation": "chroma_location", "fieldOrder": "field_order"}
    out.update({theirs: s[ours] for ours, theirs in names.items() if ours in s})
    if s.get("codec") == "h264":
        size = s.get("nalLengthSize", 0)
        out.update(is_avc="true" if size else "false", nal_length_size=str(size))
    return out


def sound(s):
    out = {"sample_rate": str(s.get("sampleRate", 0)), "channels": s.get("channels", 0),
           "bits_per_sample": s.get("bitsPerSample", 0)}
    names = {"sampleFormat": "sample_fmt", "channelLayout": "channel_layout"}
    out.update({theirs: s[ours] for ours, theirs in names.items() if ours in s})
    return out


def stream(s):
    """A stream of ours in ffprobe's words."""
    rate = s.get("frameRate", "")
    out = {
        "index": s["index"], "codec_type": s["kind"],
        "codec_tag_string": s.get("codecTag", "[0][0][0][0]"),
        "codec_tag": four_characters(s.get("codecTag", "[0][0][0][0]")),
        "r_frame_rate": ratio(s.get("baseFrameRate", rate)), "avg_frame_rate": ratio(s.get("averageFrameRate", rate)),
        "time_base": s["timeBase"],
    }
    names = {"codec": "codec_name", "profile": "profile"}
    out.update({theirs: s[ours] for ours, theirs in names.items() if ours in s})
    for ours, theirs in {"bitRate": "bit_rate", "frames": "nb_frames", "bitsPerRawSample": "bits_per_raw_sample"}.items():
        if ours in s:
            out[theirs] = str(s[ours])
    if "id" in s:
        out["id"] = hex(s["id"])
    if "startTicks" in s:
        out.update(start_pts=s["startTicks"], start_time=seconds(s.get("startTime", 0)))
    if "durationTicks" in s:
        out.update(duration_ts=s["durationTicks"], duration=seconds(s["duration"]))
    if s["kind"] == "video":
        out.update(picture(s))
    elif s["kind"] == "audio":
        out.update(sound(s))
    elif "width" in s:
        out.update(width=s["width"], height=s.get("height", 0))
    out["disposition"] = set(s.get("dispositions", []))
    out["tags"] = s.get("tags", {})
    out["side_data_list"] = side_data(s)
    return out


def chapter(c):
    base = [int(x) for x in c["timeBase"].split("/")]
    ticks = [round(c.get(x, 0) * base[1] / base[0]) for x in ("start", "end")]
    return {"id": c.get("id", 0), "time_base": c["timeBase"], "start": ticks[0], "end": ticks[1],
            "start_time": seconds(c.get("start", 0)), "end_time": seconds(c.get("end", 0)), "tags": c.get("tags", {})}


def theirs_of(s):
    """A stream of ffprobe without what is left out; its lists as ours."""
    out = {k: v for k, v in s.items() if k not in LEFT_OUT and NOTHING.get(k) != v}
    out["disposition"] = {k for k, v in s.get("disposition", {}).items() if v}
    out["tags"] = s.get("tags", {})
    out["side_data_list"] = sorted(
        ({k: str(v) if k != "side_data_type" else v for k, v in x.items()} for x in s.get("side_data_list", [])),
        key=lambda x: x["side_data_type"])
    return out


def between(where, ours, theirs):
    """Sentences about each field that differs."""
    for key in sorted(ours.keys() | theirs.keys()):
        if key in DECODERS and key not in theirs:
            continue
        a, b = ours.get(key), theirs.get(key)
        if a != b:
            yield f"{where}: {key} is {a!r}, ffprobe says {b!r}"


def differences(ours, theirs):
    """What a probe's answer says otherwise than ffprobe, a sentence each."""
    format = {"nb_streams": len(ours["streams"]), "nb_programs": ours.get("programs", 0), "format_name": ours["format"],
              "size": str(ours["size"]), "tags": ours.get("tags", {})}
    expected = {k: v for k, v in theirs["format"].items() if k not in LEFT_OUT and NOTHING.get(k) != v}
    expected.setdefault("tags", {})
    # Unknown to ffprobe: 0 or better known to us, which reads on for a duration.
    if "start_time" in expected:
        format["start_time"] = seconds(ours.get("startTime", 0))
    if "duration" in expected:
        format["duration"] = seconds(ours.get("duration", 0))
    if "bit_rate" in expected:
        format["bit_rate"] = str(ours.get("bitRate", 0))
    found = list(between("format", format, expected))
    if len(ours["streams"]) == len(theirs["streams"]):
        for a, b in zip(ours["streams"], theirs["streams"]):
            found += between(f"stream {a['index']}", stream(a), theirs_of(b))
    if len(ours.get("chapters", [])) != len(theirs["chapters"]):
        found.append(f"{len(ours.get('chapters', []))} chapters, ffprobe says {len(theirs['chapters'])}")
    for i, (a, b) in enumerate(zip(ours.get("chapters", []), theirs["chapters"])):
        found += between(f"chapter {i}", chapter(a), {"tags": {}, **b})
    return found
