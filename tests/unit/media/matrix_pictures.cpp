#define CAF_SUITE media.matrix.pictures

// Awkward pictures through transcode, each looked at again with ffprobe and ffmpeg.

#include "tests/support/unit_test.hpp"
#include "tests/unit/media/lab.hpp"

#include <cmath>

using namespace troupe;
using namespace media_test;

namespace {

/// Four colours with x264 that loses nothing of them.
std::string film(const std::string& name, int width, int height, const std::string& more = {}, double seconds = 0.4) {
  auto path = scratch(name);
  ffmpeg("-f lavfi -i \"" + four_colors(width, height, seconds) + "\" -pix_fmt yuv420p -c:v libx264 -preset ultrafast "
         + more + " " + path);
  return path;
}

void check_size(const outcome& o, int width, int height) {
  auto video = streams(o, "video").at(0);
  CAF_CHECK_EQUAL(video["width"], width);
  CAF_CHECK_EQUAL(video["height"], height);
  CAF_CHECK_EQUAL(video.value("sample_aspect_ratio", "1:1"), "1:1");
  CAF_CHECK_EQUAL(o.answer->output.first("video")->rotation, 0);
}

/// PQ or HLG: a grey of the light of paper (203 cd/m²), and red, green and blue of that signal.
std::string hdr_film(const std::string& name, bool hlg, const std::string& parameters) {
  const std::string v = hlg ? "bf" : "94";
  const auto tail = std::string(":s=96x54:d=0.4:r=25,format=gbrp10le");
  auto path = scratch(name);
  ffmpeg("-f lavfi -i \"color=0x" + v + v + v + tail + "[a];color=0x" + v + "0000" + tail + "[b];color=0x00" + v + "00"
         + tail + "[c];color=0x0000" + v + tail
         + "[d];[a][b]hstack[t];[c][d]hstack[u];[t][u]vstack,zscale=matrix=2020_ncl:range=limited,format=yuv420p10le\" "
           "-c:v libx265 -preset ultrafast -color_primaries bt2020 -color_trc "
         + (hlg ? "arib-std-b67" : "smpte2084") + " -colorspace bt2020nc -x265-params 'log-level=none" + parameters
         + "' " + path);
  return path;
}

const std::string mastering = ":hdr10=1:master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)"
                              "L(10000000,50):max-cll=1000,400";

nlohmann::json first_frame(const std::string& path) {
  return nlohmann::json::parse(output_of("ffprobe -v quiet -of json -select_streams v:0 -read_intervals %+#1 "
                                         "-show_frames '"
                                         + path + "'"))["frames"][0];
}

nlohmann::json side_data(const nlohmann::json& from, const char* type) {
  for (auto& s : from.value("side_data_list", nlohmann::json::array()))
    if (s["side_data_type"] == type)
      return s;
  return nullptr;
}

} // namespace

CAF_TEST(turned and mirrored pictures stand upright) {
  struct turn {
    const char* name;
    int a, b, c, d;
    const char* seen;
    bool swaps;
  };
  // A point (x, y) is shown at (a x + c y, b x + d y): y points down.
  const std::vector<turn> turns{
    {"turned by 90", 0, 1, -1, 0, "bryg", true},           {"turned by 180", -1, 0, 0, -1, "ybgr", false},
    {"turned by 270", 0, -1, 1, 0, "gyrb", true},          {"mirrored", -1, 0, 0, 1, "gryb", false},
    {"upside down", 1, 0, 0, -1, "byrg", false},           {"mirrored at a diagonal", 0, 1, 1, 0, "rbgy", true},
    {"mirrored at the other", 0, -1, -1, 0, "ygbr", true}, {"as it is", 1, 0, 0, 1, "rgby", false},
  };
  auto straight = film("straight.mp4", 96, 64);
  for (auto& t : turns) {
    CAF_MESSAGE(t.name);
    auto path = scratch("turned.mov");
    write_matrix(straight, path, t.a, t.b, t.c, t.d);
    auto o = run(path, encoding("web-720p"), t.name);
    CAF_CHECK_EQUAL(o.text(), "ok");
    if (!o.answer)
      continue;
    check_size(o, t.swaps ? 64 : 96, t.swaps ? 96 : 64);
    CAF_CHECK(quarters_are(shown(scratch("out.mp4")), t.seen));
    CAF_CHECK_EQUAL(o.answer->frames, 10);
    // What a player has to turn or mirror is not taken for what fits, and a copy tells players to turn it as before.
    CAF_CHECK_EQUAL(run(path, "web-720p", true).answer->copied.empty(), t.name != std::string("as it is"));
    auto copy = run(path, "remux");
    CAF_CHECK_EQUAL(copy.text(), "ok");
    if (!copy.answer)
      continue;
    auto matrix = [](const nlohmann::json& seen) { return side_data(seen["streams"][0], "Display Matrix").dump(); };
    CAF_CHECK_EQUAL(matrix(ffprobe(path)), matrix(copy.seen));
  }
}

