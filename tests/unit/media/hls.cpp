#define CAF_SUITE media.hls

#include "media/hls.hpp"

#include "media/hls_playlist.hpp"
#include "media/languages.hpp"
#include "media/probe.hpp"
#include "tests/support/unit_test.hpp"
#include "tests/unit/media/samples.hpp"

#include <cmath>
#include <filesystem>
#include <sstream>

using namespace troupe;
using namespace media_test;

namespace {

std::string folder() {
  return scratch("hls");
}

media::task creating_task() {
  std::filesystem::remove_all(folder());
  std::filesystem::create_directory(folder());
  auto task = quiet_task();
  task.create = [](const std::string& name) -> result<media::owned_fd> {
    CAF_CHECK(!std::filesystem::exists(folder() + "/" + name));
    return open_output(folder() + "/" + name);
  };
  return task;
}

exec::request request_for(const std::string& path, media_profile profile) {
  exec::request r;
  r.op = exec::op::hls;
  r.name_hint = extension(path);
  r.profile = std::move(profile);
  r.source = *media::probe(open_source(path).get(), extension(path), quiet_task());
  return r;
}

result<exec::hls_answer> make(const std::string& path, media_profile profile) {
  return media::hls(open_source(path).get(), request_for(path, std::move(profile)), creating_task());
}

media_profile small_ladder() {
  auto p = *find_profile("hls");
  p.preset = "ultrafast";
  p.ladder = {{1920, 1080, 6'000'000}, {640, 360, 800'000}, {320, 180, 200'000}};
  p.segment_seconds = 4;
  return p;
}

std::vector<std::string> lines_with(const std::string& text, const std::string& start) {
  std::vector<std::string> out;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);)
    if (line.starts_with(start))
      out.push_back(line);
  return out;
}

std::string playlist(const std::string& name) {
  return read_file(folder() + "/" + name);
}

/// Seconds, one a line, of the packets that ffprobe sees.
std::vector<double> times(const std::string& file, const std::string& select, const std::string& more = "") {
  std::istringstream in(output_of("ffprobe -v error -allowed_extensions ALL -select_streams " + select + more
                                  + " -show_entries packet=pts_time -of csv=p=0 " + folder() + "/" + file));
  std::vector<double> out;
  for (std::string line; std::getline(in, line);)
    if (!line.empty())
      out.push_back(std::stod(line));
  std::sort(out.begin(), out.end());
  return out;
}

/// The ranges of the playlist of keyframes end where the pictures do that ffprobe sees in the file.
void check_keyframes(const std::string& name, const std::vector<double>& wanted) {
  std::istringstream in(output_of("ffprobe -v error -show_entries packet=pts_time,size,pos,flags -of csv=p=0 "
                                  + folder() + "/" + name + ".mp4"));
  std::vector<double> keys;
  std::vector<int64_t> ends;
  for (std::string line; std::getline(in, line);) {
    double pts = 0;
    long long size = 0;
    long long pos = 0;
    char key = 0;
    if (std::sscanf(line.c_str(), "%lf,%lld,%lld,%c", &pts, &size, &pos, &key) == 4 && key == 'K') {
      keys.push_back(pts);
      ends.push_back(pos + size);
    }
  }
  CAF_REQUIRE_EQUAL(keys.size(), wanted.size());
  for (size_t i = 0; i < keys.size(); ++i)
    CAF_CHECK(std::fabs(keys[i] - wanted[i]) < 1e-3);
  const auto ranges = lines_with(playlist(name + "-keyframes.m3u8"), "#EXT-X-BYTERANGE:");
  CAF_REQUIRE_EQUAL(ranges.size(), ends.size());
  for (size_t i = 0; i < ranges.size(); ++i) {
    long long size = 0;
    long long offset = 0;
    CAF_REQUIRE_EQUAL(std::sscanf(ranges[i].c_str(), "#EXT-X-BYTERANGE:%lld@%lld", &size, &offset), 2);
    CAF_CHECK_EQUAL(offset + size, ends[i]);
  }
}

/// 10.4 s with two languages of sound and one of text.
std::string film() {
  auto path = scratch("film.mkv");
  if (std::filesystem::exists(path))
    return path;
  write_file(scratch("s.srt"), "1\n00:00:01,000 --> 00:00:02,000\nHello\n\n2\n00:00:09,000 --> 00:00:10,000\nBye\n");
  ffmpeg(
    "-f lavfi -i testsrc2=s=640x360:r=25:d=10.4 -f lavfi -i sine=d=10.4 -f lavfi -i sine=f=880:d=10.4 -i "
    + scratch("s.srt")
    + " -map 0 -map 1 -map 2 -map 3 -c:v libx264 -preset ultrafast -g 250 -c:a pcm_s16le -metadata:s:a:0 language=eng "
      "-metadata:s:a:1 language=fra -metadata:s:s:0 language=ger "
    + path);
  return path;
}

} // namespace

