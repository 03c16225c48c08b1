#define CAF_SUITE media.executor

#include "media/executor_session.hpp"
#include "tests/support/unit_test.hpp"
#include "tests/unit/media/executor_client.hpp"
#include "tests/unit/media/samples.hpp"

#include <caf/make_message.hpp>

#include <sys/mount.h>
#include <sys/resource.h>

#include <chrono>
#include <csignal>
#include <filesystem>

using namespace troupe;
using namespace media_test;
using exec::frame_type;

namespace {

/// A film long enough to be interrupted: a minute of noise is slow to encode.
std::string long_film() {
  static const auto path = [] {
    auto p = scratch("long.mp4");
    ffmpeg("-f lavfi -i testsrc2=s=1280x720:r=25:d=60 -c:v libx264 -preset ultrafast -pix_fmt yuv420p " + p);
    return p;
  }();
  return path;
}

std::string request_body(exec::op op, const std::string& path, const char* profile = "web-720p") {
  exec::request r;
  r.op = op;
  r.name_hint = extension(path);
  r.profile = *find_profile(profile);
  // What fits would be copied, in no time.
  r.profile.copy_fitting = false;
  r.pictures = {{320}};
  return exec::encode(r);
}

void expect_ready(executor_client& e) {
  auto f = e.receive();
  CAF_REQUIRE(f.has_value());
  CAF_CHECK(f->type == frame_type::ready);
  auto body = nlohmann::json::parse(f->body);
  CAF_CHECK_EQUAL(body["version"].get<uint32_t>(), exec::protocol_version);
  auto encoders = body["encoders"].get<std::vector<std::string>>();
  CAF_CHECK(std::count(encoders.begin(), encoders.end(), "libx264") == 1);
  CAF_CHECK(std::count(encoders.begin(), encoders.end(), "aac") == 1);
}

/// Starts the long transcode and waits until it is under way.
void start_long(executor_client& e, const media::owned_fd& source, const media::owned_fd& output) {
  expect_ready(e);
  e.send(frame_type::request, 1, request_body(exec::op::transcode, long_film()), {source.get(), output.get()});
  auto f = e.receive_answer();
  CAF_REQUIRE(f && f->type == frame_type::progress);
}

exec::failure failure_of(const std::optional<exec::frame>& f) {
  CAF_REQUIRE(f.has_value());
  CAF_REQUIRE(f->type == frame_type::failed);
  return *exec::decode_failure(f->body);
}

std::string raw_header(uint32_t length, uint16_t type, uint16_t descriptors) {
  exec::frame_header h{length, type, descriptors, 1};
  return {reinterpret_cast<char*>(&h), sizeof h};
}

} // namespace

CAF_TEST(probe and thumbnail through the program and shutdown) {
  executor_client e;
  expect_ready(e);
  auto source = open_source(ordinary());
  auto picture = open_output(scratch("t.jpg"));
  // Sent ahead: they are answered in order.
  e.send(frame_type::request, 1, request_body(exec::op::probe, ordinary()), {source.get()});
  e.send(frame_type::request, 2, request_body(exec::op::thumbnail, ordinary()), {source.get(), picture.get()});
  auto f = e.receive_answer();
  CAF_REQUIRE(f && f->type == frame_type::done);
  CAF_CHECK_EQUAL(f->operation, 1u);
  CAF_CHECK(f->body.find("h264") != std::string::npos);
  f = e.receive_answer();
  CAF_REQUIRE(f && f->type == frame_type::done);
  CAF_CHECK_EQUAL(f->operation, 2u);
  auto thumbnail = exec::decode_thumbnail_answer(f->body);
  CAF_REQUIRE(thumbnail.has_value());
  CAF_CHECK_EQUAL(thumbnail->pictures[0].width, 320u);
  CAF_CHECK_EQUAL(thumbnail->pictures[0].bytes, std::filesystem::file_size(scratch("t.jpg")));
  e.send(frame_type::shutdown, 0, "");
  CAF_CHECK_EQUAL(e.wait(2000), 0);
}

CAF_TEST(descriptors of one operation are closed with it) {
  executor_client e;
  expect_ready(e);
  auto open_files = [&] {
    size_t n = 0;
    for (auto& entry : std::filesystem::directory_iterator("/proc/" + std::to_string(e.pid()) + "/fd"))
      n += entry.exists();
    return n;
  };
  auto source = open_source(ordinary());
  auto run = [&](uint64_t op) {
    e.send(frame_type::request, op, request_body(exec::op::probe, ordinary()), {source.get()});
    auto f = e.receive_answer();
    CAF_REQUIRE(f && f->type == frame_type::done);
  };
  run(1);
  auto before = open_files();
  for (uint64_t op = 2; op < 30; ++op)
    run(op);
  CAF_CHECK_EQUAL(open_files(), before);
}