CAF_TEST(pictures of pixels that are not square) {
  struct shape {
    const char* aspect;
    int width;
    int height;
  };
  for (auto& s : {shape{"16/11", 104, 48}, shape{"64/45", 102, 48}, shape{"8/9", 64, 48}, shape{"1/1000", 72, 48}}) {
    auto o = run(film("aspect.mkv", 72, 48, std::string("-vf setsar=") + s.aspect), encoding("web-720p"),
                 "aspect " + std::to_string(s.width));
    CAF_CHECK_EQUAL(o.text(), "ok");
    if (!o.answer)
      continue;
    check_size(o, s.width, s.height);
    CAF_CHECK(quarters_are(shown(scratch("out.mp4")), "rgby"));
  }
}

CAF_TEST(every pixel format becomes 4 2 0 with its colours) {
  struct format {
    const char* arguments;
    const char* profile;
    const char* result;
  };
  const std::vector<format> formats{
    {"-c:v ffv1 -pix_fmt yuv422p", "web-720p", "yuv420p"},
    {"-c:v ffv1 -pix_fmt yuv444p", "web-720p", "yuv420p"},
    {"-c:v ffv1 -pix_fmt yuv411p", "web-720p", "yuv420p"},
    {"-c:v ffv1 -pix_fmt yuv420p10le", "web-720p", "yuv420p"},
    {"-c:v ffv1 -pix_fmt yuv444p16le", "web-720p", "yuv420p"},
    {"-c:v ffv1 -pix_fmt bgr0", "web-720p", "yuv420p"},
    {"-c:v ffv1 -pix_fmt gbrp10le", "web-720p", "yuv420p"},
    {"-c:v ffv1 -pix_fmt bgra", "web-720p", "yuv420p"},
    {"-c:v png -pix_fmt rgb24", "web-720p", "yuv420p"},
    {"-c:v png -pix_fmt pal8", "web-720p", "yuv420p"},
    {"-c:v mjpeg -q:v 2 -pix_fmt yuvj420p", "web-720p", "yuv420p"},
    {"-c:v ffv1 -pix_fmt yuv420p -vf scale=out_range=pc -color_range pc", "web-720p", "yuv420p"},
    {"-c:v prores_ks -profile:v 4444 -pix_fmt yuva444p10le", "web-720p", "yuv420p"},
    {"-c:v libvpx-vp9 -pix_fmt yuva420p", "web-720p", "yuv420p"},
    {"-c:v libx264rgb -pix_fmt rgb24 -qp 0", "web-720p", "yuv420p"},
    {"-c:v ffv1 -pix_fmt yuv422p10le", "hevc", "yuv420p10le"},
    {"-c:v ffv1 -pix_fmt yuv420p", "hevc", "yuv420p"},
    {"-c:v ffv1 -pix_fmt gbrp12le", "av1", "yuv420p10le"},
    {"-c:v ffv1 -pix_fmt yuv444p", "webm", "yuv420p"},
  };
  for (auto& f : formats) {
    CAF_MESSAGE(f.arguments << " " << f.profile);
    auto path = scratch("format.mkv");
    ffmpeg("-f lavfi -i \"" + four_colors(128, 96, 0.2) + "\" " + f.arguments + " " + path);
    auto label = std::string(f.arguments);
    auto o = run(path, encoding(f.profile), label.substr(label.find("pix_fmt ") + 8) + " to " + f.profile);
    CAF_CHECK_EQUAL(o.text(), "ok");
    if (!o.answer)
      continue;
    auto video = streams(o, "video").at(0);
    CAF_CHECK_EQUAL(video["pix_fmt"], f.result);
    CAF_CHECK_EQUAL(video.value("color_range", "tv"), "tv");
    CAF_CHECK_EQUAL(o.answer->frames, 5);
    CAF_CHECK(quarters_are(shown(scratch("out." + encoding(f.profile).extension)), "rgby"));
  }
}

