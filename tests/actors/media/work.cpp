#define CAF_SUITE media.work

#include "actors/media/cleanup.hpp"
#include "actors/media/download.hpp"
#include "actors/media/ingest.hpp"
#include "actors/media/payloads.hpp"
#include "actors/media/transcode.hpp"
#include "host/files.hpp"
#include "protocol/model/json.hpp"

#include <caf/make_message.hpp>
#include <caf/test/unit_test.hpp>

#include <filesystem>
#include <fstream>
#include <thread>

using namespace troupe;
using namespace troupe::work;
namespace fs = std::filesystem;

namespace {

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
  executor_answer run(exec::request x, std::vector<shared_fd> fds,
                      std::function<void(const exec::progress&)> told) override {
    if (told)
      told({0.5, 2, 1000, 1, 1, 1});
    if (before)
      before(x.op);
    if (fail_at && *fail_at == x.op)
      return {{errc::bad_media, "no frame can be read"}, error_class::permanent, {}, "last line\n"};
    executor_answer out;
    media_info info;
    info.format = "mov,mp4";
    info.duration = 12.5;
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
        CAF_CHECK_EQUAL(::write(fds[i]->get(), "jpeg", 4), 4);
        auto width = std::min(x.widths[i - 1], 640u);
        answer.pictures.push_back({width, width * 9 / 16, 4});
      }
      out.body = exec::encode(answer);
    }
    if (x.op == exec::op::transcode) {
      CAF_CHECK_EQUAL(::write(fds.at(1)->get(), "movie", 5), 5);
      exec::transcode_answer answer;
      answer.output = info;
      answer.operation = "ffmpeg -i in out";
      out.body = exec::encode(answer);
    }
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

  assignment job;
  bool stop = false;
  /// The file is sound without film.
  bool sound = false;
  bool verified = true;
  std::optional<exec::op> fail_at;
  std::function<void(exec::op)> before;
  /// Once, in the middle of a download.
  std::function<void()> meanwhile;
  std::vector<std::string> stages;
  std::optional<error> broken;
  ports::http_download asked;
  std::string served_name = "../../evil\n.mp4";
};

struct manual_clock final : clock {
  timestamp wall() const override {
    return std::chrono::floor<milliseconds>(std::chrono::system_clock::now()) + ahead;
  }
  mono_time mono() const override {
    return {};
  }
  milliseconds ahead{0};
};

