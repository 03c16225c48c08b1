#define CAF_SUITE media.matrix.tracks

// Films of many tracks, copies, and every codec in every container.

#include "tests/support/unit_test.hpp"
#include "tests/unit/media/lab.hpp"

#include <algorithm>
#include <cmath>
#include <set>
#include <sstream>

using namespace troupe;
using namespace media_test;

namespace {

const std::string subtitles = "1\n00:00:00,500 --> 00:00:01,000\nFirst <i>line</i>\n\n2\n00:00:01,200 --> 00:00:01,900\n"
                              "Second, of two\nlines\n";

/// A film with eight languages, subtitles as text and as pictures, fonts, a cover and chapters.
std::string many_tracks() {
  static const auto path = [] {
    auto srt = scratch("s.srt");
    write_file(srt, subtitles);
    write_file(scratch("font.ttf"), "no font");
    write_file(scratch("notes.txt"), "notes");
    auto meta = scratch("meta.txt");
    write_file(meta, ";FFMETADATA1\ntitle=Many\nartist=Somebody\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=1000\n"
                     "title=One\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=1000\nEND=2000\ntitle=Two\n");
    ffmpeg("-f lavfi -i color=green:s=100x60:d=1 -frames:v 1 " + scratch("cover.jpg"));
    // A subtitle of pictures: libav encodes them from text through no way of its own; DVB pictures come from a film.
    const std::vector<const char*> languages{"eng", "ger", "fra", "spa", "ita", "jpn", "rus", "por"};
    auto out = scratch("many.mkv");
    std::string arguments = "-f lavfi -i testsrc=s=96x64:d=2 -f lavfi -i sine=d=2 -i " + srt + " -i " + meta + " -map 0:v";
    for (size_t i = 0; i < languages.size(); ++i)
      arguments += " -map 1:a";
    for (int i = 0; i < 4; ++i)
      arguments += " -map 2:s";
    arguments += " -map_metadata 3 -map_chapters 3 -c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a libopus -c:s:0 srt -c:s:1 ass "
                 "-c:s:2 webvtt -c:s:3 srt";
    for (size_t i = 0; i < languages.size(); ++i)
      arguments += " -metadata:s:a:" + std::to_string(i) + " language=" + languages[i] + " -disposition:a:" + std::to_string(i)
                   + (i == 2 ? " default" : i == 3 ? " hearing_impaired" : i == 4 ? " comment" : " 0");
    arguments += " -metadata:s:s:0 language=eng -metadata:s:s:0 title=Full -metadata:s:s:1 language=ger -disposition:s:0 default "
                 "-disposition:s:1 forced -disposition:s:2 hearing_impaired -attach "
                 + scratch("font.ttf") + " -metadata:s:t:0 mimetype=font/ttf -attach " + scratch("notes.txt")
                 + " -metadata:s:t:1 mimetype=text/plain -attach " + scratch("cover.jpg") + " -metadata:s:t:2 mimetype=image/jpeg ";
    ffmpeg(arguments + out);
    return out;
  }();
  return path;
}

std::string text_of(const std::string& path, int n) {
  return output_of("ffmpeg -nostdin -v quiet -i '" + path + "' -map 0:s:" + std::to_string(n)
                   + " -f srt - | sed 's/<[^>]*>//g' | tr -d '\\r'");
}

struct line {
  double start;
  double end;
};

/// When each subtitle is shown, counted from the first picture.
std::vector<line> lines_of(const std::string& path, int n) {
  const double first = times(path).at(0);
  std::istringstream in(output_of("ffprobe -v quiet -select_streams s:" + std::to_string(n)
                                  + " -show_entries packet=pts_time,duration_time,size -of csv=p=0 '" + path + "'"));
  std::vector<line> out;
  double start = 0;
  double length = 0;
  int size = 0;
  char comma = 0;
  for (std::string text; std::getline(in, text);)
    // mp4 has samples of 2 bytes between them, which say that nothing is shown.
    if (std::istringstream row(text); row >> start >> comma >> length >> comma >> size && size > 2)
      out.push_back({start - first, start - first + length});
  return out;
}

bool near(const line& l, double start, double end) {
  // Matroska counts milliseconds, and shifts what begins before 0.
  return std::fabs(l.start - start) < 0.0025 && std::fabs(l.end - end) < 0.0025;
}

std::set<std::string> flags(const nlohmann::json& stream) {
  std::set<std::string> out;
  for (auto& [name, value] : stream["disposition"].items())
    if (value == 1)
      out.insert(name);
  return out;
}

} // namespace

