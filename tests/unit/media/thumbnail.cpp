#define CAF_SUITE media.thumbnail

#include "media/thumbnail.hpp"
#include "tests/support/unit_test.hpp"
#include "tests/unit/media/decoded_picture.hpp"
#include "tests/unit/media/executor_client.hpp"
#include "tests/unit/media/samples.hpp"

#include <caf/make_message.hpp>

#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>

using namespace troupe;
using namespace media_test;
using exec::picture_format;

namespace {

std::string thumb(size_t index) {
  return scratch("thumb" + std::to_string(index));
}

result<exec::thumbnail_answer> make(const std::string& path, const std::vector<exec::picture_request>& pictures,
                                    const media::task& job = quiet_task()) {
  auto source = open_source(path);
  std::vector<media::owned_fd> files;
  std::vector<int> outputs;
  for (size_t i = 0; i < pictures.size(); ++i) {
    files.push_back(open_output(thumb(i)));
    outputs.push_back(files.back().get());
  }
  return media::thumbnail(source.get(), extension(path), pictures, outputs, job);
}

/// One JPEG, decoded; fails the test when there is none.
decoded_picture picture_of(const std::string& path, uint32_t width = 320) {
  auto answer = make(path, {{width}});
  if (!answer)
    CAF_FAIL(path << ": " << answer.error().message);
  auto picture = decode_picture(thumb(0));
  CAF_CHECK_EQUAL(static_cast<uint32_t>(picture.width), answer->pictures[0].width);
  CAF_CHECK_EQUAL(static_cast<uint32_t>(picture.height), answer->pictures[0].height);
  return picture;
}

void check_colour(const decoded_picture& p, const rgb& wanted, double tolerance, double left, double top, double right,
                  double bottom) {
  auto seen = p.mean(left, top, right, bottom);
  if (!seen.near(wanted, tolerance))
    CAF_ERROR("expected " << to_string(wanted) << ", saw " << to_string(seen));
  CAF_CHECK(seen.near(wanted, tolerance));
}

/// A film of `seconds` in a busy pattern, made by lavfi: what the others are put in front of.
constexpr const char* pattern = "testsrc=s=320x240:r=10";

std::string film(const std::string& name, const std::string& graph, const std::string& options) {
  auto path = scratch(name);
  ffmpeg("-filter_complex \"" + graph + "\" -pix_fmt yuv420p " + options + " " + path);
  return path;
}

/// 320x240 with red, green above and blue, white below.
std::string quarters() {
  static const auto path = [] {
    auto p = scratch("quarters.mp4");
    ffmpeg("-filter_complex \"color=red:s=160x120:d=1[a];color=lime:s=160x120:d=1[b];color=blue:s=160x120:d=1[c];"
           "color=white:s=160x120:d=1[d];[a][b]hstack[t];[c][d]hstack[u];[t][u]vstack\" -c:v libx264 -qp 10 "
           "-pix_fmt yuv420p "
           + p);
    return p;
  }();
  return path;
}

void check_quarters(const decoded_picture& p, const std::array<rgb, 4>& wanted, double tolerance = 12) {
  check_colour(p, wanted[0], tolerance, 0.05, 0.05, 0.45, 0.45);
  check_colour(p, wanted[1], tolerance, 0.55, 0.05, 0.95, 0.45);
  check_colour(p, wanted[2], tolerance, 0.05, 0.55, 0.45, 0.95);
  check_colour(p, wanted[3], tolerance, 0.55, 0.55, 0.95, 0.95);
}

constexpr std::array upright{red, green, blue, white};

/// Of this process, bytes.
int64_t peak_memory() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  return static_cast<int64_t>(used.ru_maxrss) * 1024;
}

uint32_t byte(const std::string& s, size_t at) {
  return at < s.size() ? static_cast<unsigned char>(s[at]) : 0;
}