CAF_TEST(a ladder with sound and text and keyframes) {
  auto answer = make(film(), small_ladder());
  if (!answer)
    CAF_FAIL(answer.error().message);
  for (auto& w : answer->warnings)
    CAF_MESSAGE(w);
  // Not larger than the source: the rung of 1080 lines would be the same as that of 360.
  CAF_REQUIRE_EQUAL(answer->variants.size(), 2u);
  CAF_CHECK_EQUAL(answer->variants[0].height, 360u);
  CAF_CHECK_EQUAL(answer->variants[1].height, 180u);
  CAF_CHECK(std::fabs(answer->duration - 10.4) < 0.05);
  CAF_CHECK_EQUAL(answer->frames, 260);
  for (auto& f : answer->files)
    CAF_CHECK_EQUAL(std::filesystem::file_size(folder() + "/" + f.name), f.bytes);
  const auto master = playlist("master.m3u8");
  CAF_MESSAGE(master);
  CAF_CHECK_EQUAL(lines_with(master, "#EXT-X-STREAM-INF:").size(), 2u);
  CAF_CHECK_EQUAL(lines_with(master, "#EXT-X-I-FRAME-STREAM-INF:").size(), 2u);
  CAF_CHECK_EQUAL(lines_with(master, "#EXT-X-MEDIA:TYPE=AUDIO").size(), 2u);
  CAF_CHECK(master.find("LANGUAGE=\"fr\"") != std::string::npos);
  CAF_CHECK(master.find("TYPE=SUBTITLES") != std::string::npos && master.find("LANGUAGE=\"de\"") != std::string::npos);
  CAF_CHECK(master.find("CODECS=\"avc1.") != std::string::npos && master.find(",mp4a.40.2\"") != std::string::npos);
  CAF_CHECK(master.find("RESOLUTION=640x360,FRAME-RATE=25.000,VIDEO-RANGE=SDR") != std::string::npos);
  CAF_MESSAGE(playlist("s0.vtt"));
  CAF_CHECK(playlist("s0.vtt").find("00:09.000 --> 00:10.000\nBye") != std::string::npos);
}

CAF_TEST(segments are whole and break at the same places in every variant) {
  auto answer = make(film(), small_ladder());
  CAF_REQUIRE(answer.has_value());
  CAF_CHECK_EQUAL(lines_with(playlist("v0.m3u8"), "#EXTINF:"), lines_with(playlist("v1.m3u8"), "#EXTINF:"));
  CAF_CHECK_EQUAL(lines_with(playlist("v0.m3u8"), "#EXTINF:"),
                  (std::vector<std::string>{"#EXTINF:4.00000,", "#EXTINF:4.00000,", "#EXTINF:2.40000,"}));
  CAF_CHECK_EQUAL(lines_with(playlist("a0.m3u8"), "#EXTINF:").size(), 3u);
  CAF_CHECK(playlist("v0.m3u8").find("#EXT-X-TARGETDURATION:4\n") != std::string::npos);
  for (auto* name : {"v0", "v1"}) {
    const auto seen = times(std::string(name) + ".m3u8", "v");
    CAF_REQUIRE_EQUAL(seen.size(), 260u);
    CAF_CHECK(std::fabs(seen.front()) < 1e-6);
    CAF_CHECK(std::fabs(seen.back() - 10.36) < 1e-3);
    check_keyframes(name, {0, 2, 4, 6, 8, 10});
  }
  CAF_CHECK_EQUAL(
    output_of("ffmpeg -v error -allowed_extensions ALL -i " + folder() + "/master.m3u8 -map 0 -f null - 2>&1"), "");
}

CAF_TEST(sound keeps its place beside the pictures) {
  // A click and a white picture at 5 s.
  auto path = scratch("click.mp4");
  ffmpeg("-f lavfi -i \"color=black:s=320x180:r=25:d=10,drawbox=c=white:t=fill:enable='between(t,5,5.2)'\" -f lavfi -i "
         "\"sine=f=1000:d=10,volume='if(between(t,5,5.2),1,0)':eval=frame\" -c:v libx264 -preset ultrafast -c:a aac "
         + path);
  CAF_REQUIRE(make(path, small_ladder()).has_value());
  // On the file's own clock: the sound of the encoder's delay lies before 0.
  auto start_of_sound = [](const std::string& file) {
    auto text = output_of("ffmpeg -hide_banner -nostats -copyts "
                          + std::string(file.ends_with("m3u8") ? "-allowed_extensions ALL" : "") + " -i " + file
                          + " -map 0:a:0 -af silencedetect=n=-30dB:d=0.5 -f null - 2>&1");
    auto at = text.find("silence_end: ");
    CAF_REQUIRE(at != std::string::npos);
    return std::stod(text.substr(at + 13));
  };
  CAF_CHECK(std::fabs(start_of_sound(folder() + "/master.m3u8") - start_of_sound(path)) < 0.002);
}