CAF_TEST(shades of grey stay what they are) {
  for (auto* format : {"gray", "gray10le", "gray16le", "ya8"}) {
    auto path = scratch("grey.mkv");
    ffmpeg(std::string("-f lavfi -i color=0x404040:s=64x64:d=0.2,format=gray -pix_fmt ") + format + " -c:v "
           + (format == std::string("ya8") || format == std::string("gray16le") ? "png" : "ffv1") + " " + path);
    auto o = run(path, "web-720p");
    CAF_CHECK_EQUAL(o.text(), "ok");
    if (!o.answer)
      continue;
    CAF_MESSAGE(format);
    const auto was = shown(path).at(0.5, 0.5);
    const auto is = shown(scratch("out.mp4")).at(0.5, 0.5);
    CAF_MESSAGE(was.red << " became " << is.red << " " << is.green << " " << is.blue);
    CAF_CHECK(distance(was, is) <= 4);
  }
}

CAF_TEST(the matrix of the colours is told even where the source does not ) {
  struct made {
    const char* arguments;
    int width, height;
    const char* space;
  };
  for (auto& m :
       {made{"-c:v ffv1 -pix_fmt bgr0", 128, 96, "smpte170m"}, made{"-c:v ffv1 -pix_fmt bgr0", 1280, 720, "bt709"},
        made{"-vf scale=out_color_matrix=bt709 -c:v ffv1 -pix_fmt yuv420p", 1280, 720, "bt709"},
        made{"-c:v ffv1 -pix_fmt yuv420p", 128, 96, "smpte170m"},
        made{"-vf scale=out_color_matrix=bt709 -c:v ffv1 -pix_fmt yuv420p -colorspace bt709 -color_primaries bt709 "
             "-color_trc bt709",
             128, 96, "bt709"}}) {
    auto path = scratch("space.mkv");
    ffmpeg("-f lavfi -i \"" + four_colors(m.width, m.height, 0.2) + "\" " + m.arguments + " " + path);
    auto profile = encoding("web-480p");
    auto o = run(path, profile);
    CAF_CHECK_EQUAL(o.text(), "ok");
    if (!o.answer)
      continue;
    CAF_CHECK_EQUAL(streams(o, "video").at(0).value("color_space", "none"), m.space);
    CAF_CHECK(quarters_are(shown(scratch("out.mp4")), "rgby", 16));
  }
}

CAF_TEST(sizes down to one pixel and odd ones) {
  struct shape {
    int width, height, wide, high;
  };
  for (auto& s : {shape{1, 1, 2, 2}, shape{3, 5, 4, 6}, shape{321, 243, 322, 244}, shape{2, 720, 2, 720},
                  shape{1000, 3, 1000, 4}}) {
    auto path = scratch("odd.mkv");
    ffmpeg("-f lavfi -i color=red:r=25:d=0.2:s=" + std::to_string(s.width) + "x" + std::to_string(s.height)
           + ",format=yuv444p -c:v ffv1 " + path);
    auto o = run(path, "web-720p");
    CAF_MESSAGE(s.width << "x" << s.height);
    CAF_CHECK_EQUAL(o.text(), "ok");
    if (!o.answer)
      continue;
    auto video = streams(o, "video").at(0);
    CAF_CHECK(std::abs(video["width"].get<int>() - s.wide) <= 2 && std::abs(video["height"].get<int>() - s.high) <= 2);
    CAF_CHECK(video["width"].get<int>() % 2 == 0 && video["height"].get<int>() % 2 == 0);
    CAF_CHECK(distance(shown(scratch("out.mp4")).at(0.5, 0.5), {255, 0, 0}) <= 24);
    // Encoders with a least size take it or say so.
    for (auto* name : {"hevc", "av1", "webm"})
      if (auto other = run(path, name); !other.answer)
        CAF_CHECK(other.answer.error().code == errc::unprocessable);
  }
}