/// Of the frame header (ITU-T T.81, B.2.2).
std::pair<uint32_t, uint32_t> jpeg_size(const std::string& s) {
  for (size_t at = 2; at + 9 < s.size() && byte(s, at) == 0xff; at += 2 + (byte(s, at + 2) << 8 | byte(s, at + 3)))
    if (byte(s, at + 1) >= 0xc0 && byte(s, at + 1) <= 0xc2)
      return {byte(s, at + 7) << 8 | byte(s, at + 8), byte(s, at + 5) << 8 | byte(s, at + 6)};
  return {};
}

/// Of the key frame's header behind the chunk's (RFC 6386, 9.1).
std::pair<uint32_t, uint32_t> webp_size(const std::string& s) {
  return {(byte(s, 26) | byte(s, 27) << 8) & 0x3fff, (byte(s, 28) | byte(s, 29) << 8) & 0x3fff};
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

} // namespace

CAF_TEST(every real file gets a picture in both formats) {
  for (auto& path : real_files()) {
    if (extension(path) == "ts")
      continue;
    auto answer = make(path, {{320, picture_format::jpeg}, {160, picture_format::webp}});
    if (!answer)
      CAF_FAIL(path << ": " << answer.error().message);
    auto jpeg = read_file(thumb(0));
    CAF_CHECK_EQUAL(jpeg.size(), answer->pictures[0].bytes);
    CAF_CHECK_EQUAL(jpeg.substr(0, 3), "\xff\xd8\xff");
    CAF_CHECK_EQUAL(jpeg.substr(jpeg.size() - 2), "\xff\xd9");
    auto webp = read_file(thumb(1));
    CAF_CHECK_EQUAL(webp.size(), answer->pictures[1].bytes);
    CAF_CHECK_EQUAL(webp.substr(0, 4) + webp.substr(8, 8), "RIFFWEBPVP8 ");
    CAF_CHECK(jpeg_size(jpeg) == std::pair(answer->pictures[0].width, answer->pictures[0].height));
    CAF_CHECK(webp_size(webp) == std::pair(answer->pictures[1].width, answer->pictures[1].height));
    CAF_CHECK_EQUAL(answer->pictures[1].width, std::min(answer->pictures[0].width, 160u));
  }
}

CAF_TEST(several widths of one frame never larger than the film) {
  auto answer = make(quarters(), {{64}, {4000, picture_format::webp}, {160}, {64, picture_format::webp}});
  CAF_REQUIRE(answer.has_value());
  CAF_REQUIRE_EQUAL(answer->pictures.size(), 4u);
  const std::array widths{64u, 320u, 160u, 64u};
  for (size_t i = 0; i < widths.size(); ++i) {
    CAF_CHECK_EQUAL(answer->pictures[i].width, widths[i]);
    CAF_CHECK_EQUAL(answer->pictures[i].height, widths[i] * 3 / 4);
    auto picture = decode_picture(thumb(i));
    CAF_CHECK_EQUAL(static_cast<uint32_t>(picture.width), widths[i]);
    check_quarters(picture, upright);
  }
}

CAF_TEST(the same file gives the same bytes) {
  for (auto format : {picture_format::jpeg, picture_format::webp}) {
    CAF_REQUIRE(make(ordinary(), {{320, format}}).has_value());
    auto once = read_file(thumb(0));
    CAF_REQUIRE(make(ordinary(), {{320, format}}).has_value());
    CAF_CHECK(once == read_file(thumb(0)));
  }
}

CAF_TEST(black and white and title and blur and fade are passed over) {
  struct {
    const char* name;
    std::string before;
    double seconds;
  } starts[] = {
    {"black", "color=black:s=320x240:r=10:d=14", 14},
    {"white", "color=white:s=320x240:r=10:d=8", 8},
    {"title", "color=navy:s=320x240:r=10:d=10,drawtext=text=Title:fontcolor=white:fontsize=60:x=90:y=90", 10},
    {"blurred", std::string(pattern) + ":d=10,gblur=sigma=30", 10},
    {"faded", std::string(pattern) + ":d=10,eq=brightness=-0.35:contrast=0.15", 10},
  };
  for (auto& start : starts)
    for (auto* options : {"-g 10", "-g 9999 -sc_threshold 0"}) {
      auto path = film("start.mp4", start.before + "[a];" + pattern + ":d=20[b];[a][b]concat",
                       std::string("-c:v libx264 -preset ultrafast ") + options);
      auto answer = make(path, {{320}});
      CAF_REQUIRE(answer.has_value());
      CAF_MESSAGE(start.name << " " << options << ": " << answer->position);
      CAF_CHECK(answer->position >= start.seconds);
    }
}