CAF_TEST(all tracks and what is said of them go along) {
  auto path = many_tracks();
  auto was = ffprobe(path);
  auto of = [](const nlohmann::json& seen, const char* kind) {
    std::vector<nlohmann::json> found;
    for (auto& s : seen["streams"])
      if (s["codec_type"] == kind && !s["disposition"]["attached_pic"].get<int>())
        found.push_back(s);
    return found;
  };
  auto into_mkv = encoding("web-720p");
  into_mkv.container = "matroska";
  into_mkv.extension = "mkv";
  auto into_webm = encoding("webm");
  for (auto& p : {encoding("web-720p"), into_mkv, into_webm}) {
    CAF_MESSAGE(p.container);
    auto o = run(path, p);
    CAF_CHECK_EQUAL(o.text(), "ok");
    if (!o.answer)
      continue;
    for (auto& w : o.answer->warnings)
      CAF_MESSAGE(w);
    const bool mkv = p.container == "matroska";
    auto sound = of(o.seen, "audio");
    auto text = of(o.seen, "subtitle");
    CAF_REQUIRE_EQUAL(sound.size(), 8u);
    CAF_REQUIRE_EQUAL(text.size(), 4u);
    for (size_t i = 0; i < 8; ++i) {
      CAF_CHECK_EQUAL(sound[i]["tags"]["language"], of(was, "audio")[i]["tags"]["language"]);
      if (mkv)
        CAF_CHECK_EQUAL(flags(sound[i]), flags(of(was, "audio")[i]));
      else
        CAF_CHECK_EQUAL(flags(sound[i]).count("default"), flags(of(was, "audio")[i]).count("default"));
    }
    for (size_t i = 0; i < 4; ++i) {
      auto lines = text_of(scratch("out." + p.extension), static_cast<int>(i));
      CAF_CHECK(lines.find("First line") != std::string::npos);
      CAF_CHECK(lines.find("Second, of two\nlines") != std::string::npos);
      auto shown = lines_of(scratch("out." + p.extension), static_cast<int>(i));
      CAF_REQUIRE_EQUAL(shown.size(), 2u);
      CAF_CHECK(near(shown[0], 0.5, 1.0) && near(shown[1], 1.2, 1.9));
      if (mkv)
        CAF_CHECK_EQUAL(flags(text[i]), flags(of(was, "subtitle")[i]));
    }
    CAF_CHECK_EQUAL(text[1]["tags"]["language"], "ger");
    CAF_REQUIRE_EQUAL(o.seen["chapters"].size(), 2u);
    CAF_CHECK_EQUAL(o.seen["chapters"][1]["tags"]["title"], "Two");
    // Beside the picture as it was: Matroska moves both for the priming of sound.
    const double moved = times(scratch("out." + p.extension)).at(0) - times(path).at(0);
    CAF_CHECK(std::fabs(std::stod(o.seen["chapters"][1]["start_time"].get<std::string>()) - moved - 1) < 0.002);
    auto tags = o.seen["format"]["tags"];
    CAF_CHECK_EQUAL(tags.value("title", ""), "Many");
    if (mkv)
      CAF_CHECK_EQUAL(of(o.seen, "attachment").size(), of(was, "attachment").size());
    // The cover goes where it has a place.
    auto covers = std::count_if(o.seen["streams"].begin(), o.seen["streams"].end(),
                                [](auto& s) { return s["disposition"]["attached_pic"] == 1; });
    CAF_CHECK_EQUAL(covers, p.container == "webm" ? 0 : 1);
  }
}

