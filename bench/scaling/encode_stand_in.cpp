// A stand-in for troupe-executor, for bench/scaling only: it encodes nothing. It speaks the executor's protocol
// (protocol/model/executor.hpp) and waits as long as a node of a given speed would take, so that a cluster can be
// measured that has more cores than this machine. A film is a file that says "seconds=N".
//
//   encode_stand_in [--speed=X] [--seed=N] [what troupe-executor takes, which is ignored]
//
// --speed: of this node, as a multiple of the speeds below. --seed: of the jitter of parts, +-15 % around what they
// take.

#include "protocol/model/encoders.hpp"
#include "protocol/model/json.hpp"
#include "tests/support/executor_channel.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

using namespace troupe;
using test::received;
using test::send_frame;

namespace {

/// Seconds of film a second, of a node of speed 1. Assumed, not measured: about what a core does with 1080p, ten times
/// as fast so that a round takes minutes. What is compared is the same for all numbers of workers.
constexpr double encode_speed = 20;
constexpr double sound_speed = 600;
constexpr double join_speed = 20'000;
constexpr double verify_speed = 400;
/// Seconds, whatever the film is.
constexpr double plan_seconds = 0.05;
constexpr double frame_rate = 25;

struct settings {
  double speed = 1;
  uint64_t seed = 1;
};

/// Waits, telling its progress as an executor does; false when the worker wants it to end.
bool work(uint64_t operation, double seconds, double film_seconds) {
  using clock = std::chrono::steady_clock;
  const auto start = clock::now();
  for (;;) {
    const auto gone = std::chrono::duration<double>(clock::now() - start).count();
    if (gone >= seconds)
      return true;
    pollfd channel{exec::channel_descriptor, POLLIN, 0};
    auto left = static_cast<int>(std::ceil(std::min(seconds - gone, 0.1) * 1000));
    // Whatever comes while it works (a cancel, the end) ends it.
    if (::poll(&channel, 1, left) != 0)
      return false;
    exec::progress told;
    told.fraction = gone / seconds;
    told.speed = film_seconds / seconds;
    told.frames = static_cast<int64_t>(told.fraction * film_seconds * frame_rate);
    if (left == 100)
      send_frame(exec::frame_type::progress, operation, exec::encode(told));
  }
}

/// What the film's file says that it lasts.
double seconds_of(int film) {
  std::array<char, 256> text{};
  auto n = ::pread(film, text.data(), text.size() - 1, 0);
  auto said = std::string_view{text.data(), n > 0 ? static_cast<size_t>(n) : 0};
  auto at = said.find("seconds=");
  return at == std::string_view::npos ? 0 : std::strtod(said.data() + at + 8, nullptr);
}

media_info film_of(int file) {
  media_info out;
  out.format = "mov,mp4,m4a,3gp,3g2,mj2";
  out.duration = seconds_of(file);
  media_stream video;
  video.kind = "video";
  video.codec = "h264";
  video.width = 1920;
  video.height = 1080;
  video.frame_rate = "25/1";
  video.duration = out.duration;
  media_stream sound;
  sound.index = 1;
  sound.kind = "audio";
  sound.codec = "aac";
  sound.sample_rate = 48'000;
  sound.channels = 2;
  sound.duration = out.duration;
  out.streams = {video, sound};
  std::array<char, 256> text{};
  auto n = ::pread(file, text.data(), text.size(), 0);
  out.fingerprint = std::to_string(std::hash<std::string_view>{}({text.data(), n > 0 ? static_cast<size_t>(n) : 0}));
  return out;
}

/// Keyframes are wherever they are wanted.
exec::plan_chunks_answer plan_of(const exec::request& request) {
  exec::plan_chunks_answer out;
  const auto count = static_cast<uint32_t>(request.wishes.lengths.size());
  int64_t at = 0;
  for (uint32_t i = 0; i < count; ++i) {
    media_chunk chunk;
    chunk.plan = "stand-in " + std::to_string(count);
    chunk.index = i;
    chunk.count = count;
    chunk.time_base = {1, 1000};
    chunk.begin = i == 0 ? INT64_MIN : at;
    at += std::llround(request.wishes.lengths[i] * 1000);
    chunk.end = i + 1 == count ? INT64_MAX : at;
    chunk.from_start = i == 0;
    chunk.from_time = i == 0 ? -1 : chunk.begin;
    out.chunks.push_back(std::move(chunk));
  }
  return out;
}

double seconds_of(const media_chunk& x, double film_seconds) {
  auto begin = x.begin == INT64_MIN ? 0 : static_cast<double>(x.begin) / 1000;
  auto end = x.end == INT64_MAX ? film_seconds : static_cast<double>(x.end) / 1000;
  return end - begin;
}

class stand_in {
public:
  explicit stand_in(settings how) : how_(how), random_(how.seed) {
  }