CAF_TEST(the first moment is not taken when there is another) {
  auto path = film("first.mp4", std::string(pattern) + ":d=8", "-c:v libx264 -preset ultrafast -g 9999");
  auto answer = make(path, {{320}});
  CAF_REQUIRE(answer.has_value());
  CAF_CHECK(answer->position > 0);
}

CAF_TEST(films are turned and mirrored as a player does) {
  struct {
    int a, b, c, d;
    bool swaps;
    std::array<rgb, 4> shown;
  } matrices[] = {
    {1, 0, 0, 1, false, {red, green, blue, white}},   {0, 1, -1, 0, true, {blue, red, white, green}},
    {-1, 0, 0, -1, false, {white, blue, green, red}}, {0, -1, 1, 0, true, {green, white, red, blue}},
    {-1, 0, 0, 1, false, {green, red, white, blue}},  {1, 0, 0, -1, false, {blue, white, red, green}},
    {0, 1, 1, 0, true, {red, blue, green, white}},    {0, -1, -1, 0, true, {white, green, blue, red}},
  };
  for (auto& m : matrices) {
    write_matrix(quarters(), scratch("turned.mp4"), m.a, m.b, m.c, m.d);
    auto picture = picture_of(scratch("turned.mp4"), 200);
    CAF_CHECK_EQUAL(picture.width, 200);
    CAF_CHECK_EQUAL(picture.height, m.swaps ? 267 : 150);
    check_quarters(picture, m.shown);
  }
  // A matrix of nothing at all is no reason to show nothing.
  write_matrix(quarters(), scratch("turned.mp4"), 0, 0, 0, 0);
  check_quarters(picture_of(scratch("turned.mp4")), upright);
}

CAF_TEST(anamorphic films have square pixels) {
  for (auto [aspect, width, height] : {std::tuple{"2/1", 640, 240}, {"1/2", 160, 240}, {"8/9", 284, 240}}) {
    auto path = scratch("aspect.mp4");
    ffmpeg("-i " + quarters() + " -vf setsar=" + aspect + " -c:v libx264 -qp 10 " + path);
    auto picture = picture_of(path, 4096);
    CAF_CHECK_EQUAL(picture.width, width);
    CAF_CHECK_EQUAL(picture.height, height);
    check_quarters(picture, upright);
  }
}

CAF_TEST(every kind of pixel keeps its colours) {
  struct {
    const char* name;
    const char* options;
  } kinds[] = {
    {"ten.mkv", "-c:v ffv1 -pix_fmt yuv420p10le"},
    {"full.mkv", "-c:v libx264 -qp 10 -pix_fmt yuv444p"},
    {"sixteen.mkv", "-c:v ffv1 -pix_fmt gbrp16le"},
    {"alpha.mkv", "-c:v ffv1 -pix_fmt yuva444p"},
    {"rgba.mov", "-c:v qtrle -pix_fmt argb"},
    {"range.avi", "-c:v mjpeg -q:v 2 -pix_fmt yuvj422p"},
    {"wide.mkv", "-c:v ffv1 -pix_fmt yuv422p12le"},
    {"palette.avi", "-c:v rawvideo -pix_fmt bgr24"},
    {"hd.mkv", "-vf scale=out_color_matrix=bt709,setparams=colorspace=bt709 -c:v libx264 -qp 10 -pix_fmt yuv444p"},
    {"odd.mkv", "-vf scale=317:239 -c:v ffv1 -pix_fmt yuv444p"},
  };
  auto arguments = "-i " + quarters() + " -c:v ffv1 -pix_fmt gray " + scratch("gray.mkv");
  for (auto& kind : kinds)
    arguments += std::string(" ") + kind.options + " " + scratch(kind.name);
  ffmpeg(arguments);
  for (auto& kind : kinds) {
    CAF_MESSAGE(kind.name);
    check_quarters(picture_of(scratch(kind.name)), upright, 14);
  }
  check_quarters(picture_of(scratch("gray.mkv")), {rgb{76, 76, 76}, {150, 150, 150}, {29, 29, 29}, white}, 12);
}

