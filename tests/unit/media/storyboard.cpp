#define CAF_SUITE media.storyboard

#include "media/storyboard.hpp"
#include "media/storyboard_files.hpp"
#include "media/storyboard_plan.hpp"
#include "tests/support/unit_test.hpp"
#include "tests/unit/media/decoded_picture.hpp"
#include "tests/unit/media/executor_client.hpp"
#include "tests/unit/media/samples.hpp"

#include <caf/make_message.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <mutex>
#include <numeric>
#include <random>
#include <set>
#include <sstream>

using namespace troupe;
using namespace media_test;

namespace {

/// The files of one storyboard, by name.
struct outputs {
  std::string folder;
  std::mutex mutex;
  std::set<std::string> names;
  std::atomic<bool> cancelled{false};
  /// Called on the operation's thread at each report.
  std::function<void(const exec::progress&)> told;

  outputs() {
    static int number = 0;
    folder = scratch("board" + std::to_string(number++));
    std::filesystem::create_directories(folder);
  }
  std::string path(const std::string& name) const {
    return folder + "/" + name;
  }
  media::task task() {
    return {cancelled, told, [this](const std::string& name) -> result<media::owned_fd> {
              std::lock_guard lock(mutex);
              CAF_CHECK(names.insert(name).second);
              std::filesystem::create_directories(std::filesystem::path(path(name)).parent_path());
              return open_output(path(name));
            }};
  }
};

result<exec::storyboard_answer> make(const std::string& path, const exec::storyboard_request& asked, outputs& out) {
  auto source = open_source(path);
  auto job = out.task();
  return media::storyboard(source.get(), extension(path), asked, job);
}

exec::storyboard_answer must_make(const std::string& path, const exec::storyboard_request& asked, outputs& out) {
  auto answer = make(path, asked, out);
  if (!answer)
    CAF_FAIL(path << ": " << answer.error().message);
  return *answer;
}

/// A film that gets brighter: at t seconds of `length` its grey is 250 t / length. A keyframe each second.
std::string brightening(int length, const std::string& name, const std::string& options) {
  auto path = scratch(name);
  ffmpeg("-f lavfi -i color=black:s=160x90:r=10:d=" + std::to_string(length) + ",format=gray,geq=lum=250*T/"
         + std::to_string(length) + " -pix_fmt yuvj420p " + options + " " + path);
  return path;
}

const std::string x264 = "-c:v libx264 -preset ultrafast -g 10 -sc_threshold 0";

/// Grey of a tile, 0 to 255.
double tile_tone(const decoded_picture& sheet, const exec::storyboard_answer& made, uint32_t tile) {
  const double left = tile % made.columns * made.tile_width;
  const double top = tile / made.columns % made.rows * made.tile_height;
  return sheet
    .mean((left + 4) / sheet.width, (top + 4) / sheet.height, (left + made.tile_width - 4) / sheet.width,
          (top + made.tile_height - 4) / sheet.height)
    .green;
}

uint32_t little_endian(const std::string& bytes, size_t at) {
  uint32_t out = 0;
  for (size_t i = 0; i < 4; ++i)
    out |= static_cast<uint32_t>(static_cast<uint8_t>(bytes[at + i])) << (8 * i);
  return out;
}

} // namespace

CAF_TEST(a plan shows each moment by the keyframe nearest to it) {
  std::mt19937 random(11);
  for (int round = 0; round < 200; ++round) {
    std::vector<int64_t> keys{0};
    while (keys.size() < 1 + random() % 300)
      keys.push_back(keys.back() + 1 + static_cast<int64_t>(random() % 9000));
    const auto duration = keys.back() + 1 + static_cast<int64_t>(random() % 9000);
    const auto asked = 100 + static_cast<int64_t>(random() % 20000);
    auto plan = media::plan_storyboard(duration, keys, {asked});
    CAF_CHECK(plan.interval_ms <= asked);
    CAF_CHECK_EQUAL(plan.count, static_cast<uint32_t>((duration + plan.interval_ms - 1) / plan.interval_ms));
    if (plan.interval_ms < asked)
      CAF_CHECK(plan.count <= media::wanted_tiles);
    uint32_t next = 0;
    for (auto& run : plan.runs) {
      CAF_CHECK_EQUAL(run.first, next);
      CAF_CHECK(run.tiles > 0);
      CAF_CHECK_EQUAL(run.time_ms, keys[static_cast<size_t>(run.keyframe)]);
      for (next = run.first; next < run.first + run.tiles; ++next) {
        const auto wanted = static_cast<int64_t>(next) * plan.interval_ms;
        const auto miss = std::abs(run.time_ms - wanted);
        CAF_CHECK(std::none_of(keys.begin(), keys.end(), [&](auto k) { return std::abs(k - wanted) < miss; }));
      }
    }
    CAF_CHECK_EQUAL(next, plan.count);
  }
}