CAF_TEST(progress comes at most ten times a second and rises) {
  executor_client e;
  auto source = open_source(long_film());
  auto output = open_output(scratch("progress.mp4"));
  auto start = std::chrono::steady_clock::now();
  start_long(e, source, output);
  int reports = 1;
  double last = 0;
  for (;;) {
    auto f = e.receive_answer();
    CAF_REQUIRE(f.has_value());
    if (f->type == frame_type::done)
      break;
    CAF_REQUIRE(f->type == frame_type::progress);
    auto p = *exec::decode_progress(f->body);
    CAF_CHECK(p.fraction >= last);
    // The first packet may be written while the film still stands at its beginning.
    CAF_CHECK_EQUAL(p.speed > 0, p.out_ms > 0);
    CAF_CHECK(p.fraction == 0 || p.speed > 0);
    last = p.fraction;
    ++reports;
  }
  auto seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  CAF_CHECK_EQUAL(last, 1.0);
  CAF_CHECK(reports > 3);
  CAF_CHECK(reports <= seconds * 10 + 2);
}

CAF_TEST(cancel stops a transcode and the executor works on) {
  executor_client e;
  auto source = open_source(long_film());
  auto output = open_output(scratch("cancelled.mp4"));
  start_long(e, source, output);
  // One that waits behind it is cancelled as well, and answered at once.
  e.send(frame_type::request, 2, request_body(exec::op::probe, ordinary()), {source.get()});
  e.send(frame_type::cancel, 2, "");
  auto start = std::chrono::steady_clock::now();
  e.send(frame_type::cancel, 1, "");
  std::map<uint64_t, errc> failures;
  while (failures.size() < 2) {
    auto f = e.receive_answer();
    CAF_REQUIRE(f.has_value());
    if (f->type != frame_type::progress)
      failures[f->operation] = failure_of(f).code;
  }
  CAF_CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(2));
  CAF_CHECK(failures[1] == errc::cancelled);
  CAF_CHECK(failures[2] == errc::cancelled);
  e.send(frame_type::request, 3, request_body(exec::op::probe, ordinary()), {source.get()});
  auto f = e.receive_answer();
  CAF_CHECK(f && f->type == frame_type::done && f->operation == 3);
}

CAF_TEST(it exits within a second when the worker is gone) {
  executor_client e;
  auto source = open_source(long_film());
  auto output = open_output(scratch("orphan.mp4"));
  start_long(e, source, output);
  e.close_socket();
  CAF_CHECK_EQUAL(e.wait(1000), media::exit_worker_gone);
}

CAF_TEST(a broken protocol ends it with status 3) {
  const std::vector<std::string> broken{
    std::string(64, 'x'),       raw_header(exec::max_body_bytes + 1, 1, 0), raw_header(0, 999, 0), raw_header(0, 16, 0),
    raw_header(2, 1, 1) + "{}",
  };
  for (auto& bytes : broken) {
    executor_client e;
    expect_ready(e);
    e.send_raw(bytes);
    CAF_CHECK_EQUAL(e.wait(2000), media::exit_protocol);
  }
  // Half a frame, and then the end.
  executor_client e;
  expect_ready(e);
  e.send_raw(raw_header(100, 1, 0) + "{");
  e.close_socket();
  CAF_CHECK_EQUAL(e.wait(2000), media::exit_protocol);
}

CAF_TEST(requests that make no sense are answered) {
  executor_client e;
  expect_ready(e);
  auto source = open_source(ordinary());
  for (auto* body :
       {"", "no json", "[]", "{}", "{\"op\":\"dance\"}", "{\"op\":7}", "{\"op\":\"probe\",\"pictures\":\"x\"}",
        "{\"op\":\"probe\",\"pictures\":[{\"width\":1,\"format\":\"gif\"}]}"}) {
    e.send(frame_type::request, 5, body, {source.get()});
    CAF_CHECK(failure_of(e.receive_answer()).code == errc::protocol);
  }
  e.send(frame_type::request, 6, request_body(exec::op::probe, ordinary()));
  CAF_CHECK(failure_of(e.receive_answer()).code == errc::protocol);
  exec::request fault;
  fault.fault = "abort";
  e.send(frame_type::request, 7, exec::encode(fault), {source.get()});
  CAF_CHECK(failure_of(e.receive_answer()).code == errc::protocol);
}

CAF_TEST(test faults crash and hang) {
  auto source = open_source(ordinary());
  exec::request fault;
  fault.fault = "abort";
  executor_client crashing({"--test-faults"});
  expect_ready(crashing);
  crashing.send(frame_type::request, 1, exec::encode(fault), {source.get()});
  CAF_CHECK_EQUAL(crashing.wait(2000), -SIGABRT);
  fault.fault = "hang";
  executor_client hanging({"--test-faults"});
  expect_ready(hanging);
  hanging.send(frame_type::request, 1, exec::encode(fault), {source.get()});
  hanging.send(frame_type::cancel, 1, "");
  bool runs = false;
  try {
    hanging.wait(300);
  } catch (const std::runtime_error&) {
    runs = true;
  }
  CAF_CHECK(runs);
  hanging.close_socket();
  CAF_CHECK_EQUAL(hanging.wait(1000), media::exit_worker_gone);
}

