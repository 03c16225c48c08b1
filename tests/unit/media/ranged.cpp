#define CAF_SUITE media.ranged

// Sources that are only partly here, through the executor program in its sandbox.

#include "tests/support/unit_test.hpp"
#include "tests/unit/media/chunked.hpp"
#include "tests/unit/media/holed_source.hpp"

#include "protocol/model/json.hpp"

#include <caf/make_message.hpp>

#include <poll.h>

#include <chrono>
#include <deque>
#include <filesystem>
#include <map>
#include <random>
#include <thread>

using namespace troupe;
using namespace media_test;
using exec::frame_type;
namespace fs = std::filesystem;

namespace {

/// The same two minutes of film in every container; about 10 MB.
const std::map<std::string, std::string>& films() {
  static const auto made = [] {
    std::map<std::string, std::string> out;
    auto add = [&](const std::string& name, const std::string& options) {
      out[name] = scratch("ranged-" + name);
      ffmpeg("-i " + out.begin()->second + " -map 0 -c copy " + options + " " + out[name]);
    };
    // First by name, and what the others are made of.
    out["a.mp4"] = scratch("ranged-a.mp4");
    ffmpeg("-f lavfi -i testsrc2=s=480x270:r=25:d=120 -f lavfi -i sine=440:d=120 -map 0 -map 1 -c:v libx264 -preset "
           "ultrafast -crf 28 -g 50 -pix_fmt yuv420p -c:a aac -b:a 96k "
           + out["a.mp4"]);
    add("faststart.mp4", "-movflags +faststart");
    add("cues.mkv", "");
    add("transport.ts", "");
    // AVI tells no time of pictures in another order.
    out["old.avi"] = scratch("ranged-old.avi");
    ffmpeg("-i " + out["a.mp4"] + " -c:v mpeg4 -q:v 12 -g 50 -c:a mp3 " + out["old.avi"]);
    out["stream.mkv"] = scratch("ranged-stream.mkv");
    output_of("ffmpeg -nostdin -v error -i " + out["a.mp4"] + " -c copy -f matroska - > " + out["stream.mkv"]);
    return out;
  }();
  return made;
}

exec::request request_for(exec::op op, const std::string& path) {
  exec::request r;
  r.op = op;
  r.name_hint = extension(path);
  r.profile = *find_profile("web-480p");
  r.profile.copy_fitting = false;
  r.profile.preset = "ultrafast";
  // With a cap on the bit rate x264 does not come to the same bytes twice.
  r.profile.max_bit_rate = 0;
  r.pictures = {{320}, {160, exec::picture_format::webp}};
  r.storyboard.width = 64;
  return r;
}

/// Without what tells the time that it took.
std::string timeless(const std::string& body) {
  auto value = nlohmann::json::parse(body);
  value.erase("seconds");
  return value.dump();
}

/// Runs it on the file and on the same file with holes; both have to come out the same to the byte.
struct comparison {
  holed_outcome outcome;
  uint64_t needed = 0;
  std::vector<std::string> outputs;
};

comparison compare(executor_client& e, const exec::request& request, const std::string& path, size_t outputs = 0) {
  static uint64_t operation = 0;
  static int number = 0;
  comparison out;
  std::vector<media::owned_fd> plain, holed;
  std::vector<std::string> plain_paths;
  std::vector<int> plain_fds, holed_fds;
  for (size_t i = 0; i < outputs; ++i) {
    plain_paths.push_back(scratch("plain-" + std::to_string(++number)));
    out.outputs.push_back(scratch("compared-" + std::to_string(number)));
    plain_fds.push_back(plain.emplace_back(open_output(plain_paths.back())).get());
    holed_fds.push_back(holed.emplace_back(open_output(out.outputs.back())).get());
  }
  auto expected = run_plain(e, ++operation, request, path, plain_fds);
  holed_source source(path);
  out.outcome = run_holed(e, ++operation, request, source, holed_fds);
  out.needed = source.filled();
  CAF_CHECK_EQUAL(static_cast<int>(out.outcome.answer.type), static_cast<int>(expected.answer.type));
  // Rungs have a cap on their bit rate.
  const bool same = request.op != exec::op::hls;
  CAF_CHECK(!same || timeless(out.outcome.answer.body) == timeless(expected.answer.body));
  for (size_t i = 0; i < outputs; ++i)
    CAF_CHECK(read_file(out.outputs[i]) == read_file(plain_paths[i]));
  CAF_CHECK_EQUAL(out.outcome.files.size(), expected.files.size());
  for (auto& [name, file] : expected.files)
    CAF_CHECK(out.outcome.files.contains(name)
              && (read_file(out.outcome.files[name]) == read_file(file) || (!same && name.front() != 'a')));
  for (auto& line : e.log())
    CAF_CHECK(line.find("sandbox refused") == std::string::npos);
  return out;
}

exec::failure failure_of(const holed_outcome& outcome) {
  CAF_REQUIRE(outcome.answer.type == frame_type::failed);
  return *exec::decode_failure(outcome.answer.body);
}

std::string kilobytes(uint64_t bytes) {
  return std::to_string(bytes / 1024) + " KiB";
}

} // namespace