CAF_TEST(plans are bounded) {
  // A two-hour film at Jellyfin's interval.
  CAF_CHECK_EQUAL(media::plan_storyboard_of_frames(7'200'000, {10'000}).count, 720u);
  auto lie = media::plan_storyboard_of_frames(3'600'000'000'000, {100});
  CAF_CHECK_EQUAL(lie.count, media::max_tiles);
  CAF_CHECK_EQUAL(media::plan_storyboard_of_frames(1, {10'000}).count, 1u);
  // Short, with enough keyframes and with few.
  std::vector<int64_t> dense(61);
  for (size_t i = 0; i < dense.size(); ++i)
    dense[i] = static_cast<int64_t>(i) * 1000;
  CAF_CHECK_EQUAL(media::plan_storyboard(61'000, dense, {10'000}).count, media::wanted_tiles);
  CAF_CHECK_EQUAL(media::plan_storyboard(61'000, {0}, {10'000}).count, 7u);
  // Jellyfin would show other moments than were asked for.
  CAF_CHECK_EQUAL(media::plan_storyboard(61'000, dense, {10'000, true}).interval_ms, 10'000);
  CAF_CHECK_EQUAL(media::plan_storyboard_of_frames(61'000, {10'000, true}).interval_ms, 10'000);
}

CAF_TEST(sheets have the right tiles at the right places) {
  auto path = brightening(100, "bright.mp4", x264);
  outputs out;
  auto made = must_make(path, {80, 4, 3, 3000, 95, false, true, true}, out);
  CAF_CHECK_EQUAL(made.interval_ms, 3000);
  CAF_CHECK_EQUAL(made.count, 34u);
  CAF_CHECK_EQUAL(made.tile_width, 80u);
  CAF_CHECK_EQUAL(made.tile_height, 46u);
  CAF_CHECK_EQUAL(made.columns, 4u);
  CAF_CHECK_EQUAL(made.rows, 3u);
  CAF_REQUIRE_EQUAL(made.sheets.size(), 3u);
  CAF_CHECK_EQUAL(out.names.size(), 5u);
  for (uint32_t s = 0; s < 3; ++s) {
    auto& sheet = made.sheets[s];
    CAF_CHECK_EQUAL(sheet.name, "storyboard-" + std::to_string(s) + ".jpg");
    CAF_CHECK_EQUAL(sheet.tiles, s == 2 ? 10u : 12u);
    CAF_CHECK_EQUAL(sheet.bytes, read_file(out.path(sheet.name)).size());
    auto picture = decode_picture(out.path(sheet.name));
    CAF_CHECK_EQUAL(picture.width, 320);
    CAF_CHECK_EQUAL(picture.height, 138);
    CAF_CHECK_EQUAL(static_cast<uint32_t>(picture.width), sheet.width);
    CAF_CHECK_EQUAL(static_cast<uint32_t>(picture.height), sheet.height);
    for (uint32_t i = 0; i < sheet.tiles; ++i) {
      const auto tile = s * 12 + i;
      const auto tone = tile_tone(picture, made, tile);
      CAF_CHECK(std::abs(tone - 2.5 * 3 * tile) < 4);
    }
  }
  // The last row of the last sheet has room for four and holds two.
  CAF_CHECK(tile_tone(decode_picture(out.path("storyboard-2.jpg")), made, 35) < 4);
}

CAF_TEST(the last sheet is as large as its tiles) {
  auto path = brightening(30, "short.mp4", x264);
  for (auto [columns, width, height] : {std::tuple{30u, 20 * 40, 24}, {12u, 480, 48}, {1u, 40, 5 * 24}}) {
    outputs out;
    auto made = must_make(path, {40, columns, 15, 10'000, 90, false, false, false}, out);
    CAF_CHECK_EQUAL(made.count, 20u);
    CAF_CHECK_EQUAL(made.interval_ms, 1500);
    CAF_CHECK(made.vtt.empty() && made.bif.empty());
    auto last = decode_picture(out.path(made.sheets.back().name));
    CAF_CHECK_EQUAL(last.width, width);
    CAF_CHECK_EQUAL(last.height, height);
  }
}

CAF_TEST(jellyfin finds its own names and sizes) {
  auto path = brightening(30, "short.mp4", x264);
  outputs out;
  auto made = must_make(path, {320, 10, 10, 10'000, 90, true, true, false}, out);
  // Never larger than the film.
  CAF_CHECK_EQUAL(made.tile_width, 160u);
  CAF_REQUIRE_EQUAL(made.sheets.size(), 1u);
  CAF_CHECK_EQUAL(made.sheets[0].name, "160 - 10x10/0.jpg");
  auto sheet = decode_picture(out.path("160 - 10x10/0.jpg"));
  CAF_CHECK_EQUAL(sheet.width, 1600);
  CAF_CHECK_EQUAL(sheet.height, 900);
  CAF_CHECK(tile_tone(sheet, made, 99) < 3);
  CAF_CHECK(read_file(out.path("storyboard.vtt")).find("160%20-%2010x10/0.jpg#xywh=") != std::string::npos);
}

CAF_TEST(webvtt names every tile) {
  auto path = brightening(100, "bright.mp4", x264);
  outputs out;
  auto made = must_make(path, {80, 4, 3, 3000, 90, false, true, false}, out);
  std::istringstream in(read_file(out.path(made.vtt)));
  std::string line;
  std::getline(in, line);
  CAF_CHECK_EQUAL(line, "WEBVTT");
  uint32_t tile = 0;
  auto milliseconds = [](const std::string& t) {
    CAF_REQUIRE_EQUAL(t.size(), 12u);
    return ((std::stoll(t.substr(0, 2)) * 60 + std::stoll(t.substr(3, 2))) * 60 + std::stoll(t.substr(6, 2))) * 1000
           + std::stoll(t.substr(9, 3));
  };
  while (std::getline(in, line)) {
    CAF_CHECK(line.empty());
    std::getline(in, line);
    CAF_CHECK_EQUAL(line.substr(12, 5), " --> ");
    CAF_CHECK_EQUAL(milliseconds(line.substr(0, 12)), tile * 3000);
    CAF_CHECK_EQUAL(milliseconds(line.substr(17)), std::min(tile * 3000 + 3000, 100'000u));
    std::getline(in, line);
    const auto place = tile % 12;
    CAF_CHECK_EQUAL(line, "storyboard-" + std::to_string(tile / 12) + ".jpg#xywh=" + std::to_string(place % 4 * 80)
                            + "," + std::to_string(place / 4 * 46) + ",80,46");
    ++tile;
  }
  CAF_CHECK_EQUAL(tile, 34u);
}

CAF_TEST(a bif can be read back) {
  auto path = brightening(100, "bright.mp4", x264);
  outputs out;
  auto made = must_make(path, {80, 10, 10, 3000, 95, false, false, true}, out);
  auto bif = read_file(out.path(made.bif));
  CAF_CHECK_EQUAL(bif.substr(0, 8), std::string("\x89"
                                                "BIF\r\n\x1a\n"));
  CAF_CHECK_EQUAL(little_endian(bif, 8), 0u);
  CAF_REQUIRE_EQUAL(little_endian(bif, 12), 34u);
  CAF_CHECK_EQUAL(little_endian(bif, 16), 3000u);
  for (size_t i = 20; i < 64; ++i)
    CAF_CHECK_EQUAL(bif[i], '\0');
  for (uint32_t i = 0; i < 34; ++i) {
    CAF_CHECK_EQUAL(little_endian(bif, 64 + 8 * i), i);
    const auto from = little_endian(bif, 68 + 8 * i);
    const auto to = little_endian(bif, 68 + 8 * (i + 1));
    CAF_REQUIRE(from < to && to <= bif.size());
    if (i % 8 != 0)
      continue;
    write_file(scratch("bif.jpg"), bif.substr(from, to - from));
    auto picture = decode_picture(scratch("bif.jpg"));
    CAF_CHECK_EQUAL(picture.width, 80);
    CAF_CHECK(std::abs(picture.mean(0, 0, 1, 1).green - 7.5 * i) < 4);
  }
  CAF_CHECK_EQUAL(little_endian(bif, 64 + 8 * 34), 0xffffffffu);
  CAF_CHECK_EQUAL(little_endian(bif, 68 + 8 * 34), bif.size());
}

CAF_TEST(films with few keyframes and without an index) {
  struct {
    const char* name;
    std::string options;
    double tolerance;
  } films[] = {
    // One keyframe: every frame is decoded.
    {"one.mp4", "-c:v libx264 -preset ultrafast -g 9999 -sc_threshold 0", 4},
    // The decoder holds pictures back for those that are shown earlier.
    {"index.mkv", "-c:v libx264 -preset veryfast -bf 3 -g 10 -sc_threshold 0", 8},
    {"none.ts", x264, 15},
    {"live.mkv", x264 + " -live 1", 8},
    {"intra.avi", "-c:v mjpeg -q:v 2", 4},
    {"program.mpg", "-c:v mpeg2video -r 25 -g 12 -b:v 2M", 15},
  };
  for (auto& film : films) {
    CAF_MESSAGE(film.name);
    auto path = brightening(40, film.name, film.options);
    outputs out;
    auto made = must_make(path, {80, 5, 4, 10'000, 95, false, true, false}, out);
    CAF_CHECK(made.count >= 20 && made.count <= 21);
    auto sheet = decode_picture(out.path(made.sheets[0].name));
    for (uint32_t i = 0; i < 20; ++i) {
      const auto tone = tile_tone(sheet, made, i);
      const auto wanted = 250.0 / 40 * i * static_cast<double>(made.interval_ms) / 1000;
      if (std::abs(tone - wanted) > film.tolerance)
        CAF_ERROR("tile " << i << " is " << tone << ", not " << wanted);
    }
  }
}

CAF_TEST(turned and wide films) {
  auto path = scratch("wide.mp4");
  ffmpeg("-f lavfi -i testsrc=s=160x90:d=3:r=10 -vf setsar=2/1 -c:v libx264 -g 5 -pix_fmt yuv420p " + path);
  outputs out;
  auto made = must_make(path, {100, 10, 10, 10'000, 90, false, false, false}, out);
  CAF_CHECK_EQUAL(made.tile_width, 100u);
  CAF_CHECK_EQUAL(made.tile_height, 28u);
  ffmpeg("-f lavfi -i testsrc=s=160x90:d=3:r=10 -c:v libx264 -g 5 -pix_fmt yuv420p " + path);
  write_turned(path, scratch("upright.mp4"), 90);
  outputs more;
  made = must_make(scratch("upright.mp4"), {60, 10, 10, 10'000, 90, false, false, false}, more);
  CAF_CHECK_EQUAL(made.tile_width, 60u);
  CAF_CHECK_EQUAL(made.tile_height, 108u);
}

CAF_TEST(the same film gives the same bytes whatever the threads do) {
  auto path = brightening(100, "bright.mp4", x264);
  std::string first;
  for (int round = 0; round < 5; ++round) {
    outputs out;
    auto made = must_make(path, {80, 4, 3, 1000, 90, false, true, true}, out);
    std::string all;
    for (auto& name : out.names)
      all += name + read_file(out.path(name));
    if (round == 0)
      first = all;
    CAF_CHECK(all == first);
    CAF_CHECK_EQUAL(made.count, 100u);
  }
}

CAF_TEST(a damaged part shows what is before it) {
  auto path = brightening(100, "bright.mp4", x264);
  auto content = read_file(path);
  auto data = content.find("mdat");
  auto index = content.find("moov");
  CAF_REQUIRE(data < index);
  const auto size = static_cast<double>(index - data);
  std::fill(content.begin() + static_cast<long>(static_cast<double>(data) + 0.4 * size),
            content.begin() + static_cast<long>(static_cast<double>(data) + 0.6 * size), '\0');
  write_file(scratch("hurt.mp4"), content);
  outputs out;
  auto made = must_make(scratch("hurt.mp4"), {80, 10, 10, 1000, 90, false, false, true}, out);
  CAF_CHECK_EQUAL(made.count, 100u);
  auto sheet = decode_picture(out.path("storyboard-0.jpg"));
  double last = 0;
  int equal = 0;
  for (uint32_t i = 0; i < 100; ++i) {
    auto tone = tile_tone(sheet, made, i);
    CAF_CHECK(tone > last - 3);
    // Never much of what comes later.
    CAF_CHECK(tone < 2.5 * (i + 3) + 3);
    equal += std::abs(tone - last) < 0.5;
    last = tone;
  }
  CAF_CHECK(equal > 5);
  CAF_CHECK(last > 240);
}

CAF_TEST(what cannot be made is said) {
  outputs out;
  for (auto& bad : std::vector<exec::storyboard_request>{{15},
                                                         {1025},
                                                         {320, 0},
                                                         {320, 10, 0},
                                                         {320, 51},
                                                         {320, 10, 51},
                                                         {1024, 17},
                                                         {320, 10, 10, 99},
                                                         {320, 10, 10, -1},
                                                         {320, 10, 10, 1000, 0},
                                                         {320, 10, 10, 1000, 101}}) {
    auto answer = make(ordinary(), bad, out);
    CAF_REQUIRE(!answer);
    CAF_CHECK(answer.error().code == errc::validation);
  }
  ffmpeg("-f lavfi -i sine=d=2 " + scratch("sound.wav"));
  CAF_CHECK(make(scratch("sound.wav"), {}, out).error().code == errc::bad_media);
  CAF_CHECK(out.names.empty());
  auto source = open_source(ordinary());
  CAF_CHECK(media::storyboard(source.get(), "mp4", {}, quiet_task()).error().code == errc::protocol);
  // Where the files come from says no.
  std::atomic<bool> never{false};
  media::task full{never, {}, [](const std::string&) -> result<media::owned_fd> {
                     return {errc::storage_full, "no space"};
                   }};
  CAF_CHECK(media::storyboard(source.get(), "mp4", {}, full).error().code == errc::storage_full);
  out.cancelled = true;
  CAF_CHECK(make(ordinary(), {}, out).error().code == errc::cancelled);
}

CAF_TEST(progress rises and a cancel in the middle is obeyed) {
  auto path = brightening(100, "bright.mp4", x264);
  outputs out;
  double last = 0;
  out.told = [&](const exec::progress& p) {
    CAF_CHECK(p.fraction >= last);
    last = p.fraction;
  };
  must_make(path, {80, 4, 3, 1000, 90, false, true, false}, out);
  CAF_CHECK_EQUAL(last, 1.0);
  outputs cut;
  cut.told = [&](const exec::progress&) { cut.cancelled = true; };
  auto answer = make(path, {80, 4, 3, 100, 90, false, true, false}, cut);
  CAF_CHECK(!answer);
}

CAF_TEST(lies about length are bounded) {
  auto path = brightening(10, "lies.mkv", x264);
  auto content = read_file(path);
  auto duration = content.find("\x44\x89\x88");
  CAF_REQUIRE(duration != std::string::npos);
  // Of Matroska's header, milliseconds: a hundred hours, which the limits allow.
  const uint64_t hours = 0x41B5752A00000000;
  for (size_t i = 0; i < 8; ++i)
    content[duration + 3 + i] = static_cast<char>(hours >> (56 - 8 * i));
  write_file(path, content);
  outputs out;
  auto start = std::chrono::steady_clock::now();
  auto made = must_make(path, {80, 10, 10, 10'000, 90, false, true, true}, out);
  CAF_CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(5));
  // The end of the file says better.
  CAF_CHECK_EQUAL(made.count, media::wanted_tiles);
  CAF_CHECK(made.interval_ms < 600);
}

CAF_TEST(the sandbox lets a storyboard through) {
  auto path = brightening(100, "bright.mp4", x264);
  auto source = open_source(path);
  executor_client e;
  CAF_REQUIRE(e.receive());
  exec::request request;
  request.op = exec::op::storyboard;
  request.name_hint = "mp4";
  request.storyboard = {80, 10, 5, 1000, 90, true, true, true};
  e.send(exec::frame_type::request, 1, exec::encode(request), {source.get()});
  outputs out;
  auto job = out.task();
  std::optional<exec::frame> f;
  while ((f = e.receive_answer()) && f->type != exec::frame_type::done) {
    if (f->type == exec::frame_type::failed)
      CAF_FAIL(exec::decode_failure(f->body)->message);
    if (f->type != exec::frame_type::open)
      continue;
    auto wish = *exec::decode_open_request(f->body);
    CAF_CHECK(exec::valid_output_name(wish.name));
    auto file = job.create(wish.name);
    e.send(exec::frame_type::opened, 1, exec::encode(exec::open_answer{wish.id, {}}), {file->get()});
  }
  CAF_REQUIRE(f);
  auto made = exec::decode_storyboard_answer(f->body);
  CAF_REQUIRE(made.has_value());
  CAF_CHECK_EQUAL(made->count, 100u);
  CAF_CHECK_EQUAL(out.names,
                  (std::set<std::string>{"80 - 10x5/0.jpg", "80 - 10x5/1.jpg", "storyboard.bif", "storyboard.vtt"}));
  CAF_CHECK_EQUAL(decode_picture(out.path("80 - 10x5/1.jpg")).width, 800);
}