namespace {

/// An executor that runs the fault before a probe.
void start_fault(executor_client& e, const media::owned_fd& source, const std::string& fault) {
  expect_ready(e);
  exec::request request;
  request.fault = fault;
  e.send(frame_type::request, 1, exec::encode(request), {source.get()});
}

exec::open_request next_wish(executor_client& e) {
  auto f = e.receive_answer();
  CAF_REQUIRE(f && f->type == frame_type::open);
  CAF_CHECK_EQUAL(f->operation, 1u);
  return *exec::decode_open_request(f->body);
}

} // namespace

CAF_TEST(an operation gets the outputs that it asks for) {
  auto source = open_source(ordinary());
  executor_client e({"--test-faults"});
  start_fault(e, source, "outputs");
  // Two threads ask; answered in the other order, with a late one for nobody.
  auto first = next_wish(e);
  auto second = next_wish(e);
  CAF_CHECK_NOT_EQUAL(first.id, second.id);
  std::map<std::string, std::string> files{{"a.txt", scratch("wish-a")}, {"two/b.txt", scratch("wish-b")}};
  CAF_REQUIRE(files.contains(first.name) && files.contains(second.name) && first.name != second.name);
  auto nobody = open_output(scratch("wish-c"));
  e.send(frame_type::opened, 1, exec::encode(exec::open_answer{999, {}}), {nobody.get()});
  for (auto& wish : {second, first}) {
    auto file = open_output(files[wish.name]);
    e.send(frame_type::opened, 1, exec::encode(exec::open_answer{wish.id, {}}), {file.get()});
  }
  auto f = e.receive_answer();
  CAF_REQUIRE(f && f->type == frame_type::done);
  for (auto& [name, path] : files)
    CAF_CHECK_EQUAL(std::filesystem::file_size(path), name.size());
  CAF_CHECK_EQUAL(std::filesystem::file_size(scratch("wish-c")), 0u);
}

CAF_TEST(an output that is refused fails the operation and a cancel ends the wait for one) {
  auto source = open_source(ordinary());
  executor_client e({"--test-faults"});
  start_fault(e, source, "outputs-a.txt");
  exec::open_answer full{next_wish(e).id, exec::failure{errc::storage_full, error_class::transient, "no room"}};
  e.send(frame_type::opened, 1, exec::encode(full));
  auto why = failure_of(e.receive_answer());
  CAF_CHECK(why.code == errc::storage_full);
  CAF_CHECK_EQUAL(why.message, "no room");
  exec::request request;
  request.fault = "outputs-b.txt";
  e.send(frame_type::request, 1, exec::encode(request), {source.get()});
  next_wish(e);
  e.send(frame_type::cancel, 1, "");
  CAF_CHECK(failure_of(e.receive_answer(2)).code == errc::cancelled);
  request.fault = "outputs-../b.txt";
  e.send(frame_type::request, 1, exec::encode(request), {source.get()});
  CAF_CHECK(failure_of(e.receive_answer()).code == errc::protocol);
}

CAF_TEST(an answer to a wish with the wrong number of descriptors breaks the protocol) {
  auto source = open_source(ordinary());
  for (bool refused : {false, true}) {
    executor_client e({"--test-faults"});
    start_fault(e, source, "outputs-a.txt");
    exec::open_answer answer{next_wish(e).id, {}};
    std::vector<int> descriptors;
    if (refused) {
      answer.refusal = exec::failure{errc::io, error_class::transient, "no"};
      descriptors.push_back(source.get());
    }
    e.send(frame_type::opened, 1, exec::encode(answer), descriptors);
    CAF_CHECK_EQUAL(e.wait(2000), media::exit_protocol);
  }
}

namespace {

/// Remuxes into `output` and returns why that failed.
exec::failure failed_remux(executor_client& e, const media::owned_fd& output) {
  auto source = open_source(long_film());
  e.send(frame_type::request, 1, request_body(exec::op::transcode, long_film(), "remux"), {source.get(), output.get()});
  auto f = e.receive_answer();
  while (f && f->type == frame_type::progress)
    f = e.receive_answer();
  return failure_of(f);
}

} // namespace

CAF_TEST(a full disk is told as such) {
  auto folder = scratch("small-disk");
  std::filesystem::create_directory(folder);
  if (::mount("tmpfs", folder.c_str(), "tmpfs", 0, "size=256k") != 0) {
    CAF_MESSAGE("skipped: mounting a small tmpfs needs root");
    return;
  }
  executor_client e;
  expect_ready(e);
  auto why = failed_remux(e, open_output(folder + "/full.mp4"));
  ::umount2(folder.c_str(), MNT_DETACH);
  CAF_CHECK(why.code == errc::storage_full);
  CAF_CHECK(why.cls == error_class::transient);
}

CAF_TEST(a result over the file size limit is no reason to die) {
  executor_client e;
  expect_ready(e);
  const rlimit small{64 * 1024, 64 * 1024};
  CAF_REQUIRE_EQUAL(::prlimit(e.pid(), RLIMIT_FSIZE, &small, nullptr), 0);
  auto why = failed_remux(e, open_output(scratch("large.mp4")));
  CAF_CHECK(why.code == errc::too_large);
  CAF_CHECK(why.cls == error_class::permanent);
}
