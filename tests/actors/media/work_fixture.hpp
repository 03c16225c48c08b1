#pragma once

// Work on real files with an executor and a server that answer as a test wants.

#include "actors/media/cleanup.hpp"
#include "actors/media/download.hpp"
#include "actors/media/hls.hpp"
#include "actors/media/ingest.hpp"
#include "actors/media/payloads.hpp"
#include "actors/media/storyboard.hpp"
#include "actors/media/transcode.hpp"
#include "host/files.hpp"
#include "protocol/model/json.hpp"

#include "tests/support/unit_test.hpp"

#include <caf/make_message.hpp>

#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

namespace troupe::test {

using namespace troupe::work;
namespace fs = std::filesystem;

/// Answers operations as a healthy executor would, unless the test says otherwise.
struct fake_attempt final : attempt {
  const assignment& what() const noexcept override {
    return job;
  }
  bool stopped() const noexcept override {
    return stop;
  }
  void progress(job_progress x) override {
    stages.push_back(x.stage);
  }
  executor_answer run(exec::request x, std::vector<operation_file> fds, std::function<void(const exec::progress&)> told,
                      output_maker create) override {
    if (told)
      told({0.5, 2, 1000, 1, 1, 1});
    if (before)
      before(x.op);
    if (fail_at && *fail_at == x.op)
      return {{errc::bad_media, "no frame can be read"}, error_class::permanent, {}, "last line\n"};
    executor_answer out;
    if (auto special = answer ? answer(x, fds) : std::nullopt)
      return *special;
    media_info info;
    info.format = "mov,mp4";
    info.duration = duration;
    info.streams.resize(1);
    info.streams[0].kind = sound ? "audio" : "video";
    info.streams[0].codec = sound ? "mp3" : "h264";
    info.streams[0].width = sound ? 0 : 640;
    info.streams[0].height = sound ? 0 : 360;
    if (x.op == exec::op::probe)
      out.body = encode(info);
    if (x.op == exec::op::thumbnail) {
      exec::thumbnail_answer answer;
      for (size_t i = 1; i < fds.size(); ++i) {
        CAF_CHECK_EQUAL(::write(fds[i].fd->get(), "jpeg", 4), 4);
        auto width = std::min(x.pictures[i - 1].width, 640u);
        answer.pictures.push_back({width, width * 9 / 16, 4});
      }
      out.body = exec::encode(answer);
    }
    if (x.op == exec::op::transcode) {
      on_card = x.profile.hardware;
      CAF_CHECK_EQUAL(::write(fds.at(1).fd->get(), "movie", 5), 5);
      exec::transcode_answer answer;
      answer.output = info;
      answer.operation = "ffmpeg -i in out";
      out.body = exec::encode(answer);
    }
    if (x.op == exec::op::storyboard || x.op == exec::op::hls)
      out.body = x.op == exec::op::hls ? make_ladder(create) : make_sheets(x.storyboard, create);
    if (x.op == exec::op::verify)
      out.body = exec::encode(exec::verify_answer{verified, {"frames are missing"}, 1, 12.5});
    return out;
  }
  result<ports::http_response> download(ports::http_download x,
                                        std::function<void(const ports::transfer_progress&)> told) override {
    asked = x;
    CAF_CHECK_EQUAL(::write(x.descriptor, "0123", 4), 4);
    told({x.offset + 4, 8, "\"v1\""});
    if (auto f = std::exchange(meanwhile, {}))
      f();
    if (broken)
      return *broken;
    return ports::http_response{200, "video/mp4", "\"v1\"", served_name, x.offset + 4, false};
  }

  result<void> transfer(const transfer_start& start) override {
    std::promise<result<void>> ended;
    auto handle = start([&](result<void> x) { ended.set_value(std::move(x)); });
    return ended.get_future().get();
  }