CAF_TEST(interlaced pictures have no combs) {
  // A white bar that moves by 8 pixels a field; on the sum of differences between neighbouring lines combs show.
  const std::string moving = "-f lavfi -i \"color=black:s=128x96:r=50:d=1[a];color=white:s=24x96:r=50:d=1[b];"
                             "[a][b]overlay=x='mod(n*8,128)':y=0,format=yuv420p,";
  auto combs = [](const std::string& path) {
    auto p = shown(path, 6);
    double sum = 0;
    for (int y = 10; y + 1 < p.height - 10; ++y)
      for (int x = 0; x < p.width; ++x) {
        auto* a = p.bytes.data() + 3 * (y * p.width + x);
        sum += std::abs(a[0] - a[3 * p.width]);
      }
    return sum / p.width / p.height;
  };
  struct coding {
    const char* name;
    const char* arguments;
    const char* file;
  };
  for (auto& c :
       {coding{"mpeg2 top", "tinterlace=interleave_top,setfield=tff\" -flags +ildct+ilme -c:v mpeg2video -q:v 2",
               "i.mkv"},
        coding{"mpeg2 bottom",
               "tinterlace=interleave_bottom,setfield=bff\" -flags +ildct+ilme -c:v mpeg2video -q:v 2 -top 0", "i.ts"},
        coding{"h264 mbaff",
               "tinterlace=interleave_top,setfield=tff\" -flags +ildct+ilme -c:v libx264 -qp 10 -x264-params tff=1",
               "i.mp4"},
        coding{
          "h264 in avi",
          "tinterlace=interleave_top,setfield=tff\" -flags +ildct+ilme -c:v libx264 -bf 0 -qp 10 -x264-params tff=1",
          "i.avi"}}) {
    auto path = scratch(c.file);
    ffmpeg(moving + c.arguments + " " + path);
    CAF_MESSAGE(c.name);
    auto o = run(path, encoding("web-720p"), c.name);
    CAF_CHECK_EQUAL(o.text(), "ok");
    if (!o.answer)
      continue;
    CAF_CHECK_EQUAL(o.answer->frames, 25);
    CAF_MESSAGE("combs " << combs(path) << ", then " << combs(scratch("out.mp4")));
    CAF_CHECK(combs(path) > 8);
    CAF_CHECK(combs(scratch("out.mp4")) < 3);
    CAF_CHECK(streams(o, "video").at(0).value("field_order", "progressive") == "progressive");
    CAF_MESSAGE("the last at " << times(scratch("out.mp4")).back() << " after " << times(path).back());
    CAF_CHECK(std::fabs(times(scratch("out.mp4")).back() - 0.96) < 0.002);
    // A copy would keep them.
    CAF_CHECK(run(path, "web-720p", true).answer->copied.empty());
  }
  // Marked as interlaced without being so: it stays as sharp.
  auto path = scratch("mislabelled.mkv");
  ffmpeg("-f lavfi -i testsrc=s=128x96:d=0.4,format=yuv420p,setfield=tff -c:v libx264 -qp 5 -x264-params tff=1 -flags "
         "+ildct+ilme "
         + path);
  auto o = run(path, encoding("web-720p"), "marked as interlaced");
  CAF_CHECK_EQUAL(o.text(), "ok");
  if (!o.answer)
    return;
  CAF_CHECK_EQUAL(o.answer->frames, 10);
}