  /// False when the worker is gone or wants it to end.
  bool serve(received& frame) {
    auto request = exec::decode_request(frame.body);
    if (!request) {
      send_frame(exec::frame_type::failed, frame.operation,
                 exec::encode(exec::failure{errc::protocol, error_class::permanent, request.error().message}));
      return true;
    }
    auto body = answer(frame, *request);
    if (!body.empty())
      send_frame(exec::frame_type::done, frame.operation, body);
    return !body.empty();
  }

private:
  bool take(const received& frame, double seconds, double film_seconds) {
    return work(frame.operation, seconds / how_.speed, film_seconds);
  }

  /// A small file, where a real one would have written a large one.
  static void write_output(const received& frame, size_t index) {
    constexpr std::string_view text = "nothing was encoded: a stand-in of bench/scaling\n";
    if (index < frame.descriptors.size() && ::write(frame.descriptors[index], text.data(), text.size()) < 0)
      ::_exit(1);
  }

  std::string encoded(const received& frame, const exec::request& request, double seconds) {
    if (!take(frame, seconds, request.source.duration))
      return {};
    write_output(frame, 1);
    exec::transcode_answer out;
    out.output = request.source;
    out.frames = std::llround(request.source.duration * frame_rate);
    out.seconds = seconds;
    out.operation = "stand-in";
    return exec::encode(out);
  }

  std::string chunk(const received& frame, const exec::request& request) {
    const auto film = seconds_of(request.chunk, request.source.duration);
    // Encoded, and read back.
    const auto seconds =
      film / encode_speed * std::uniform_real_distribution{0.85, 1.15}(random_) + film / verify_speed;
    if (!take(frame, seconds, film))
      return {};
    write_output(frame, 1);
    exec::encode_chunk_answer out;
    out.piece.plan = request.chunk.plan;
    out.piece.index = request.chunk.index;
    out.piece.count = request.chunk.count;
    out.piece.frames = std::llround(film * frame_rate);
    out.piece.time_base = {1, 1000};
    out.piece.digest = "stand-in";
    out.seconds = seconds;
    out.operation = "stand-in";
    return exec::encode(out);
  }

  std::string pictures(const received& frame, const exec::request& request) {
    exec::thumbnail_answer out;
    for (size_t i = 0; i < request.pictures.size(); ++i) {
      write_output(frame, i + 1);
      out.pictures.push_back({request.pictures[i].width, request.pictures[i].width * 9 / 16, 50});
    }
    return exec::encode(out);
  }

  /// Empty: it was told to end.
  std::string answer(const received& frame, const exec::request& request) {
    const auto film_seconds = request.source.duration;
    switch (request.op) {
    case exec::op::probe:
      return encode(film_of(frame.descriptors.at(0)));
    case exec::op::thumbnail:
      return pictures(frame, request);
    case exec::op::plan_chunks:
      return take(frame, plan_seconds, film_seconds) ? exec::encode(plan_of(request)) : std::string{};
    case exec::op::encode_chunk:
      return chunk(frame, request);
    case exec::op::encode_audio:
      return encoded(frame, request, film_seconds / sound_speed);
    case exec::op::transcode:
      return encoded(frame, request, film_seconds / encode_speed);
    case exec::op::join:
      return encoded(frame, request, film_seconds / join_speed);
    case exec::op::verify: {
      exec::verify_answer out;
      out.ok = true;
      out.frames = request.frames;
      out.duration = film_seconds;
      // Pictures of pieces that were read back are compared, not decoded.
      const auto speed = request.pieces.empty() ? verify_speed : join_speed;
      return take(frame, film_seconds / speed, film_seconds) ? exec::encode(out) : std::string{};
    }
    default:
      ::_exit(2);
    }
  }

  settings how_;
  std::mt19937_64 random_;
};

settings read_arguments(int argc, char** argv) {
  settings out;
  for (std::string_view x : std::span(argv, static_cast<size_t>(argc)).subspan(1)) {
    if (x.starts_with("--speed="))
      out.speed = std::strtod(x.data() + 8, nullptr);
    else if (x.starts_with("--seed="))
      out.seed = std::strtoull(x.data() + 7, nullptr, 10);
  }
  return out;
}

} // namespace

int main(int argc, char** argv) {
  stand_in executor{read_arguments(argc, argv)};
  exec::readiness ready;
  for (auto& x : software_encoders())
    ready.encoders.emplace_back(x.encoder);
  send_frame(exec::frame_type::ready, 0, exec::encode(ready));
  for (;;) {
    received frame;
    if (!test::receive(frame) || frame.type == exec::frame_type::shutdown)
      return 0;
    auto goes_on = frame.type != exec::frame_type::request || executor.serve(frame);
    for (auto fd : frame.descriptors)
      ::close(fd);
    if (!goes_on)
      return 0;
  }
}