struct fixture {
  fixture() {
    std::string name = "/tmp/troupe-work-XXXXXX";
    root = ::mkdtemp(name.data());
    shop.files = std::make_shared<host::files>();
    shop.data_folder = root + "/data";
    put("in/film.MP4", "bytes");
    a.job.token = {3, job_id{{7, 9}}, 2};
    a.job.max_attempts = 3;
  }
  ~fixture() {
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
  void ask_ingest() {
    a.job.payload =
      encode(ingest_payload{root + "/in/film.MP4", video_id{{1, 1}}, library_id{{2, 2}}, "film.MP4", {}, "", "films"});
  }
  void ask_transcode() {
    a.job.payload = encode(transcode_payload{video_id{{1, 1}}, *find_profile("web-720p")});
    shop.find_source = [this](video_id) -> result<std::string> { return root + "/in/film.MP4"; };
  }

  std::string root;
  workshop shop;
  fake_attempt a;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(work_tests, fixture)

CAF_TEST(ingest makes a row and its pictures) {
  ask_ingest();
  auto made = ingest(a, shop);
  CAF_REQUIRE(made.has_value());
  auto row = decode_ingest_result(*made);
  CAF_REQUIRE(row.has_value());
  CAF_CHECK_EQUAL(row->item.title, "film");
  CAF_CHECK_EQUAL(row->item.width, 640u);
  CAF_CHECK_EQUAL(row->item.category, "films");
  CAF_CHECK(row->item.version == *shop.files->version_of(root + "/in/film.MP4"));
  CAF_CHECK(decode_media_info(row->item.media).has_value());
  auto id = a.job.token.job.str();
  auto folder = "artwork/" + id.substr(id.size() - 2) + "/" + base();
  // 1280 would be upscaled: the same picture as 640.
  CAF_CHECK_EQUAL(left(), (std::vector{folder + "-320.jpg", folder + "-640.jpg"}));
  CAF_REQUIRE_EQUAL(row->item.thumbnails.size(), 2u);
  CAF_CHECK_EQUAL(row->item.thumbnails[0].file, folder + "-320.jpg");
  CAF_CHECK_EQUAL(a.stages, (std::vector<std::string>{"probe", "thumbnails", "index"}));
  CAF_CHECK(!fs::exists(shop.data_folder + "/tmp/" + a.job.token.str()));
}

CAF_TEST(whatever fails leaves no file) {
  for (auto op : {exec::op::probe, exec::op::thumbnail, exec::op::transcode, exec::op::verify}) {
    a.fail_at = op;
    bool transcodes = op == exec::op::transcode || op == exec::op::verify;
    transcodes ? ask_transcode() : ask_ingest();
    auto out = run_attempt(a, [&](attempt& x) { return transcodes ? transcode(x, shop) : ingest(x, shop); });
    CAF_CHECK(out.end == attempt_end::failed);
    CAF_CHECK(out.failure.code == errc::bad_media);
    CAF_CHECK(out.cls == error_class::permanent);
    CAF_CHECK_EQUAL(out.log_tail, "last line\n");
    CAF_CHECK(left().empty());
    CAF_CHECK(!fs::exists(shop.data_folder + "/tmp/" + a.job.token.str()));
  }
  CAF_CHECK_EQUAL(*shop.files->read_text(root + "/in/film.MP4"), "bytes");
}

CAF_TEST(sound gets a picture and is worth having without one) {
  a.sound = true;
  ask_ingest();
  auto with = run_attempt(a, [&](attempt& x) { return ingest(x, shop); });
  CAF_REQUIRE(with.end == attempt_end::completed);
  auto row = decode_ingest_result(with.result);
  CAF_CHECK_EQUAL(row->item.audio_codec, "mp3");
  CAF_CHECK_EQUAL(row->item.video_codec, "");
  CAF_CHECK(!row->item.thumbnails.empty());
  CAF_CHECK_EQUAL(left().size(), row->item.thumbnails.size());
  fs::remove_all(shop.data_folder);
  a.fail_at = exec::op::thumbnail;
  auto without = run_attempt(a, [&](attempt& x) { return ingest(x, shop); });
  CAF_REQUIRE(without.end == attempt_end::completed);
  CAF_CHECK(decode_ingest_result(without.result)->item.thumbnails.empty());
  CAF_CHECK(left().empty());
}

CAF_TEST(a source that is removed while it is read is named and not tried again) {
  for (auto failing : {std::optional<exec::op>{}, std::optional{exec::op::transcode}, std::optional{exec::op::probe}}) {
    put("in/film.MP4", "bytes");
    // A file that loses its end may well be what the executor fails at.
    a.fail_at = failing;
    a.before = [&](exec::op x) {
      if (x == failing.value_or(exec::op::transcode))
        fs::remove(root + "/in/film.MP4");
    };
    ask_transcode();
    auto out = run_attempt(a, [&](attempt& x) { return transcode(x, shop); });
    CAF_CHECK(out.end == attempt_end::failed);
    CAF_CHECK(out.failure.code == errc::not_found);
    CAF_CHECK(out.cls == error_class::permanent);
    CAF_CHECK(out.failure.message.find(root + "/in/film.MP4: the file was removed") == 0);
    CAF_CHECK(out.failure.message.find("scan its library") != std::string::npos);
    CAF_CHECK(left().empty());
  }
}

CAF_TEST(a source that changes while it is read is tried again) {
  a.before = [&](exec::op x) {
    if (x == exec::op::thumbnail || x == exec::op::transcode)
      put("in/film.MP4", "other bytes");
  };
  ask_ingest();
  auto changed = ingest(a, shop);
  CAF_REQUIRE(!changed);
  CAF_CHECK(default_class(changed.error().code) == error_class::transient);
  put("in/film.MP4", "bytes");
  ask_transcode();
  auto again = transcode(a, shop);
  CAF_REQUIRE(!again);
  CAF_CHECK(again.error().code == errc::io);
  CAF_CHECK(left().empty());
  // Also when the executor stumbles over the change.
  put("in/film.MP4", "bytes");
  a.fail_at = exec::op::transcode;
  auto stumbled = run_attempt(a, [&](attempt& x) { return transcode(x, shop); });
  CAF_CHECK(stumbled.failure.code == errc::io);
  CAF_CHECK(stumbled.cls == error_class::transient);
}

CAF_TEST(transcode verifies before it publishes) {
  ask_transcode();
  a.verified = false;
  auto bad = transcode(a, shop);
  CAF_REQUIRE(!bad);
  CAF_CHECK(bad.error().message.find("frames are missing") != std::string::npos);
  CAF_CHECK(left().empty());
  a.verified = true;
  auto good = transcode(a, shop);
  CAF_REQUIRE(good.has_value());
  auto row = decode_transcode_result(*good);
  CAF_REQUIRE(row.has_value());
  CAF_CHECK_EQUAL(row->item.file, "renditions/" + base() + ".mp4");
  CAF_CHECK_EQUAL(row->item.size, 5u);
  CAF_CHECK_EQUAL(left(), std::vector{row->item.file});
  CAF_CHECK_EQUAL(a.operation, "ffmpeg -i in out");
}

CAF_TEST(a stopped attempt is cancelled and publishes nothing) {
  ask_transcode();
  a.before = [&](exec::op x) { a.stop = x == exec::op::verify; };
  auto out = run_attempt(a, [&](attempt& x) { return transcode(x, shop); });
  CAF_CHECK(out.end == attempt_end::cancelled);
  CAF_CHECK(left().empty());
}

CAF_TEST(bad payloads are permanent and name every field) {
  for (auto payload : {"", "[]", "{", R"({"profile":"nope","videoId":"?"})", R"({"profile":7})"}) {
    a.job.payload = payload;
    auto out = run_attempt(a, [&](attempt& x) { return transcode(x, shop); });
    CAF_CHECK(out.failure.code == errc::validation);
    CAF_CHECK(out.cls == error_class::permanent);
  }
  auto all = decode_transcode_payload(R"({"profile":"nope","videoId":"?"})");
  CAF_CHECK_EQUAL(all.error().fields.size(), 2u);
  a.job.payload = encode(ingest_payload{put("in/empty.mp4", ""), {}, {}, "empty.mp4", {}, "", ""});
  auto out = run_attempt(a, [&](attempt& x) { return ingest(x, shop); });
  CAF_CHECK(out.failure.code == errc::bad_media);
}

CAF_TEST(an exception is an outcome) {
  auto out = run_attempt(a, [](attempt&) -> result<std::string> { throw std::runtime_error{"oops"}; });
  CAF_CHECK(out.end == attempt_end::failed);
  CAF_CHECK(out.failure.code == errc::internal);
}

CAF_TEST(a download that broke in its last attempt leaves nothing) {
  a.job.payload = encode(download_payload{"https://example.org/f.mp4", "films", ""});
  a.job.failures = 2;
  a.broken = error{errc::io, "the connection broke"};
  CAF_REQUIRE(!download(a, shop));
  CAF_CHECK_EQUAL(left(), std::vector<std::string>{});
}

CAF_TEST(a download that breaks goes on from where it was) {
  a.job.payload = encode(download_payload{"https://example.org/f.mp4?token=secret", "films", ""});
  a.broken = error{errc::io, "the connection broke"};
  auto first = download(a, shop);
  CAF_REQUIRE(!first);
  CAF_CHECK_EQUAL(a.asked.offset, 0u);
  CAF_CHECK(a.operation.find("secret") == std::string::npos);
  ++a.job.token.attempt;
  a.broken.reset();
  auto second = download(a, shop);
  CAF_REQUIRE(second.has_value());
  CAF_CHECK_EQUAL(a.asked.offset, 4u);
  CAF_CHECK_EQUAL(a.asked.validator, "\"v1\"");
  auto row = decode_download_result(*second);
  CAF_REQUIRE(row.has_value());
  CAF_CHECK_EQUAL(row->relative_path, base() + "/evil_.mp4");
  CAF_CHECK_EQUAL(row->title, "evil_");
  CAF_CHECK_EQUAL(*shop.files->read_text(row->path), "01230123");
  CAF_CHECK_EQUAL(left(), std::vector{"downloads/" + base() + "/evil_.mp4"});
}

CAF_TEST(what was fetched after the last sync is not gone on from) {
  a.job.payload = encode(download_payload{"https://example.org/f.mp4", "", ""});
  a.broken = error{errc::io, "the connection broke"};
  CAF_CHECK(!download(a, shop));
  // A power cut may leave anything behind what was synced.
  auto part = shop.data_folder + "/tmp/" + a.job.token.job.str() + ".part";
  std::ofstream{part, std::ios::app} << std::string(1000, '\0');
  ++a.job.token.attempt;
  a.broken.reset();
  auto second = download(a, shop);
  CAF_REQUIRE(second.has_value());
  CAF_CHECK_EQUAL(a.asked.offset, 4u);
  CAF_CHECK_EQUAL(*shop.files->read_text(decode_download_result(*second)->path), "01230123");
}

CAF_TEST(a download that was killed goes on from what was made durable) {
  a.job.payload = encode(download_payload{"https://example.org/f.mp4", "", ""});
  shop.checkpoint_interval = milliseconds{5};
  auto tmp = shop.data_folder + "/tmp";
  auto at_kill = root + "/at-kill";
  a.meanwhile = [&] {
    auto state = tmp + "/" + a.job.token.job.str() + ".part.state";
    for (int i = 0; i < 2'000 && !fs::exists(state); ++i)
      std::this_thread::sleep_for(milliseconds{1});
    fs::copy(tmp, at_kill);
  };
  a.broken = error{errc::not_found, "the end of the first attempt"};
  CAF_CHECK(!download(a, shop));
  CAF_CHECK(left().empty());
  // As if the process had died there, with no chance to put anything in order.
  fs::copy(at_kill, tmp);
  ++a.job.token.attempt;
  a.broken.reset();
  auto second = download(a, shop);
  CAF_REQUIRE(second.has_value());
  CAF_CHECK_EQUAL(a.asked.offset, 4u);
  CAF_CHECK_EQUAL(a.asked.validator, "\"v1\"");
  CAF_CHECK_EQUAL(*shop.files->read_text(decode_download_result(*second)->path), "01230123");
  CAF_CHECK_EQUAL(left(), std::vector{"downloads/" + base() + "/evil_.mp4"});
}

CAF_TEST(two attempts at once never write one file) {
  a.job.payload = encode(download_payload{"https://example.org/f.mp4", "", ""});
  auto b = a;
  ++b.job.token.attempt;
  result<std::string> second{errc::internal, ""};
  a.meanwhile = [&] { second = download(b, shop); };
  auto first = download(a, shop);
  CAF_REQUIRE(first.has_value() && second.has_value());
  CAF_CHECK_EQUAL(b.asked.offset, 0u);
  for (auto* made : {&first, &second})
    CAF_CHECK_EQUAL(*shop.files->read_text(decode_download_result(**made)->path), "0123");
  CAF_CHECK_EQUAL(left().size(), 2u);
  // One that breaks off beside another leaves nothing of its own and the other's part alone.
  b.broken = error{errc::io, "the connection broke"};
  a.broken = b.broken;
  a.meanwhile = [&] { second = download(b, shop); };
  CAF_CHECK(!download(a, shop));
  auto part = "tmp/" + a.job.token.job.str() + ".part";
  CAF_CHECK_EQUAL(left().size(), 4u);
  CAF_CHECK(fs::exists(shop.data_folder + "/" + part + ".state"));
}

CAF_TEST(a download whose part was taken away with its job leaves nothing) {
  a.job.payload = encode(download_payload{"https://example.org/f.mp4", "", ""});
  shop.checkpoint_interval = milliseconds{1};
  a.broken = error{errc::cancelled};
  a.meanwhile = [&] {
    auto part = shop.data_folder + "/tmp/" + a.job.token.job.str() + ".part";
    a.stop = true;
    fs::remove(part);
    fs::remove(part + ".state");
  };
  CAF_CHECK(!download(a, shop));
  CAF_CHECK_EQUAL(left(), std::vector<std::string>{});
}

CAF_TEST(a part of another url or after a permanent error is not used) {
  a.job.payload = encode(download_payload{"https://example.org/a", "", ""});
  a.broken = error{errc::io, "broke"};
  CAF_CHECK(!download(a, shop));
  a.job.payload = encode(download_payload{"https://example.org/b", "", ""});
  CAF_CHECK(!download(a, shop));
  CAF_CHECK_EQUAL(a.asked.offset, 0u);
  a.broken = error{errc::not_found, "404"};
  CAF_CHECK(!download(a, shop));
  CAF_CHECK(left().empty());
}

CAF_TEST(file names from outside are safe) {
  CAF_CHECK_EQUAL(safe_file_name(""), "download");
  CAF_CHECK_EQUAL(safe_file_name("../../etc/passwd"), "passwd");
  CAF_CHECK_EQUAL(safe_file_name("..\\..\\x.mp4"), "x.mp4");
  CAF_CHECK_EQUAL(safe_file_name("...hidden"), "hidden");
  CAF_CHECK_EQUAL(safe_file_name("a/.."), "download");
  CAF_CHECK_EQUAL(safe_file_name("bad\xff\n.mp4"), "bad__.mp4");
  auto name = safe_file_name(std::string(500, 'a') + ".mp4");
  CAF_CHECK_EQUAL(name.size(), 200u);
  CAF_CHECK(name.ends_with("a.mp4"));
}

CAF_TEST(cleanup takes only our own old files that nobody needs) {
  auto id = [](uint64_t n) { return job_id{{8, n}}.str(); };
  auto lease = lease_token{1, job_id{{8, 3}}, 1};
  std::vector<std::string> keep{"renditions/" + id(1) + "-1.mp4",
                                "renditions/" + id(3) + "-1.mp4",
                                "renditions/holiday.mp4",
                                "downloads/" + id(4) + "-1/x.mp4",
                                "tmp/" + lease.str() + "/out.mp4",
                                "tmp/" + id(5) + ".part",
                                "tmp/notes.txt",
                                "downloads/" + id(11) + "-2/waits for its ingest.mp4",
                                "uploads/" + id(6) + "-1.mp4",
                                "uploads/" + id(8) + "/catalogued.mp4",
                                "uploads/" + id(9) + "/failed but kept for a retry.mp4"};
  std::vector<std::string> gone{"renditions/" + id(1) + "-2.mp4",
                                "artwork/zz/" + id(1) + "-1-320.jpg",
                                "downloads/" + id(4) + "-2/x.mp4",
                                "tmp/" + lease_token{1, job_id{{8, 3}}, 2}.str() + "/o",
                                "tmp/" + id(7) + ".part",
                                "tmp/" + id(7) + ".part.state",
                                "downloads/" + id(11) + "-1/lost.mp4",
                                "uploads/" + id(10) + "/nobody registered it.mp4"};
  for (auto& x : keep)
    put("data/" + x, "x");
  for (auto& x : gone)
    put("data/" + x, "x");
  manual_clock time;
  cleanup_rules rules;
  rules.time = &time;
  rules.in_use = [&]() -> result<files_in_use> {
    return files_in_use{{keep[0], keep[3], keep[9]}, {lease}, {job_id{{8, 5}}}};
  };
  rules.find_job = [](job_id x) -> result<job> {
    job out;
    out.state = x.raw.lo == 9 ? job_state::failed : job_state::completed;
    out.attempt = 2;
    return x.raw.lo == 9 || x.raw.lo == 11 ? result<job>{out} : result<job>{errc::not_found, "no such job"};
  };
  auto all = left();
  CAF_CHECK(clean_up(a, shop, rules).has_value());
  CAF_CHECK_EQUAL(left(), all);
  time.ahead = milliseconds{3'700'000};
  auto done = clean_up(a, shop, rules);
  CAF_REQUIRE(done.has_value());
  CAF_CHECK_EQUAL(*done, R"({"filesRemoved":8,"problems":[]})");
  std::sort(keep.begin(), keep.end());
  CAF_CHECK_EQUAL(left(), keep);
  rules.in_use = []() -> result<files_in_use> { return {errc::unavailable, "away"}; };
  CAF_CHECK(!clean_up(a, shop, rules));
}

CAF_TEST(an upload stays while nobody can say whether its job is known) {
  auto name = "uploads/" + job_id{{8, 1}}.str() + "/a.mp4";
  put("data/" + name, "x");
  cleanup_rules rules;
  rules.grace = milliseconds{0};
  rules.in_use = []() -> result<files_in_use> { return files_in_use{}; };
  rules.find_job = [](job_id) -> result<job> { return {errc::unavailable, "the database is away"}; };
  auto run = [&] { return sweep(*shop.files, shop.data_folder, rules, [] { return false; }); };
  auto done = run();
  CAF_REQUIRE(done.has_value());
  CAF_CHECK_EQUAL(done->problems.size(), 1u);
  CAF_CHECK_EQUAL(left(), std::vector{name});
  // Without a grace it goes however young it is.
  rules.find_job = [](job_id) -> result<job> { return {errc::not_found, "no such job"}; };
  CAF_REQUIRE(run().has_value());
  CAF_CHECK(left().empty());
}

CAF_TEST_FIXTURE_SCOPE_END()