  /// As an executor that asks for its outputs by name.
  static void write(const output_maker& create, const std::string& name, std::string_view text) {
    auto file = create(name);
    CAF_REQUIRE(file.has_value());
    CAF_CHECK_EQUAL(::write(file->get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  std::string make_sheets(const exec::storyboard_request& wanted, const output_maker& create) {
    exec::storyboard_answer answer;
    answer.tile_width = wanted.width;
    answer.tile_height = wanted.width * 9 / 16;
    answer.columns = wanted.columns;
    answer.rows = wanted.rows;
    answer.interval_ms = wanted.interval_ms;
    answer.count = wanted.columns * wanted.rows + 1;
    storyboard names;
    names.tile_width = answer.tile_width;
    names.columns = answer.columns;
    names.rows = answer.rows;
    names.jellyfin = wanted.jellyfin;
    for (uint32_t i = 0; i < 2; ++i) {
      auto name = names.sheet_name(i);
      write(create, name, "sheet");
      answer.sheets.push_back({name, 1, 1, 5 + lie, 1});
    }
    if (wanted.bif) {
      answer.bif = "storyboard.bif";
      write(create, answer.bif, "bif");
    }
    if (!extra.empty())
      write(create, extra, "x");
    return exec::encode(answer);
  }
  std::string make_ladder(const output_maker& create) {
    exec::hls_answer answer;
    for (auto& [name, text] : {std::pair<std::string, std::string>{"v0.mp4", "segments"},
                               {"v0.m3u8", "#EXTM3U\n"},
                               {"master.m3u8", master}}) {
      write(create, name, text);
      answer.files.push_back({name, text.size() + lie});
    }
    if (!extra.empty())
      write(create, extra, "x");
    answer.variants = {{640, 360, 400'000}};
    answer.duration = 12.5;
    answer.operation = "ffmpeg -f hls";
    return exec::encode(answer);
  }

  assignment job;
  /// Of a storyboard or ladder: so many bytes more than there are; a file that the answer does not name.
  uint64_t lie = 0;
  std::string extra;
  std::string master = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=400000\nv0.m3u8\n";
  bool stop = false;
  /// The file is sound without film.
  bool sound = false;
  bool verified = true;
  /// Of the source, seconds.
  double duration = 12.5;
  /// The last transcode could use a card.
  bool on_card = false;
  std::optional<exec::op> fail_at;
  std::function<void(exec::op)> before;
  /// What other operations answer, or these when a test wants it so.
  std::function<std::optional<executor_answer>(const exec::request&, const std::vector<operation_file>&)> answer;
  /// Once, in the middle of a download.
  std::function<void()> meanwhile;
  std::vector<std::string> stages;
  std::optional<error> broken;
  ports::http_download asked;
  std::string served_name = "../../evil\n.mp4";
};

struct clock_ahead final : clock {
  timestamp wall() const override {
    return std::chrono::floor<milliseconds>(std::chrono::system_clock::now()) + ahead;
  }
  mono_time mono() const override {
    return {};
  }
  milliseconds ahead{0};
};

struct work_fixture {
  work_fixture() {
    std::string name = "/tmp/troupe-work-XXXXXX";
    root = ::mkdtemp(name.data());
    shop.files = std::make_shared<host::files>();
    shop.data_folder = root + "/data";
    put("in/film.MP4", "bytes");
    a.job.token = {3, job_id{{7, 9}}, 2};
    a.job.max_attempts = 3;
  }
  ~work_fixture() {
    fs::remove_all(root);
  }
  std::string put(const std::string& name, const std::string& text) {
    auto path = root + "/" + name;
    fs::create_directories(fs::path{path}.parent_path());
    std::ofstream{path} << text;
    return path;
  }
  /// Files below the data folder.
  std::vector<std::string> left() const {
    std::vector<std::string> out;
    if (fs::exists(root + "/data"))
      for (auto& x : fs::recursive_directory_iterator(root + "/data"))
        if (x.is_regular_file())
          out.push_back(x.path().string().substr(root.size() + 6));
    std::sort(out.begin(), out.end());
    return out;
  }
  std::string base() const {
    return output_name(a.job.token);
  }
  /// Of the content that the last scan saw; by default what is there.
  result<located> known_source() {
    auto path = root + "/in/film.MP4";
    auto there = shop.files->version_of(path);
    return located{path, scanned.value_or(there ? *there : file_version{})};
  }
  void ask_ingest() {
    a.job.payload =
      encode(ingest_payload{root + "/in/film.MP4", video_id{{1, 1}}, library_id{{2, 2}}, "film.MP4", {}, "", "films"});
  }
  void ask_transcode() {
    a.job.payload = encode(transcode_payload{video_id{{1, 1}}, *find_profile("web-720p")});
    shop.find_source = [this](video_id) { return known_source(); };
  }

  void ask_storyboard(bool bif = false, bool jellyfin = false) {
    storyboard_payload payload;
    payload.video = video_id{{1, 1}};
    payload.bif = bif;
    payload.jellyfin = jellyfin;
    a.job.payload = encode(payload);
    shop.find_source = [this](video_id) { return known_source(); };
  }
  void ask_hls() {
    ask_transcode();
    a.job.payload = encode(hls_payload{video_id{{1, 1}}, *find_profile("hls")});
  }

  std::string root;
  workshop shop;
  std::optional<file_version> scanned;
  fake_attempt a;
};

} // namespace troupe::test