CAF_TEST(what is made of a source with holes is what is made of the whole) {
  executor_client e;
  CAF_REQUIRE(e.receive()->type == frame_type::ready);
  for (auto& [name, path] : films()) {
    const auto size = fs::file_size(path);
    auto probed = compare(e, request_for(exec::op::probe, path), path);
    auto pictures = compare(e, request_for(exec::op::thumbnail, path), path, 2);
    auto sheets = compare(e, request_for(exec::op::storyboard, path), path);
    CAF_CHECK(probed.outcome.done() && pictures.outcome.done() && sheets.outcome.done());
    CAF_MESSAGE(name << " of " << kilobytes(size) << ": probe " << kilobytes(probed.needed) << ", thumbnail "
                     << kilobytes(pictures.needed) << ", storyboard " << kilobytes(sheets.needed));
    // How long it is tells only its end: nothing in it does.
    CAF_CHECK(name == "stream.mkv" || probed.needed < size / 10);
    CAF_CHECK(pictures.needed < size / 8);
  }
}

CAF_TEST(a chunk needs little more than its share and the index) {
  executor_client e;
  CAF_REQUIRE(e.receive()->type == frame_type::ready);
  for (auto& [name, path] : films()) {
    const auto size = fs::file_size(path);
    auto request = request_for(exec::op::plan_chunks, path);
    auto probed = compare(e, request_for(exec::op::probe, path), path);
    request.source = *decode_media_info(probed.outcome.answer.body);
    request.wishes.count = 10;
    auto planned = compare(e, request, path);
    auto plan = exec::decode_plan_chunks_answer(planned.outcome.answer.body);
    CAF_REQUIRE(plan && plan->chunks.size() == 10);
    request.op = exec::op::encode_chunk;
    request.chunk = plan->chunks[4];
    auto piece = compare(e, request, path, 1);
    CAF_CHECK(piece.outcome.done());
    CAF_MESSAGE(name << " of " << kilobytes(size) << ": plan_chunks " << kilobytes(planned.needed)
                     << ", encode_chunk of a tenth " << kilobytes(piece.needed));
    // The share, one group of pictures on either side, the headers, and what a buffer holds. Without cues there is no
    // way into the middle.
    const auto share = name == "stream.mkv" ? size * 6 / 10 : size / 10 + 2 * size / 60;
    // A megabyte of a transport stream is looked at before it is known what is in it.
    CAF_CHECK(piece.needed < share + (name == "transport.ts" ? 1'200'000 : 600'000));
    if (name == "a.mp4" || name == "faststart.mp4" || name == "cues.mkv")
      CAF_CHECK(planned.needed < size / 4);
  }
}

CAF_TEST(films and ladders and sound and joins of a source with holes) {
  executor_client e;
  CAF_REQUIRE(e.receive()->type == frame_type::ready);
  const auto path = scratch("ranged-short.mp4");
  ffmpeg("-i " + films().at("a.mp4") + " -t 8 -c copy " + path);
  auto request = request_for(exec::op::transcode, path);
  CAF_CHECK(compare(e, request, path, 1).outcome.done());
  request.op = exec::op::encode_audio;
  CAF_CHECK(compare(e, request, path, 1).outcome.done());
  request.op = exec::op::hls;
  request.profile = *find_profile("hls");
  auto ladder = compare(e, request, path).outcome;
  CAF_REQUIRE(ladder.done());
  CAF_CHECK_EQUAL(nlohmann::json::parse(ladder.answer.body)["frames"].get<int>(), 200);
  // Two passes over the source.
  request = request_for(exec::op::transcode, path);
  request.profile.loudness = -20;
  CAF_CHECK(compare(e, request, path, 1).outcome.done());
  auto chunked = chunk_request(path, request_for(exec::op::join, path).profile);
  auto film = encode_pieces(chunked, path, 2);
  chunked.op = exec::op::join;
  chunked.pieces = film.pieces;
  chunked.has_audio = true;
  std::vector<media::owned_fd> files;
  for (auto& p : film.piece_paths)
    files.push_back(open_source(p));
  auto audio = open_source(film.audio_path);
  auto joined = [&](const std::string& name, bool holed) {
    auto out = open_output(scratch(name));
    std::vector<int> fds{out.get(), audio.get()};
    for (auto& f : files)
      fds.push_back(f.get());
    holed_source source(path);
    auto outcome = holed ? run_holed(e, 91, chunked, source, fds) : run_plain(e, 90, chunked, path, fds);
    CAF_CHECK(outcome.done());
    CAF_CHECK(!holed || outcome.needs.size() > 0);
    return read_file(scratch(name));
  };
  CAF_CHECK(joined("joined-plain.mp4", false) == joined("joined-holed.mp4", true));
}

CAF_TEST(the sound of a film needs the sound and the index) {
  executor_client e;
  CAF_REQUIRE(e.receive()->type == frame_type::ready);
  for (std::string name : {"a.mp4", "faststart.mp4"}) {
    const auto& path = films().at(name);
    const auto sound = std::stoull(output_of("ffprobe -v error -select_streams a -show_entries packet=size -of csv=p=0 "
                                             + path + " | awk '{s+=$1} END {print s}'"));
    auto request = request_for(exec::op::encode_audio, path);
    auto plain = compare(e, request, path, 1);
    CAF_CHECK(plain.outcome.done());
    CAF_MESSAGE(name << " of " << kilobytes(fs::file_size(path)) << " with " << kilobytes(sound)
                     << " of sound: " << kilobytes(plain.needed));
    // What is read to find the streams, the index, and edges.
    CAF_CHECK(plain.needed < sound + sound / 20 + 400'000);
    // All of it is told before, in pieces that do not overlap, and little else is.
    byte_spans told;
    for (auto& x : plain.outcome.coming) {
      CAF_CHECK(x.begin < x.end && x.end <= fs::file_size(path));
      CAF_CHECK(told.missing(x) == std::vector{x});
      told.add(x);
    }
    CAF_CHECK(told.bytes() >= sound && told.bytes() < sound + sound / 10);
    CAF_CHECK_EQUAL(plain.outcome.surprises, 0u);
    // Loudness reads it twice.
    request.profile.loudness = -20;
    auto louder = compare(e, request, path, 1);
    CAF_CHECK(louder.outcome.done() && louder.needed < sound + sound / 20 + 400'000);
  }
  // A container that does not tell is read as ever.
  for (std::string name : {"stream.mkv", "transport.ts", "old.avi"}) {
    const auto& path = films().at(name);
    auto other = compare(e, request_for(exec::op::encode_audio, path), path, 1);
    CAF_CHECK(other.outcome.done() && other.outcome.coming.empty());
  }
}

CAF_TEST(sound that is larger than the pictures is told ahead to its end) {
  executor_client e;
  CAF_REQUIRE(e.receive()->type == frame_type::ready);
  // Pictures of a few bytes, which are taken with the sound around them and never read.
  const auto path = scratch("ranged-still.mp4");
  ffmpeg("-f lavfi -i color=gray:s=64x64:r=25:d=200 -f lavfi -i anoisesrc=d=200 -c:v libx264 -preset ultrafast -g 250 "
         "-pix_fmt yuv420p -c:a aac -b:a 192k "
         + path);
  auto sound = compare(e, request_for(exec::op::encode_audio, path), path, 1);
  CAF_CHECK(sound.outcome.done());
  CAF_CHECK_EQUAL(sound.outcome.surprises, 0u);
  uint64_t told = 0;
  for (auto& x : sound.outcome.coming)
    told += x.end - x.begin;
  CAF_MESSAGE(kilobytes(fs::file_size(path)) << ", " << kilobytes(told) << " told in " << sound.outcome.coming.size());
  CAF_CHECK(told > fs::file_size(path) * 8 / 10);
}

CAF_TEST(the sound of a Matroska film is found between its pictures) {
  executor_client e;
  CAF_REQUIRE(e.receive()->type == frame_type::ready);
  // Pictures of some kilobytes, as of a film worth sending; once with groups of blocks, which subtitles make.
  const auto large = scratch("ranged-large.mp4");
  ffmpeg("-i " + films().at("a.mp4") + " -t 40 -c:v libx264 -preset ultrafast -qp 6 -g 50 -c:a copy " + large);
  const auto text = scratch("ranged-words.srt");
  write_file(text, "1\n00:00:01,000 --> 00:00:03,000\nHello\n\n2\n00:00:20,000 --> 00:00:23,000\nyou\n");
  for (std::string name : {"plain.mkv", "words.mkv", "sound.webm"}) {
    const auto path = scratch("ranged-" + name);
    if (name == "words.mkv")
      ffmpeg("-i " + large + " -i " + text + " -map 0 -map 1 -c copy -c:s srt -cluster_time_limit 1500 " + path);
    else if (name == "plain.mkv")
      ffmpeg("-i " + large + " -c copy " + path);
    else
      ffmpeg("-i " + large + " -t 20 -c:v libvpx -deadline realtime -cpu-used 8 -b:v 6M -minrate 6M -c:a libopus "
             + path);
    const auto size = fs::file_size(path);
    const auto sound = std::stoull(output_of("ffprobe -v error -select_streams a -show_entries packet=size -of csv=p=0 "
                                             + path + " | awk '{s+=$1} END {print s}'"));
    auto request = request_for(exec::op::encode_audio, path);
    auto plain = compare(e, request, path, 1);
    CAF_CHECK(plain.outcome.done() && !plain.outcome.coming.empty());
    CAF_MESSAGE(name << " of " << kilobytes(size) << " with " << kilobytes(sound)
                     << " of sound: " << kilobytes(plain.needed));
    // Beside the sound: what finds the streams, heads of blocks, and a little of the pictures.
    CAF_CHECK(plain.needed < 2 * sound + size / 20 + 600'000);
    CAF_CHECK(plain.needed < size / 2);
  }
}

CAF_TEST(a film of pictures has no sound to make) {
  executor_client e;
  CAF_REQUIRE(e.receive()->type == frame_type::ready);
  const auto silent = scratch("ranged-silent.mp4");
  ffmpeg("-i " + films().at("a.mp4") + " -t 4 -an -c copy " + silent);
  auto nothing = compare(e, request_for(exec::op::encode_audio, silent), silent, 1);
  auto answer = exec::decode_transcode_answer(nothing.outcome.answer.body);
  CAF_CHECK(nothing.outcome.done() && answer && answer->nothing);
  // What can't be made is something else.
  auto request = request_for(exec::op::encode_audio, films().at("a.mp4"));
  request.profile.audio_codec = "cinepak";
  auto refused = compare(e, request, films().at("a.mp4"), 1);
  CAF_CHECK(failure_of(refused.outcome).code == errc::unprocessable);
  auto made = compare(e, request_for(exec::op::encode_audio, films().at("a.mp4")), films().at("a.mp4"), 1);
  CAF_CHECK(!exec::decode_transcode_answer(made.outcome.answer.body)->nothing);
}

CAF_TEST(samples hidden in a wave file are looked for in what was asked for) {
  executor_client e;
  CAF_REQUIRE(e.receive()->type == frame_type::ready);
  const auto path = scratch("ranged.wav");
  ffmpeg("-f lavfi -i sine=440:d=60 " + path);
  auto probed = compare(e, request_for(exec::op::probe, path), path);
  CAF_CHECK(probed.outcome.done());
  CAF_CHECK(probed.needed < fs::file_size(path) / 2);
  CAF_CHECK(compare(e, request_for(exec::op::thumbnail, path), path, 2).outcome.done());
}

CAF_TEST(real files with holes) {
  executor_client e;
  CAF_REQUIRE(e.receive()->type == frame_type::ready);
  for (auto& path : real_files()) {
    CAF_MESSAGE(path);
    compare(e, request_for(exec::op::probe, path), path);
    compare(e, request_for(exec::op::thumbnail, path), path, 2);
  }
}

CAF_TEST(what is there already is not asked for again) {
  executor_client e;
  CAF_REQUIRE(e.receive()->type == frame_type::ready);
  const auto& path = films().at("a.mp4");
  for (uint64_t more : {uint64_t{0}, uint64_t{300'000}, UINT64_MAX}) {
    holed_source source(path);
    auto outcome = run_holed(e, 1, request_for(exec::op::thumbnail, path), source,
                             {open_output(scratch("r1.jpg")).get(), open_output(scratch("r2.webp")).get()},
                             [&](auto& client, uint64_t operation, auto& from, const exec::need_request& need) {
                               answer_need(client, operation, from, need, more);
                             });
    CAF_CHECK(outcome.done());
    std::vector<bool> asked(source.size());
    for (auto& need : outcome.needs) {
      CAF_CHECK(need.length > 0 && need.offset + need.length <= source.size());
      for (auto at = need.offset; at < std::min(need.offset + std::max(need.length, more), source.size()); ++at) {
        if (at < need.offset + need.length && asked[at])
          CAF_FAIL("byte " << at << " was asked for twice");
        asked[at] = true;
      }
    }
    // All from the beginning on was told with the first answer.
    if (more == UINT64_MAX)
      CAF_CHECK_EQUAL(outcome.needs.size(), 1u);
  }
}

CAF_TEST(needs that are answered late and out of order) {
  executor_client e;
  CAF_REQUIRE(e.receive()->type == frame_type::ready);
  const auto& path = films().at("cues.mkv");
  auto request = request_for(exec::op::storyboard, path);
  request.storyboard.interval_ms = 1000;
  auto expected = run_plain(e, 1, request, path);
  CAF_REQUIRE(expected.done());
  holed_source source(path);
  std::mt19937_64 random{4};
  std::deque<exec::need_request> held;
  size_t most = 0;
  auto outcome = run_holed(e, 2, request, source, {}, [&](auto& client, uint64_t operation, auto& from, auto& need) {
    held.push_back(need);
    most = std::max(most, held.size());
    std::this_thread::sleep_for(std::chrono::milliseconds(1 + random() % 3));
    // Two threads read: the second asks, or the first is answered.
    pollfd more{client.socket(), POLLIN, 0};
    if (held.size() < 2 && ::poll(&more, 1, 30) > 0)
      return;
    while (!held.empty()) {
      answer_need(client, operation, from, held.back());
      held.pop_back();
    }
  });
  CAF_CHECK(outcome.done());
  CAF_CHECK_EQUAL(timeless(outcome.answer.body), timeless(expected.answer.body));
  for (auto& [name, file] : expected.files)
    CAF_CHECK(read_file(outcome.files[name]) == read_file(file));
  if (std::thread::hardware_concurrency() > 1)
    CAF_CHECK_EQUAL(most, 2u);
}

CAF_TEST(a need that is refused ends the operation with what the worker said) {
  executor_client e;
  CAF_REQUIRE(e.receive()->type == frame_type::ready);
  const auto path = scratch("ranged-refused.mp4");
  ffmpeg("-i " + films().at("a.mp4") + " -t 10 -c copy " + path);
  uint64_t operation = 0;
  for (auto op : {exec::op::probe, exec::op::thumbnail, exec::op::storyboard, exec::op::transcode, exec::op::hls,
                  exec::op::plan_chunks}) {
    auto request = request_for(op, path);
    if (op == exec::op::hls)
      request.profile = *find_profile("hls");
    std::vector<media::owned_fd> files;
    std::vector<int> outputs;
    for (int i = 0; i < (op == exec::op::thumbnail ? 2 : op == exec::op::transcode ? 1 : 0); ++i)
      outputs.push_back(files.emplace_back(open_output(scratch("refused-" + std::to_string(i)))).get());
    size_t needs = 0;
    {
      holed_source source(path);
      needs = run_holed(e, ++operation, request, source, outputs).needs.size();
    }
    CAF_REQUIRE(needs > 1);
    for (size_t n : {size_t{0}, size_t{1}, needs / 2, needs - 1}) {
      holed_source source(path);
      size_t seen = 0;
      auto outcome = run_holed(
        e, ++operation, request, source, outputs, [&](auto& client, uint64_t id, auto& from, const auto& need) {
          if (seen++ < n)
            return answer_need(client, id, from, need);
          exec::have_answer answer{need.id, 0, 0,
                                   exec::failure{errc::unavailable, error_class::transient, "node b is away"}};
          client.send(frame_type::have, id, exec::encode(answer));
        });
      auto why = failure_of(outcome);
      CAF_CHECK(why.code == errc::unavailable);
      CAF_CHECK(why.cls == error_class::transient);
      CAF_CHECK_EQUAL(why.message, "node b is away");
    }
  }
  // And the next one is as good as ever.
  CAF_CHECK(compare(e, request_for(exec::op::probe, path), path).outcome.done());
}

CAF_TEST(an operation that waits for bytes is cancelled at once) {
  executor_client e;
  CAF_REQUIRE(e.receive()->type == frame_type::ready);
  const auto& path = films().at("a.mp4");
  for (size_t n : {size_t{0}, size_t{3}, size_t{10}}) {
    holed_source source(path);
    size_t seen = 0;
    auto since = std::chrono::steady_clock::now();
    auto output = open_output(scratch("cancelled.mp4"));
    std::optional<exec::need_request> last;
    auto outcome = run_holed(e, n + 1, request_for(exec::op::transcode, path), source, {output.get()},
                             [&](auto& client, uint64_t operation, auto& from, const auto& need) {
                               if (seen++ < n)
                                 return answer_need(client, operation, from, need);
                               since = std::chrono::steady_clock::now();
                               last = need;
                               client.send(frame_type::cancel, operation, "");
                             });
    CAF_CHECK(failure_of(outcome).code == errc::cancelled);
    CAF_CHECK(std::chrono::steady_clock::now() - since < std::chrono::seconds(2));
    // Too late: dropped.
    answer_need(e, n + 1, source, *last);
  }
  CAF_CHECK(compare(e, request_for(exec::op::probe, path), path).outcome.done());
}

CAF_TEST(an executor that waits for bytes ends with its worker) {
  executor_client e;
  CAF_REQUIRE(e.receive()->type == frame_type::ready);
  const auto& path = films().at("a.mp4");
  holed_source source(path);
  auto request = request_for(exec::op::probe, path);
  request.ranged = true;
  request.source_size = source.size();
  e.send(frame_type::request, 1, exec::encode(request), {source.fd()});
  auto f = e.receive_answer();
  CAF_REQUIRE(f && f->type == frame_type::need);
  e.close_socket();
  CAF_CHECK_EQUAL(e.wait(2000), 4);
}

CAF_TEST(a worker that answers for other bytes is not talked to any more) {
  const auto& path = films().at("a.mp4");
  holed_source source(path);
  auto request = request_for(exec::op::probe, path);
  request.ranged = true;
  request.source_size = source.size();
  for (auto lie : {exec::have_answer{0, 1, 100, {}}, exec::have_answer{0, 0, 1, {}},
                   exec::have_answer{0, 0, source.size() + 1, {}}, exec::have_answer{0, UINT64_MAX, 2, {}}}) {
    executor_client e;
    CAF_REQUIRE(e.receive()->type == frame_type::ready);
    e.send(frame_type::request, 1, exec::encode(request), {source.fd()});
    auto f = e.receive_answer();
    CAF_REQUIRE(f && f->type == frame_type::need);
    lie.id = exec::decode_need_request(f->body)->id;
    e.send(frame_type::have, 1, exec::encode(lie));
    CAF_CHECK_EQUAL(e.wait(2000), 3);
  }
}

CAF_TEST(a ranged source has the size that was told and is not verified) {
  executor_client e;
  CAF_REQUIRE(e.receive()->type == frame_type::ready);
  const auto& path = films().at("a.mp4");
  holed_source source(path);
  auto request = request_for(exec::op::probe, path);
  request.ranged = true;
  request.source_size = source.size() - 1;
  e.send(frame_type::request, 1, exec::encode(request), {source.fd()});
  auto f = e.receive_answer();
  CAF_REQUIRE(f && f->type == frame_type::failed);
  CAF_CHECK(exec::decode_failure(f->body)->code == errc::protocol);
  CAF_CHECK(failure_of(run_holed(e, 2, request_for(exec::op::verify, path), source)).code == errc::protocol);
}