CAF_TEST(sound alone and what can not be made) {
  auto song = scratch("song.flac");
  ffmpeg("-f lavfi -i sine=d=5 " + song);
  auto answer = make(song, small_ladder());
  CAF_REQUIRE(answer.has_value());
  CAF_CHECK(answer->variants.empty());
  CAF_CHECK(playlist("master.m3u8").find("CODECS=\"mp4a.40.2\"\na0.m3u8") != std::string::npos);
  CAF_CHECK(std::fabs(answer->duration - 5) < 0.1);
  auto nothing = small_ladder();
  nothing.audio_codec = "none";
  auto refused = make(song, nothing);
  CAF_REQUIRE(!refused);
  CAF_CHECK(refused.error().code == errc::unprocessable);
  auto full = creating_task();
  full.create = [](const std::string&) -> result<media::owned_fd> { return {errc::storage_full, "no space"}; };
  auto failed = media::hls(open_source(film()).get(), request_for(film(), small_ladder()), full);
  CAF_REQUIRE(!failed);
  CAF_CHECK(failed.error().code == errc::storage_full);
}

CAF_TEST(the numbers of a playlist) {
  using media::hls_segment;
  // The last segment is too short to be a measure of the peak.
  const std::vector<hls_segment> segments{{4, 0, 1000}, {4, 1000, 3000}, {0.5, 4000, 1000}};
  CAF_CHECK_EQUAL(media::peak_bandwidth(segments), 6000);
  CAF_CHECK_EQUAL(media::average_bandwidth(segments), 4706);
  CAF_CHECK_EQUAL(media::peak_bandwidth({}), 0);
  CAF_CHECK_EQUAL(media::language_tag("eng"), "en");
  CAF_CHECK_EQUAL(media::language_tag("pt-BR"), "pt-BR");
  CAF_CHECK_EQUAL(media::language_tag("und"), "");
  CAF_CHECK_EQUAL(media::language_tag("e\"n"), "");
  for (auto [tag, three] : {std::pair{"de", "deu"},
                            {"pt-BR", "por"},
                            {"ger", "ger"},
                            {"EN", "eng"},
                            {"gsw", "gsw"},
                            {"x", "und"},
                            {"zz", "und"},
                            {"und", "und"},
                            {"German", "und"}})
    CAF_CHECK_EQUAL(media::three_letters(tag), three);
  media::hls_rendition one;
  one.name = "a0";
  one.title = "a \"quoted\"\nname";
  auto two = one;
  const auto master = media::master_playlist({media::hls_rendition{}}, {one, two}, {});
  CAF_CHECK(master.find("NAME=\"a quotedname\"") != std::string::npos);
  CAF_CHECK(master.find("NAME=\"a quotedname (2)\"") != std::string::npos);
}

