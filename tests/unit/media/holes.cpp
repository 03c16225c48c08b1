#define CAF_SUITE media.holes

// Files with nothing in them for gigabytes, as a download leaves them that allocated first: nobody waits in vain, and
// whoever watches sees that something goes on.

#include "media/file_io.hpp"
#include "media/heartbeat.hpp"
#include "tests/support/unit_test.hpp"
#include "tests/unit/media/executor_client.hpp"
#include "tests/unit/media/samples.hpp"

#include <chrono>
#include <filesystem>
#include <thread>

using namespace troupe;
using namespace media_test;
using exec::frame_type;

namespace {

constexpr uintmax_t gigabyte = uintmax_t{1} << 30;

/// A film of four seconds, and nothing behind it.
std::string film_with_hole(const std::string& name, uintmax_t size) {
  auto path = scratch(name);
  ffmpeg("-f lavfi -i testsrc=s=64x48:r=25:d=4 -f lavfi -i sine=d=4 -c:v libx264 -preset ultrafast -g 25 "
         "-pix_fmt yuv420p -c:a aac "
         + path);
  std::filesystem::resize_file(path, size);
  return path;
}

exec::request request_for(exec::op op, const std::string& path) {
  exec::request r;
  r.op = op;
  r.name_hint = extension(path);
  r.profile = *find_profile("web-480p");
  r.profile.preset = "ultrafast";
  return r;
}

/// The answer, and how often a report said the same as the one before.
struct conversation {
  exec::frame answer;
  int repeated = 0;
};

conversation ask(const exec::request& r, const std::vector<int>& descriptors) {
  executor_client e;
  CAF_REQUIRE(e.receive().has_value());
  e.send(frame_type::request, 1, exec::encode(r), descriptors);
  conversation out;
  std::string last;
  for (;;) {
    auto f = e.receive_answer(120);
    CAF_REQUIRE(f.has_value());
    if (f->type != frame_type::progress) {
      out.answer = std::move(*f);
      CAF_MESSAGE(out.answer.body.substr(0, 200));
      return out;
    }
    out.repeated += f->body == last;
    last = f->body;
  }
}

/// Reads a file once with libav's buffers.
void read_through(media::source_io& source) {
  unsigned char buffer[4096];
  avio_seek(source.context(), 0, SEEK_SET);
  while (avio_read(source.context(), buffer, sizeof buffer) > 0) {
  }
}

} // namespace

CAF_TEST(what is read counts and going round in circles does not) {
  constexpr int64_t size = 1 << 20;
  const auto path = scratch("zeros");
  write_file(path, std::string(size, '\0'));
  auto file = open_source(path);
  media::source_io source(file.get(), quiet_task().cancelled);
  auto before = media::bytes_moved();
  read_through(source);
  CAF_CHECK_EQUAL(media::bytes_moved() - before, size);
  for (int i = 0; i < 20; ++i)
    read_through(source);
  CAF_CHECK(media::bytes_moved() - before <= 4 * size);
  auto output = open_output(scratch("written"));
  media::sink_io sink(output.get());
  before = media::bytes_moved();
  // More than a slice, so that the disk is told.
  const std::string block(size, 'x');
  for (int i = 0; i < 40; ++i)
    avio_write(sink.context(), reinterpret_cast<const unsigned char*>(block.data()), size);
  avio_flush(sink.context());
  CAF_CHECK_EQUAL(sink.failure(), 0);
  CAF_CHECK_EQUAL(media::bytes_moved() - before, 40 * size);
}

CAF_TEST(a file may seem to end early) {
  const auto path = scratch("long");
  write_file(path, std::string(1 << 20, '\0'));
  auto file = open_source(path);
  media::source_io source(file.get(), quiet_task().cancelled);
  source.allow(300'000);
  const auto before = media::bytes_moved();
  read_through(source);
  CAF_CHECK_EQUAL(media::bytes_moved() - before, 300'000);
  CAF_CHECK(!source.shrunk());
  CAF_CHECK(source.spent());
  source.allow(INT64_MAX);
  read_through(source);
  CAF_CHECK_EQUAL(media::bytes_moved() - before, 300'000 + (1 << 20));
}

CAF_TEST(the last report is repeated while something is read) {
  using namespace std::chrono_literals;
  const auto path = scratch("zeros");
  write_file(path, std::string(1 << 20, '\0'));
  auto file = open_source(path);
  std::atomic<int> sent = 0;
  std::atomic<double> fraction = 0;
  media::heartbeat beat(
    [&](const exec::progress& p) {
      ++sent;
      fraction = p.fraction;
    },
    10ms);
  exec::progress half;
  half.fraction = 0.5;
  beat.report(half);
  CAF_CHECK_EQUAL(sent.load(), 1);
  std::this_thread::sleep_for(100ms);
  // Nothing moved.
  CAF_CHECK_EQUAL(sent.load(), 1);
  for (int i = 0; i < 500 && sent < 3; ++i) {
    media::source_io source(file.get(), quiet_task().cancelled);
    read_through(source);
    std::this_thread::sleep_for(5ms);
  }
  CAF_CHECK(sent >= 3);
  CAF_CHECK_EQUAL(fraction.load(), 0.5);
}

CAF_TEST(a transcode shows that it reads on) {
  const auto path = film_with_hole("hole.mkv", gigabyte);
  auto source = open_source(path);
  auto output = open_output(scratch("made.mp4"));
  auto said = ask(request_for(exec::op::transcode, path), {source.get(), output.get()});
  CAF_CHECK(said.answer.type == frame_type::done);
  CAF_CHECK(said.repeated > 0);
}

CAF_TEST(a hole is not film that is missing) {
  // Nothing tells how long the film is, and the guess counts the hole.
  const auto path = film_with_hole("hole.ts", gigabyte / 2);
  auto source = open_source(path);
  auto output = open_output(scratch("made.mp4"));
  auto said = ask(request_for(exec::op::transcode, path), {source.get(), output.get()});
  CAF_REQUIRE(said.answer.type == frame_type::done);
  CAF_CHECK_EQUAL(exec::decode_transcode_answer(said.answer.body)->frames, 100);
}

CAF_TEST(a probe does not search the whole hole) {
  const auto path = film_with_hole("hole.ts", 12 * gigabyte);
  auto source = open_source(path);
  auto said = ask(request_for(exec::op::probe, path), {source.get()});
  CAF_REQUIRE(said.answer.type == frame_type::done);
  CAF_CHECK(said.answer.body.find("an estimate") != std::string::npos);
}