CAF_TEST(what is transparent is black) {
  auto path = scratch("half.mov");
  ffmpeg("-f lavfi -i \"color=white:s=64x64:d=0.2,format=argb,geq=r=255:g=255:b=255:a='255*gte(X,32)'\" -c:v qtrle "
         + path);
  auto picture = picture_of(path);
  check_colour(picture, black, 8, 0.05, 0.05, 0.45, 0.95);
  check_colour(picture, white, 8, 0.55, 0.05, 0.95, 0.95);
}

CAF_TEST(odd and tiny pictures) {
  const std::array sizes{"1x1", "2x2", "3x7", "17x1", "1x33", "61x37"};
  std::string arguments = "-f lavfi -i color=red:s=64x64:d=0.2";
  for (auto* size : sizes)
    arguments += std::string(" -vf scale=") + size + ",setsar=1 -c:v ffv1 -pix_fmt yuv444p " + scratch(size) + ".mkv";
  ffmpeg(arguments);
  for (auto* size : sizes) {
    auto path = scratch(size) + ".mkv";
    auto answer = make(path, {{320, picture_format::jpeg}, {320, picture_format::webp}});
    if (!answer)
      CAF_FAIL(size << ": " << answer.error().message);
    for (size_t i = 0; i < 2; ++i) {
      auto picture = decode_picture(thumb(i));
      CAF_CHECK_EQUAL(std::to_string(picture.width) + "x" + std::to_string(picture.height), size);
      check_colour(picture, red, 10, 0, 0, 1, 1);
    }
  }
}

CAF_TEST(high dynamic range comes down to what a screen shows) {
  // Paper white at 203 cd/m², pure colours of BT.709, in PQ and HLG with the metadata that says so.
  struct {
    const char* name;
    const char* transfer;
    const char* parameters;
  } kinds[] = {
    {"pq.mkv", "smpte2084", "hdr-opt=1:max-cll=1000,400:transfer=smpte2084"},
    {"hlg.mkv", "arib-std-b67", "transfer=arib-std-b67"},
  };
  for (auto& kind : kinds) {
    CAF_MESSAGE(kind.name);
    auto path = scratch(kind.name);
    ffmpeg(
      "-i " + quarters()
      + " -vf scale=out_color_matrix=bt709,zscale=tin=bt709:min=bt709:pin=bt709:rin=limited:p=bt709:t=linear:npl=203,"
        "format=gbrpf32le,zscale=p=bt2020:t="
      + kind.transfer + ":m=bt2020nc:r=limited:npl=203,format=yuv420p10le -c:v libx265 -preset ultrafast -x265-params "
      + "log-level=0:qp=10:colorprim=bt2020:colormatrix=bt2020nc:" + kind.parameters + " " + path);
    auto picture = picture_of(path);
    auto paper = picture.mean(0.55, 0.55, 0.95, 0.95);
    CAF_MESSAGE(to_string(paper));
    CAF_CHECK(paper.red > 190);
    CAF_CHECK(paper.near({paper.red, paper.red, paper.red}, 4));
    auto reddest = picture.mean(0.05, 0.05, 0.45, 0.45);
    CAF_CHECK(reddest.red > 150 && reddest.green < 70 && reddest.blue < 70);
    auto greenest = picture.mean(0.55, 0.05, 0.95, 0.45);
    CAF_CHECK(greenest.green > 150 && greenest.red < 90 && greenest.blue < 90);
    auto bluest = picture.mean(0.05, 0.55, 0.45, 0.95);
    CAF_CHECK(bluest.blue > 150 && bluest.red < 70 && bluest.green < 70);
  }
}