CAF_TEST(what fits is copied bit by bit and what does not is encoded) {
  const std::string h264 = "-f lavfi -i testsrc=s=640x360:d=1 -f lavfi -i sine=d=1 -map 0 -map 1 -c:v libx264 -preset veryfast -pix_fmt yuv420p ";
  struct film {
    const char* name;
    std::string arguments;
    const char* file;
    std::vector<uint32_t> copied;
    void (*change)(media_profile&);
  };
  auto same = [](media_profile&) {};
  for (auto& f : std::vector<film>{
         {"all fits", h264 + "-c:a aac -b:a 96k", "f.mp4", {0, 1}, same},
         {"from mkv the rate of sound is not known", h264 + "-c:a aac -b:a 96k", "f.mkv", {0}, same},
         {"from a transport stream", h264 + "-c:a aac -b:a 96k", "f.ts", {0, 1}, same},
         {"other sound", h264 + "-c:a libmp3lame", "f.mp4", {0}, same},
         {"other picture", "-f lavfi -i testsrc=s=640x360:d=1 -f lavfi -i sine=d=1 -c:v mpeg4 -c:a aac -b:a 96k", "f.mp4", {1}, same},
         {"too large", h264 + "-c:a aac -b:a 96k", "f.mp4", {1}, [](media_profile& p) { p.max_height = 300; }},
         {"ten bits", h264 + "-pix_fmt yuv420p10le -c:a aac -b:a 96k", "f.mp4", {1}, same},
         {"4 2 2", h264 + "-pix_fmt yuv422p -c:a aac -b:a 96k", "f.mp4", {1}, same},
         {"4 4 4", h264 + "-pix_fmt yuv444p -c:a aac -b:a 96k", "f.mp4", {1}, same},
         {"interlaced", h264 + "-x264-params tff=1 -flags +ildct+ilme -c:a aac -b:a 96k", "f.mp4", {1}, same},
         {"too many frames a second", h264 + "-c:a aac -b:a 96k", "f.mp4", {1}, [](media_profile& p) { p.max_frame_rate = 20; }},
         {"keyframes are asked for", h264 + "-c:a aac -b:a 96k", "f.mp4", {1}, [](media_profile& p) { p.keyframe_interval = 2; }},
         {"too many bits", h264 + "-b:v 3M -minrate 3M -maxrate 3M -bufsize 1M -nal-hrd cbr -c:a aac -b:a 96k", "f.mp4", {1},
          [](media_profile& p) { p.max_bit_rate = 500'000; }},
         {"too loud to be left", h264 + "-c:a aac -b:a 96k", "f.mp4", {0}, [](media_profile& p) { p.loudness = -23; }},
         {"sound of too many bits", h264 + "-af volume=-3dB -ac 2 -c:a aac -b:a 320k -cutoff 20000", "f.mp4", {0}, same},
         {"too many channels", h264 + "-ac 6 -c:a aac -b:a 128k", "f.mp4", {0}, [](media_profile& p) { p.max_channels = 2; }},
         {"sound of 96 kHz", h264 + "-ar 96000 -c:a aac -b:a 96k", "f.mp4", {0}, same},
       }) {
    auto path = scratch(f.file);
    ffmpeg(f.arguments + " " + path);
    auto p = encoding("web-720p");
    p.copy_fitting = true;
    f.change(p);
    CAF_MESSAGE(f.name);
    auto o = run(path, p);
    CAF_CHECK_EQUAL(o.text(), "ok");
    if (!o.answer)
      continue;
    CAF_CHECK_EQUAL(o.answer->copied, f.copied);
    for (auto i : o.answer->copied) {
      auto stream = i == 0 ? std::string("v:0") : std::string("a:0");
      if (f.file != std::string("f.ts"))
        CAF_CHECK_EQUAL(packet_hashes(path, stream), packet_hashes(scratch("out.mp4"), stream));
      CAF_CHECK(o.answer->operation.find("-c:" + std::to_string(i) + " copy") != std::string::npos);
    }
    CAF_CHECK(std::fabs(o.answer->output.duration - o.source.duration) < 0.1);
  }
}

CAF_TEST(every codec in every container) {
  struct codec {
    const char* name;
    const char* preset;
  };
  auto path = scratch("c.mkv");
  ffmpeg("-f lavfi -i \"" + four_colors(96, 64, 0.5) + "\" " + pitches("stereo", 2, 48000, 0.5) + " -c:v ffv1 -c:a flac " + path);
  struct container {
    const char* name;
    const char* extension;
  };
  int made = 0;
  for (auto& video : {codec{"h264", "ultrafast"}, codec{"hevc", "ultrafast"}, codec{"av1", "12"}, codec{"vp9", "8"}, codec{"none", ""}})
    for (auto& c : {container{"mp4", "mp4"}, container{"mov", "mov"}, container{"matroska", "mkv"}, container{"webm", "webm"}, container{"ipod", "m4a"}})
      for (auto* audio : {"aac", "opus", "mp3", "flac"}) {
        // Each video once with each container, each sound once with each container.
        const bool first = audio == std::string("aac") || (audio == std::string("opus") && c.name == std::string("webm"));
        if (video.name != std::string("none") && !first)
          continue;
        auto p = encoding("web-720p");
        p.video_codec = video.name;
        p.preset = video.preset;
        p.container = c.name;
        p.extension = c.extension;
        p.audio_codec = audio;
        auto o = run(path, p);
        auto what = std::string(video.name) + " and " + audio + " in " + c.name;
        if (!o.answer) {
          CAF_MESSAGE(what << ": " << o.answer.error().message);
          CAF_CHECK(o.answer.error().code == errc::unprocessable);
          // Said by us, and before anything was encoded.
          CAF_CHECK(o.answer.error().message.find(c.name) != std::string::npos);
          continue;
        }
        ++made;
        CAF_CHECK_EQUAL(what + ": " + o.text(), what + ": ok");
        auto file = scratch(std::string("out.") + c.extension);
        if (video.name != std::string("none")) {
          CAF_CHECK_EQUAL(streams(o, "video").at(0)["codec_name"], video.name);
          CAF_CHECK(quarters_are(shown(file), "rgby"));
          CAF_CHECK_EQUAL(times(file).size(), times(path).size());
          if (video.name == std::string("hevc") && (p.container == "mp4" || p.container == "mov"))
            CAF_CHECK_EQUAL(streams(o, "video").at(0)["codec_tag_string"], "hvc1");
        }
        CAF_CHECK_EQUAL(streams(o, "audio").at(0)["codec_name"], audio);
        CAF_CHECK(heard(file).level(0, pitch(0)) > 0.15);
      }
  CAF_MESSAGE(made << " combinations");
  CAF_CHECK(made >= 20);
}

CAF_TEST(no more bits than the profile allows) {
  auto path = scratch("noise.mkv");
  ffmpeg("-f lavfi -i testsrc=s=320x240:r=25:d=6,noise=alls=60:allf=t -c:v libx264 -preset ultrafast -qp 20 -pix_fmt yuv420p " + path);
  for (auto* name : {"web-720p", "hevc", "webm", "av1"}) {
    auto p = encoding(name);
    p.max_bit_rate = 400'000;
    p.crf = 20;
    p.preset = p.video_codec == "av1" ? "12" : p.video_codec == "vp9" ? "8" : "ultrafast";
    auto o = run(path, p);
    CAF_CHECK_EQUAL(o.text(), "ok");
    if (!o.answer)
      continue;
    auto sizes = output_of("ffprobe -v quiet -select_streams v:0 -show_entries packet=size -of csv=p=0 " + scratch("out." + p.extension)
                           + " | awk -F, '{s+=$1} END {print s*8/6}'");
    CAF_MESSAGE(name << ": " << sizes);
    // A full buffer of two seconds comes on top of six. SVT-AV1 goes over it by up to a quarter, and not twice alike.
    const double buffers = name == std::string("av1") ? 2.5 : 2.0;
    CAF_CHECK(std::stod(sizes) <= 400'000 * (6 + buffers) / 6);
    CAF_CHECK(std::stod(sizes) > 400'000 * 0.4);
  }
}

CAF_TEST(no sound or no picture) {
  auto silent = scratch("silent.mp4");
  ffmpeg("-f lavfi -i testsrc=s=64x48:d=1 -c:v libx264 -preset ultrafast -pix_fmt yuv420p " + silent);
  auto o = run(silent, "web-720p");
  CAF_CHECK_EQUAL(o.text(), "ok");
  if (!o.answer)
    return;
  CAF_CHECK(streams(o, "audio").empty());
  auto sound = scratch("sound.flac");
  ffmpeg("-f lavfi -i sine=d=1 " + sound);
  o = run(sound, "web-720p");
  CAF_CHECK_EQUAL(o.text(), "ok");
  if (!o.answer)
    return;
  CAF_CHECK(streams(o, "video").empty());
  // The first track is one of text, and nothing of it is said.
  write_file(scratch("late.srt"), "1\n00:00:00,100 --> 00:00:00,200\nx\n");
  auto first = scratch("first.mkv");
  ffmpeg("-i " + scratch("late.srt") + " -f lavfi -i sine=d=2 -map 0 -map 1 -c:s srt -c:a flac -ss 1 " + first);
  o = run(first, "web-720p");
  CAF_CHECK_EQUAL(o.text(), "ok");
  if (!o.answer)
    return;
  CAF_CHECK(o.answer->frames > 40);
}

CAF_TEST(text that is no UTF-8 does not cost the film) {
  auto path = scratch("latin.mkv");
  std::string srt;
  for (int i = 0; i < 9; ++i)
    srt += std::to_string(i + 1) + "\n00:00:00," + std::to_string(i) + "00 --> 00:00:00," + std::to_string(i) + "90\n"
           + (i % 2 ? "gr\xfc\xdf" "e" : "hello") + "\n\n";
  write_file(scratch("latin.srt"), srt);
  ffmpeg("-f lavfi -i testsrc=s=64x48:d=1 -i " + scratch("latin.srt") + " -c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:s copy " + path);
  auto o = run(path, "web-720p");
  CAF_CHECK_EQUAL(o.text(), "ok");
  if (!o.answer)
    return;
  CAF_CHECK(warned(o, "damaged"));
  CAF_CHECK(text_of(scratch("out.mp4"), 0).find("hello") != std::string::npos);
}