CAF_TEST(HDR becomes SDR) {
  for (bool hlg : {false, true}) {
    auto path = hdr_film("hdr.mkv", hlg, hlg ? "" : mastering);
    for (auto* name : {"web-720p", "webm"}) {
      CAF_MESSAGE((hlg ? "HLG to " : "PQ to ") << name);
      auto o = run(path, encoding(name), std::string(hlg ? "HLG to " : "PQ to ") + name);
      CAF_CHECK_EQUAL(o.text(), "ok");
      if (!o.answer)
        continue;
      auto file = scratch("out." + encoding(name).extension);
      auto video = streams(o, "video").at(0);
      CAF_CHECK_EQUAL(video["pix_fmt"], "yuv420p");
      for (auto* key : {"color_space", "color_transfer", "color_primaries"})
        CAF_CHECK_EQUAL(video.value(key, "none"), "bt709");
      CAF_CHECK(side_data(video, "Mastering display metadata").is_null());
      CAF_CHECK(side_data(first_frame(file), "Mastering display metadata").is_null());
      CAF_CHECK(side_data(first_frame(file), "Content light level metadata").is_null());
      auto q = shown(file).quarters();
      CAF_MESSAGE("grey " << to_string(q[0]) << ", red " << to_string(q[1]) << ", green " << to_string(q[2])
                          << ", blue " << to_string(q[3]));
      // Paper is nearly white, and colours are what they were.
      CAF_CHECK(q[0].red > 190 && distance(q[0], {q[0].red, q[0].red, q[0].red}) <= 6);
      CAF_CHECK(q[1].red > 150 && q[1].green < 90 && q[1].blue < 90);
      CAF_CHECK(q[2].green > 150 && q[2].red < 90 && q[2].blue < 110);
      CAF_CHECK(q[3].blue > 150 && q[3].red < 90 && q[3].green < 90);
    }
    CAF_CHECK(run(path, "web-720p", true).answer->copied.empty());
  }
}

CAF_TEST(HDR that is kept tells so in stream and container) {
  struct way {
    const char* name;
    const char* container;
    const char* extension;
    bool in_stream;
  };
  auto without_boxes = hdr_film("hdr.mkv", false, mastering);
  auto hlg = hdr_film("hlg.mkv", true, "");
  for (auto& w : {way{"hevc", "mp4", "mp4", true}, way{"hevc", "matroska", "mkv", true},
                  way{"av1", "matroska", "mkv", false}, way{"av1", "mp4", "mp4", false}}) {
    auto profile = encoding(w.name);
    profile.preset = w.name == std::string("hevc") ? "ultrafast" : "12";
    profile.container = w.container;
    profile.extension = w.extension;
    CAF_MESSAGE(w.name << " in " << w.container);
    auto o = run(without_boxes, profile, std::string("PQ kept as ") + w.name + " in " + w.container);
    CAF_CHECK_EQUAL(o.text(), "ok");
    if (!o.answer)
      continue;
    auto file = scratch(std::string("out.") + w.extension);
    auto video = streams(o, "video").at(0);
    CAF_CHECK_EQUAL(video["pix_fmt"], "yuv420p10le");
    CAF_CHECK_EQUAL(video.value("color_space", ""), "bt2020nc");
    CAF_CHECK_EQUAL(video.value("color_transfer", ""), "smpte2084");
    CAF_CHECK_EQUAL(video.value("color_primaries", ""), "bt2020");
    auto display = side_data(video, "Mastering display metadata");
    CAF_REQUIRE(!display.is_null());
    CAF_CHECK_EQUAL(display["max_luminance"].get<std::string>().substr(0, 4), "1000");
    auto light = side_data(video, "Content light level metadata");
    CAF_REQUIRE(!light.is_null());
    CAF_CHECK_EQUAL(light["max_content"], 1000);
    CAF_CHECK_EQUAL(light["max_average"], 400);
    if (w.in_stream) {
      // Without the container: what the encoder itself wrote.
      auto raw = scratch("raw.hevc");
      ffmpeg("-i " + file + " -c copy -bsf:v hevc_mp4toannexb " + raw);
      CAF_CHECK(!side_data(first_frame(raw), "Mastering display metadata").is_null());
      CAF_CHECK(!side_data(first_frame(raw), "Content light level metadata").is_null());
    }
    auto l = run(hlg, profile);
    CAF_CHECK_EQUAL(l.text(), "ok");
    if (!l.answer)
      continue;
    CAF_CHECK_EQUAL(streams(l, "video").at(0).value("color_transfer", ""), "arib-std-b67");
  }
}