CAF_TEST(the sandbox lets every kind of picture through) {
  executor_client e;
  CAF_REQUIRE(e.receive());
  ffmpeg("-f lavfi -i sine=d=2 " + scratch("sound.wav"));
  for (auto& path : {scratch("pq.mkv"), scratch("sound.wav"), quarters()}) {
    exec::request request;
    request.op = exec::op::thumbnail;
    request.name_hint = extension(path);
    request.pictures = {{320, picture_format::jpeg}, {160, picture_format::webp}};
    auto source = open_source(path);
    auto jpeg = open_output(thumb(0));
    auto webp = open_output(thumb(1));
    e.send(exec::frame_type::request, 1, exec::encode(request), {source.get(), jpeg.get(), webp.get()});
    auto f = e.receive_answer();
    CAF_REQUIRE(f);
    if (f->type != exec::frame_type::done)
      CAF_FAIL(path << ": " << exec::decode_failure(f->body)->message);
    CAF_CHECK_EQUAL(decode_picture(thumb(0)).width, 320);
    CAF_CHECK_EQUAL(decode_picture(thumb(1)).width, 160);
  }
}

CAF_TEST(sound gives its cover or a waveform) {
  auto cover = scratch("cover.mp3");
  ffmpeg("-f lavfi -i color=lime:s=100x100:d=1 -frames:v 1 " + scratch("cover.png"));
  ffmpeg("-f lavfi -i sine=d=2 -i " + scratch("cover.png")
         + " -map 0 -map 1 -c:v copy -disposition:v attached_pic -c:a libmp3lame " + cover);
  auto answer = make(cover, {{320}});
  CAF_REQUIRE(answer.has_value());
  CAF_CHECK_EQUAL(answer->position, -1);
  CAF_CHECK_EQUAL(answer->pictures[0].width, 100u);
  check_colour(decode_picture(thumb(0)), green, 10, 0, 0, 1, 1);
}

CAF_TEST(a waveform shows where the sound is) {
  const std::array names{"quiet.wav", "quiet.flac", "quiet.mp3", "quiet.ogg", "quiet.mka"};
  std::string arguments = "-f lavfi -i \"sine=d=40,volume=0:enable='lt(t,20)'\"";
  for (auto* name : names)
    arguments += " " + scratch(name);
  ffmpeg(arguments);
  for (auto* name : names) {
    CAF_MESSAGE(name);
    auto path = scratch(name);
    auto picture = picture_of(path, 640);
    CAF_CHECK_EQUAL(picture.width, 640);
    CAF_CHECK_EQUAL(picture.height, 180);
    CAF_CHECK(picture.mean(0.02, 0.1, 0.45, 0.4).blue < 60);
    CAF_CHECK(picture.mean(0.55, 0.1, 0.98, 0.4).blue > 120);
    CAF_CHECK(picture.mean(0.55, 0, 0.98, 0.04).blue < 60);
  }
  for (auto* graph : {"sine=d=0.03", "anullsrc=d=1"}) {
    ffmpeg(std::string("-f lavfi -i ") + graph + " -t 1 " + scratch("short.wav"));
    CAF_CHECK_EQUAL(picture_of(scratch("short.wav")).width, 320);
  }
}