CAF_TEST(a track may be longer or begin later than the others) {
  struct source {
    const char* name;
    std::string arguments;
    const char* file;
    double seconds;
  };
  const std::string picture = "-f lavfi -i testsrc=s=64x48:r=25:d=6 ";
  const std::string coded = " -c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a aac ";
  write_file(scratch("stray.srt"), "1\n00:00:30,000 --> 00:00:31,000\nBye\n");
  for (auto& s : std::vector<source>{
         {"longer sound", picture + "-f lavfi -i sine=d=9" + coded, "f.mkv", 6},
         {"longer picture", picture + "-f lavfi -i sine=d=3" + coded, "f.mkv", 6},
         {"a stray subtitle", picture + "-i " + scratch("stray.srt") + coded + "-c:s srt", "f.mkv", 6},
         {"a picture that begins late", "-itsoffset 5 " + picture + "-f lavfi -i sine=d=11" + coded, "f.mkv", 11},
         {"a sound that begins late", picture + "-itsoffset 3 -f lavfi -i sine=d=3" + coded, "f.mp4", 6},
         {"a film that begins late", picture + "-f lavfi -i sine=d=6" + coded + "-output_ts_offset 100", "f.mkv", 6},
       }) {
    const auto path = scratch(s.file);
    ffmpeg(s.arguments + " " + path);
    auto p = small_ladder();
    p.ladder = {{64, 48, 100'000}};
    auto answer = make(path, p);
    if (!answer)
      CAF_FAIL(s.name << ": " << answer.error().message);
    CAF_CHECK_EQUAL(answer->frames, 150);
    if (std::fabs(answer->duration - s.seconds) > 0.1)
      CAF_FAIL(s.name << ": " << answer->duration << " s");
  }
  // The clock of a recording jumps by an hour.
  const auto part = picture + "-f lavfi -i sine=d=6" + coded;
  ffmpeg(part + scratch("a.ts"));
  ffmpeg(part + "-output_ts_offset 3600 " + scratch("b.ts"));
  write_file(scratch("jump.ts"), read_file(scratch("a.ts")) + read_file(scratch("b.ts")));
  auto p = small_ladder();
  p.ladder = {{64, 48, 100'000}};
  auto answer = make(scratch("jump.ts"), p);
  if (!answer)
    CAF_FAIL("a jump: " << answer.error().message);
  CAF_CHECK(std::fabs(answer->duration - 12) < 0.2);
}

CAF_TEST(sound of which nothing comes is in no playlist) {
  const auto promised = scratch("promised.mkv");
  const auto path = scratch("never.mkv");
  ffmpeg(
    "-f lavfi -i testsrc=s=64x48:r=25:d=6 -f lavfi -i sine=d=6 -map 0 -map 1 -map 1 -c:v libx264 -preset ultrafast "
    "-pix_fmt yuv420p -c:a aac -disposition:a:0 default "
    + promised);
  for (auto* drop : {"-bsf:a:0 noise=drop=1", "-bsf:a noise=drop=1"}) {
    ffmpeg("-i " + promised + " -map 0 -c copy " + drop + " " + path);
    auto answer = make(path, small_ladder());
    if (!answer)
      CAF_FAIL(drop << ": " << answer.error().message);
    CAF_CHECK_EQUAL(answer->frames, 150);
    const auto sounds = lines_with(playlist("master.m3u8"), "#EXT-X-MEDIA:TYPE=AUDIO");
    const bool one = drop == std::string("-bsf:a:0 noise=drop=1");
    CAF_REQUIRE_EQUAL(sounds.size(), one ? 1u : 0u);
    if (one)
      CAF_CHECK(sounds[0].find("DEFAULT=YES") != std::string::npos && sounds[0].find("a1.m3u8") != std::string::npos);
    CAF_CHECK(std::any_of(answer->warnings.begin(), answer->warnings.end(),
                          [](auto& w) { return w.starts_with("stream 1 is empty"); }));
    // The worker wants a size of every file that it gave.
    for (auto& f : answer->files)
      CAF_CHECK(f.bytes > 0 && f.bytes == std::filesystem::file_size(folder() + "/" + f.name));
    CAF_CHECK_EQUAL(times("master.m3u8", "v:0").size(), 150u);
  }
}

CAF_TEST(what RFC 8216 allows once is told once) {
  write_file(scratch("o.srt"), "1\n00:00:01,000 --> 00:00:02,000\nHello\n");
  const auto path = scratch("marked.mkv");
  ffmpeg("-f lavfi -i testsrc=s=64x48:r=25:d=3 -f lavfi -i sine=d=3 -i " + scratch("o.srt")
         + " -map 0 -map 1 -map 1 -map 2 -map 2 -c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a flac "
           "-disposition:a default+forced -disposition:s default+forced "
         + path);
  CAF_REQUIRE(make(path, small_ladder()).has_value());
  const auto master = playlist("master.m3u8");
  auto count = [&](const char* type, const char* attribute) {
    auto lines = lines_with(master, std::string("#EXT-X-MEDIA:TYPE=") + type);
    CAF_REQUIRE_EQUAL(lines.size(), 2u);
    return std::count_if(lines.begin(), lines.end(), [&](auto& l) { return l.find(attribute) != std::string::npos; });
  };
  CAF_CHECK_EQUAL(count("AUDIO", "DEFAULT=YES"), 1);
  CAF_CHECK_EQUAL(count("SUBTITLES", "DEFAULT=YES"), 1);
  CAF_CHECK_EQUAL(count("AUDIO", "FORCED"), 0);
  CAF_CHECK_EQUAL(count("SUBTITLES", "FORCED=YES"), 2);
  // The sound's segments are longer than the pictures' by a part of a packet.
  media::hls_rendition pictures;
  pictures.segments = {{6, 0, 1}, {5, 1, 1}};
  auto sound = pictures;
  sound.segments = {{6.016, 0, 1}, {5.984, 1, 1}};
  CAF_CHECK_EQUAL(media::target_duration({{pictures}, {sound}}), 6);
  sound.segments.push_back({6.5, 2, 1});
  CAF_CHECK_EQUAL(media::target_duration({{pictures}, {sound}}), 7);
  CAF_CHECK(media::media_playlist(pictures, 7).find("#EXT-X-TARGETDURATION:7\n") != std::string::npos);
}