CAF_TEST(files without an index or a length or an end) {
  auto pattern_film = film("plain.mp4", std::string(pattern) + ":d=12", "-c:v libx264 -preset ultrafast -g 20");
  for (auto [name, options] : {std::pair{"plain.ts", "-c copy"},
                               {"plain.h264", "-c copy"},
                               {"live.mkv", "-c copy -live 1"},
                               {"plain.mpg", "-c:v mpeg2video -b:v 2M"},
                               {"plain.flv", "-c copy"}}) {
    CAF_MESSAGE(name);
    auto path = scratch(name);
    ffmpeg("-i " + pattern_film + " " + options + " " + path);
    auto whole = picture_of(path);
    CAF_CHECK_EQUAL(whole.width, 320);
    auto content = read_file(path);
    // Half of it is missing; its beginning is damaged.
    write_file(path, content.substr(0, content.size() / 2));
    CAF_CHECK_EQUAL(picture_of(path).width, 320);
    auto damaged = content;
    std::fill(damaged.begin() + static_cast<long>(content.size() / 50),
              damaged.begin() + static_cast<long>(content.size() / 8), '\x55');
    write_file(path, damaged);
    CAF_CHECK_EQUAL(picture_of(path).width, 320);
  }
  auto one = film("one.mp4", std::string(pattern) + ":d=0.1", "-c:v libx264 -frames:v 1");
  CAF_CHECK_EQUAL(picture_of(one).width, 320);
}

CAF_TEST(wrong widths and undecodable films) {
  for (uint32_t w : {0u, 15u, 4097u, 4000000000u}) {
    auto answer = make(ordinary(), {{w}});
    CAF_REQUIRE(!answer);
    CAF_CHECK(answer.error().code == errc::validation);
  }
  CAF_CHECK(make(ordinary(), {}).error().code == errc::validation);
  // An index that is right over data that is gone.
  auto content = read_file(ordinary());
  auto data = content.find("mdat");
  auto index = content.find("moov");
  std::fill(content.begin() + static_cast<long>(data) + 4, content.begin() + static_cast<long>(index) - 4, '\0');
  write_file(scratch("hollow.mp4"), content);
  auto answer = make(scratch("hollow.mp4"), {{320}});
  CAF_REQUIRE(!answer);
  CAF_CHECK(answer.error().code == errc::bad_media);
}

CAF_TEST(lies about length and size are bounded) {
  auto path = film("lies.mkv", std::string(pattern) + ":d=4", "-c:v libx264 -preset ultrafast -g 10");
  auto content = read_file(path);
  // Duration (EBML id 4489, 8 bytes): a hundred hours, which the limits allow, in milliseconds.
  auto duration = content.find("\x44\x89\x88");
  CAF_REQUIRE(duration != std::string::npos);
  const uint64_t hours = 0x41B5752A00000000;
  for (size_t i = 0; i < 8; ++i)
    content[duration + 3 + i] = static_cast<char>(hours >> (56 - 8 * i));
  write_file(path, content);
  CAF_CHECK_EQUAL(ffprobe(path)["format"]["duration"].get<std::string>(), "360000.000000");
  auto start = std::chrono::steady_clock::now();
  CAF_CHECK_EQUAL(picture_of(path).width, 320);
  CAF_CHECK(seconds_since(start) < 5);
  // Every picture says that it has 16000x16000 pixels (PNG: IHDR).
  path = scratch("huge.avi");
  ffmpeg("-i " + quarters() + " -c:v png " + path);
  content = read_file(path);
  for (auto at = content.find("IHDR"); at != std::string::npos; at = content.find("IHDR", at + 4))
    content.replace(at + 4, 8, std::string("\0\0\x3e\x80\0\0\x3e\x80", 8));
  write_file(path, content);
  start = std::chrono::steady_clock::now();
  const auto before = peak_memory();
  auto answer = make(path, {{320}});
  CAF_CHECK(seconds_since(start) < 2);
  // One such picture is a gigabyte.
  CAF_CHECK(peak_memory() - before < 300 << 20);
  CAF_REQUIRE(!answer);
  CAF_CHECK(answer.error().code == errc::bad_media);
}

CAF_TEST(a cancelled thumbnail ends) {
  std::atomic<bool> cancelled{true};
  media::task job{cancelled, {}};
  auto answer = make(ordinary(), {{320}}, job);
  CAF_REQUIRE(!answer);
  CAF_CHECK(answer.error().code == errc::cancelled);
}
