#define CAF_SUITE media.join

// What join and encode_chunk refuse, and how; and the same work in an executor.

#include "media/join.hpp"
#include "media/chunk_encode.hpp"
#include "media/chunk_plan.hpp"
#include "media/piece_reader.hpp"
#include "media/verify.hpp"
#include "tests/support/unit_test.hpp"
#include "tests/unit/media/chunked.hpp"
#include "tests/unit/media/executor_client.hpp"

#include <sys/resource.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <sstream>

using namespace troupe;
using namespace media_test;

namespace {

media_profile quick_profile() {
  auto p = *find_profile("web-720p");
  p.preset = "ultrafast";
  p.copy_fitting = false;
  return p;
}

struct sample {
  std::string source;
  exec::request request;
  chunked_film film;
};

sample make_sample(const std::string& name, const std::string& arguments, uint32_t count) {
  sample s;
  s.source = scratch(name);
  ffmpeg("-f lavfi -i testsrc2=s=160x120:r=25:d=8 -f lavfi -i sine=d=8 -c:v libx264 -preset ultrafast -bf 2 "
         "-pix_fmt yuv420p "
         + arguments + " " + s.source);
  s.request = chunk_request(s.source, quick_profile());
  s.film = encode_pieces(s.request, s.source, count);
  return s;
}

/// Four pieces of two seconds each, made once.
const sample& ordinary_film() {
  static const auto s = make_sample("four.mp4", "-g 25 -c:a aac -metadata title=Four -metadata:s:a language=ger", 4);
  return s;
}

/// The piece that can be made again.
std::string blamed(const error& why) {
  return why.fields.size() == 1 && why.fields[0].first == exec::damaged_piece_field ? why.fields[0].second : "";
}

/// The error of joining `film`.
error refused(const sample& s, const chunked_film& film) {
  auto joined = join_pieces(film, s.request, s.source, scratch("refused.mp4"));
  CAF_REQUIRE(!joined);
  CAF_MESSAGE(joined.error().message);
  return joined.error();
}

/// Where each picture of the film stands, and its bytes.
std::vector<std::pair<size_t, size_t>> packet_places_of(const std::string& path) {
  std::istringstream lines{
    output_of("ffprobe -v error -select_streams v -show_entries packet=size,pos -of csv=p=0 " + path)};
  std::vector<std::pair<size_t, size_t>> out;
  size_t size = 0;
  size_t position = 0;
  char comma = 0;
  while (lines >> size >> comma >> position)
    out.emplace_back(position, size);
  return out;
}

bool says(const error& why, const char* text) {
  return why.message.find(text) != std::string::npos;
}

/// Runs `body` while this process may write files of that size at most.
template <class F>
void with_file_limit(rlim_t bytes, F body) {
  auto* before_signal = ::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  const rlimit limited{bytes, before.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &limited);
  body();
  ::setrlimit(RLIMIT_FSIZE, &before);
  ::signal(SIGXFSZ, before_signal);
}

} // namespace

CAF_TEST(a joined film passes verification and keeps its descriptions) {
  auto& s = ordinary_film();
  CAF_REQUIRE_EQUAL(s.film.pieces.size(), 4u);
  const auto path = scratch("joined.mp4");
  auto joined = join_pieces(s.film, s.request, s.source, path);
  CAF_REQUIRE(joined.has_value());
  CAF_CHECK_EQUAL(joined->frames, 200);
  auto r = s.request;
  r.frames = joined->frames;
  auto check = media::verify(open_source(path).get(), r, quiet_task());
  CAF_REQUIRE(check.has_value());
  for (auto& reason : check->reasons)
    CAF_MESSAGE(reason);
  CAF_CHECK(check->ok);
  auto seen = ffprobe(path);
  CAF_CHECK_EQUAL(seen["format"]["tags"]["title"], "Four");
  CAF_REQUIRE_EQUAL(seen["streams"].size(), 2u);
  CAF_CHECK_EQUAL(seen["streams"][1]["tags"]["language"], "ger");
  // What the pieces say of themselves stays with them.
  CAF_CHECK(!seen["format"]["tags"].contains("comment"));
  // A piece is a film of its own.
  auto piece = ffprobe(s.film.piece_paths[1]);
  CAF_CHECK_EQUAL(piece["streams"][0]["nb_frames"], "50");
  CAF_CHECK_EQUAL(s.film.pieces[1].first * s.film.pieces[1].time_base.num, 2 * s.film.pieces[1].time_base.den);
}

CAF_TEST(pictures that were decoded in their pieces are compared with those) {
  auto& s = ordinary_film();
  // The sound of a film is made in its own container; one that came in another is the same sound.
  for (auto& [extension, own_sound] :
       {std::pair<std::string, bool>{"mp4", true}, {"mov", true}, {"mov", false}, {"mkv", true}, {"mkv", false}}) {
    CAF_MESSAGE(extension << (own_sound ? "" : " with the sound of an mp4"));
    auto r = s.request;
    r.profile.extension = extension;
    r.profile.container = extension == "mkv" ? "matroska" : extension;
    const auto path = scratch("compared." + extension);
    auto film = s.film;
    if (own_sound)
      film.audio_path = encode_pieces(r, s.source, 4).audio_path;
    auto joined = join_pieces(film, r, s.source, path);
    if (!joined)
      CAF_MESSAGE(joined.error().message);
    CAF_REQUIRE(joined.has_value());
    r.frames = joined->frames;
    auto reasons = [&](const std::string& file) {
      auto check = media::verify(open_source(file).get(), r, quiet_task());
      CAF_REQUIRE(check.has_value());
      CAF_CHECK_EQUAL(check->ok, check->reasons.empty());
      if (check->ok)
        CAF_CHECK_EQUAL(check->frames, 200);
      std::string all;
      for (auto& reason : check->reasons)
        all += reason + "; ";
      return all;
    };
    r.pieces.clear();
    CAF_CHECK_EQUAL(reasons(path), "");
    r.pieces = s.film.pieces;
    CAF_CHECK_EQUAL(reasons(path), "");
    // Other pictures than those, and fewer and more of them than the parts have.
    r.pieces[2].digest = s.film.pieces[1].digest;
    CAF_CHECK(reasons(path).find("the pictures of part 3 of 4 are not those") != std::string::npos);
    r.pieces = s.film.pieces;
    r.pieces[3].frames += 2;
    CAF_CHECK(reasons(path).find("fewer pictures than its parts") != std::string::npos);
    r.pieces[3].frames -= 4;
    CAF_CHECK(reasons(path) != "");
    // One that was not decoded: all of them are.
    r.pieces = s.film.pieces;
    r.pieces[1].digest.clear();
    CAF_CHECK_EQUAL(reasons(path), "");
    // Whatever bit of the pictures is turned, it is seen, though they all may be decodable.
    r.pieces = s.film.pieces;
    auto bytes = read_file(path);
    const auto places = packet_places_of(path);
    CAF_REQUIRE(places.size() > 100);
    for (size_t i = 0; i < places.size(); i += 9) {
      auto spoilt = bytes;
      spoilt[places[i].first + places[i].second / 2] ^= 1;
      const auto other = scratch("compared-spoilt." + extension);
      write_file(other, spoilt);
      CAF_CHECK(reasons(other) != "");
    }
  }
}

CAF_TEST(pieces that do not belong there are named) {
  auto& s = ordinary_film();
  auto film = s.film;
  film.pieces.erase(film.pieces.begin() + 2);
  film.piece_paths.erase(film.piece_paths.begin() + 2);
  auto missing = refused(s, film);
  CAF_CHECK(missing.code == errc::unprocessable);
  CAF_CHECK(says(missing, "piece 3 of 3") && says(missing, "missing"));
  film = s.film;
  film.pieces.pop_back();
  film.piece_paths.pop_back();
  CAF_CHECK(says(refused(s, film), "piece 4 is missing"));
  film = s.film;
  film.piece_paths.pop_back();
  CAF_CHECK(says(refused(s, film), "4 pieces are named and 3 came"));
  // Files in the wrong order though the answers are right, and both in the wrong order.
  film = s.film;
  std::swap(film.piece_paths[1], film.piece_paths[2]);
  auto swapped = refused(s, film);
  CAF_CHECK(swapped.code == errc::unprocessable);
  CAF_CHECK(says(swapped, "piece 2 of 4 is piece 3 in truth"));
  std::swap(film.pieces[1], film.pieces[2]);
  CAF_CHECK(says(refused(s, film), "wrong order"));
  film = s.film;
  film.piece_paths[3] = s.source;
  CAF_CHECK(says(refused(s, film), "piece 4 of 4 does not say which piece it is"));
  film = s.film;
  film.pieces[1].first = film.pieces[0].last;
  CAF_CHECK(says(refused(s, film), "piece 2 of 4 begins before"));
  film = s.film;
  --film.pieces[2].frames;
  CAF_CHECK(says(refused(s, film), "piece 3 of 4 is not what its encoding answered"));
}

CAF_TEST(pieces of another plan or encoding are named) {
  auto& s = ordinary_film();
  auto other = make_sample("other.mp4", "-vf negate -g 25 -an", 4);
  CAF_REQUIRE_EQUAL(other.film.pieces.size(), 4u);
  auto film = s.film;
  film.piece_paths[2] = other.film.piece_paths[2];
  auto foreign = refused(s, film);
  CAF_CHECK(foreign.code == errc::unprocessable);
  CAF_CHECK(says(foreign, "piece 3 of 4 belongs to another plan"));
  film.pieces[2] = other.film.pieces[2];
  CAF_CHECK(says(refused(s, film), "piece 3 of 4 belongs to another plan"));
  // The same chunk by an encoder that was told something else: it says the right name and can't be joined.
  auto r = s.request;
  r.chunk = s.film.plan.chunks[1];
  r.profile.preset = "veryfast";
  const auto path = scratch("otherwise.mp4");
  auto piece = media::encode_chunk(open_source(s.source).get(), open_output(path).get(), r, quiet_task());
  CAF_REQUIRE(piece.has_value());
  film = s.film;
  film.piece_paths[1] = path;
  CAF_CHECK(says(refused(s, film), "piece 2 of 4 is not what its encoding answered"));
  film.pieces[1] = piece->piece;
  auto differs = refused(s, film);
  CAF_CHECK(says(differs, "piece 2 of 4 is encoded differently"));
  // Who makes it so will make it so again.
  CAF_CHECK_EQUAL(blamed(differs), "");
}

CAF_TEST(damaged pieces are named) {
  auto& s = ordinary_film();
  const auto path = scratch("damaged.mp4");
  const auto content = read_file(s.film.piece_paths[1]);
  auto film = s.film;
  film.piece_paths[1] = path;
  for (auto part : {0.0, 0.3, 0.7, 0.99}) {
    write_file(path, content.substr(0, static_cast<size_t>(static_cast<double>(content.size()) * part)));
    auto why = refused(s, film);
    CAF_CHECK(why.code == errc::unprocessable);
    CAF_CHECK(says(why, "piece 2 of 4 can't be read"));
    CAF_CHECK_EQUAL(blamed(why), "1");
  }
  // Pictures that are rubbish.
  auto spoilt = content;
  const auto data = content.find("mdat") + 4;
  const auto end = content.rfind("moov");
  std::fill_n(spoilt.begin() + static_cast<long>((data + end) / 2), 100, '\xA5');
  film.piece_paths[1] = scratch("spoilt.mp4");
  write_file(film.piece_paths[1], spoilt);
  CAF_CHECK_EQUAL(blamed(refused(s, film)), "1");
  film = s.film;
  film.audio_path = path;
  auto why = refused(s, film);
  CAF_CHECK(says(why, "audio piece"));
  // Sound is wanted and none came.
  film.audio_path.clear();
  CAF_CHECK(says(refused(s, film), "audio piece lacks"));
}

CAF_TEST(a piece is looked at where it was made) {
  auto& s = ordinary_film();
  const auto& piece = s.film.pieces[1];
  const auto good = read_file(s.film.piece_paths[1]);
  auto check = [&](const std::string& bytes, const chunk_piece& said) -> std::string {
    const auto path = scratch("looked-at.mp4");
    write_file(path, bytes);
    auto out = media::piece_reader::check(open_source(path).get(), said, quiet_task());
    if (out) {
      CAF_CHECK_EQUAL(*out, piece.digest);
      return "good";
    }
    CAF_CHECK(out.error().code == errc::unprocessable);
    return out.error().message;
  };
  auto starts = std::chrono::steady_clock::now();
  CAF_CHECK_EQUAL(check(good, piece), "good");
  CAF_MESSAGE(
    "it took "
    << std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - starts).count()
    << " us");
  // Another piece, and another attempt's.
  CAF_CHECK(check(good, s.film.pieces[2]).find("piece 3 of 4 is piece 2 in truth") != std::string::npos);
  auto other = piece;
  ++other.frames;
  CAF_CHECK(check(good, other).find("another attempt") != std::string::npos);
  // Cut short anywhere; empty.
  for (size_t n : {size_t{0}, size_t{100}, good.size() / 2, good.size() - 1})
    CAF_CHECK(check(good.substr(0, n), piece) != "good");
  // A picture at the front, in the middle or at the end is rubbish.
  const auto data = good.find("mdat") + 4;
  const auto bytes = good.rfind("moov") - 4 - data;
  for (auto at : {data + 100, data + bytes / 2, data + bytes - 200}) {
    auto spoilt = good;
    std::fill_n(spoilt.begin() + static_cast<long>(at), 100, '\xA5');
    CAF_CHECK(check(spoilt, piece) != "good");
  }
}

CAF_TEST(a chunk of another source is refused) {
  auto& s = ordinary_film();
  auto r = s.request;
  r.chunk = s.film.plan.chunks[2];
  auto encoded = [&](const std::string& source) {
    return media::encode_chunk(open_source(source).get(), open_output(scratch("no-piece.mp4")).get(), r, quiet_task());
  };
  const auto shorter = scratch("shorter.mp4");
  ffmpeg("-f lavfi -i testsrc2=s=160x120:r=25:d=1 -c:v libx264 -preset ultrafast -pix_fmt yuv420p " + shorter);
  auto why = encoded(shorter);
  CAF_REQUIRE(!why);
  CAF_CHECK(why.error().code == errc::unprocessable);
  CAF_CHECK(says(why.error(), "not the file that was planned for"));
  r.chunk.time_base = {1, 7};
  why = encoded(s.source);
  CAF_REQUIRE(!why);
  CAF_CHECK(says(why.error(), "time base"));
  for (auto spoil : {+[](media_chunk& c) {
                       c.time_base = {0, 0};
                     },
                     +[](media_chunk& c) { c.end = c.begin; }, +[](media_chunk& c) { c.index = c.count; },
                     +[](media_chunk& c) { c.count = max_chunks + 1; }}) {
    r.chunk = s.film.plan.chunks[2];
    spoil(r.chunk);
    why = encoded(s.source);
    CAF_REQUIRE(!why);
    CAF_CHECK(why.error().code == errc::unprocessable);
  }
}

CAF_TEST(what can not be cut is told) {
  auto r = chunk_request(ordinary_film().source, *find_profile("remux"));
  auto plan = media::plan_chunks(open_source(ordinary_film().source).get(), r, quiet_task());
  CAF_REQUIRE(plan.has_value());
  CAF_CHECK(plan->chunks.empty());
  CAF_CHECK(plan->reason.find("taken as it is") != std::string::npos);
  r.profile = *find_profile("audio-only");
  plan = media::plan_chunks(open_source(ordinary_film().source).get(), r, quiet_task());
  CAF_REQUIRE(plan.has_value());
  CAF_CHECK(plan->chunks.empty() && !plan->reason.empty());
  // One keyframe: one chunk.
  auto s = make_sample("one.mp4", "-g 1000 -sc_threshold 0 -an", 10);
  CAF_CHECK_EQUAL(s.film.pieces.size(), 1u);
  CAF_CHECK(s.film.audio_path.empty());
  CAF_CHECK(join_pieces(s.film, s.request, s.source, scratch("one-out.mp4")).has_value());
}

CAF_TEST(plans of the same film are the same and of others are not ) {
  auto& s = ordinary_film();
  auto r = s.request;
  r.wishes = {4, 0, 0.1};
  auto plan_of = [&](const exec::request& request) {
    auto plan = media::plan_chunks(open_source(s.source).get(), request, quiet_task());
    CAF_REQUIRE(plan.has_value() && !plan->chunks.empty());
    return *plan;
  };
  CAF_CHECK(plan_of(r).chunks == s.film.plan.chunks);
  r.profile.crf = 40;
  CAF_CHECK(plan_of(r).chunks[0].plan != s.film.plan.chunks[0].plan);
  r = s.request;
  r.wishes = {3, 0, 0.1};
  CAF_CHECK(plan_of(r).chunks[0].plan != s.film.plan.chunks[0].plan);
}

CAF_TEST(cancelled at any time) {
  auto& s = ordinary_film();
  const std::atomic<bool> yes{true};
  const media::task cancelled{yes};
  auto r = s.request;
  r.chunk = s.film.plan.chunks[1];
  auto in = open_source(s.source);
  auto plan = media::plan_chunks(in.get(), r, cancelled);
  CAF_CHECK(!plan && plan.error().code == errc::cancelled);
  auto piece = media::encode_chunk(in.get(), open_output(scratch("c.mp4")).get(), r, cancelled);
  CAF_CHECK(!piece && piece.error().code == errc::cancelled);
  auto audio = media::encode_audio(in.get(), open_output(scratch("c.mp4")).get(), r, cancelled);
  CAF_CHECK(!audio && audio.error().code == errc::cancelled);
  // In the middle of the work.
  std::atomic<bool> later{false};
  const media::task stopping{later, [&](const exec::progress&) { later = true; }};
  auto slow = r;
  slow.chunk.from_start = true;
  slow.chunk.begin = INT64_MIN;
  slow.chunk.end = INT64_MAX;
  slow.profile.preset = "placebo";
  piece = media::encode_chunk(in.get(), open_output(scratch("c.mp4")).get(), slow, stopping);
  CAF_CHECK(!piece && piece.error().code == errc::cancelled);
  later = false;
  r.pieces = s.film.pieces;
  std::vector<media::owned_fd> files;
  std::vector<int> fds;
  for (auto& p : s.film.piece_paths)
    fds.push_back(files.emplace_back(open_source(p)).get());
  auto joined =
    media::join(in.get(), open_output(scratch("c.mp4")).get(), open_source(s.film.audio_path).get(), fds, r, stopping);
  CAF_CHECK(!joined && joined.error().code == errc::cancelled);
}

CAF_TEST(a full disk is told as such) {
  auto& s = ordinary_film();
  auto r = s.request;
  r.chunk = s.film.plan.chunks[1];
  with_file_limit(8192, [&] {
    auto piece =
      media::encode_chunk(open_source(s.source).get(), open_output(scratch("full.mp4")).get(), r, quiet_task());
    CAF_CHECK(!piece && piece.error().code == errc::too_large);
    auto joined = join_pieces(s.film, s.request, s.source, scratch("full.mp4"));
    CAF_CHECK(!joined && joined.error().code == errc::too_large);
  });
}

CAF_TEST(many pieces go through an executor) {
  auto s = make_sample("many.mp4", "-g 5 -c:a aac", 40);
  CAF_REQUIRE_EQUAL(s.film.pieces.size(), 40u);
  auto r = s.request;
  r.op = exec::op::join;
  r.pieces = s.film.pieces;
  r.has_audio = true;
  auto source = open_source(s.source);
  auto output = open_output(scratch("by-executor.mp4"));
  auto audio = open_source(s.film.audio_path);
  std::vector<int> fds{source.get(), output.get(), audio.get()};
  std::vector<media::owned_fd> files;
  for (auto& p : s.film.piece_paths)
    fds.push_back(files.emplace_back(open_source(p)).get());
  executor_client e;
  e.send(exec::frame_type::request, 1, exec::encode(r), fds);
  auto f = e.receive_answer();
  while (f && (f->type == exec::frame_type::ready || f->type == exec::frame_type::progress))
    f = e.receive_answer();
  CAF_REQUIRE(f && f->type == exec::frame_type::done);
  auto answer = exec::decode_transcode_answer(f->body);
  CAF_REQUIRE(answer.has_value());
  CAF_CHECK_EQUAL(answer->frames, 200);
  CAF_REQUIRE(join_pieces(s.film, s.request, s.source, scratch("here.mp4")).has_value());
  CAF_CHECK(read_file(scratch("by-executor.mp4")) == read_file(scratch("here.mp4")));
  // Planned and encoded there, too.
  r.op = exec::op::plan_chunks;
  r.wishes = {40, 0, 0.1};
  e.send(exec::frame_type::request, 2, exec::encode(r), {source.get()});
  f = e.receive_answer();
  CAF_REQUIRE(f && f->type == exec::frame_type::done);
  auto plan = exec::decode_plan_chunks_answer(f->body);
  CAF_REQUIRE(plan.has_value());
  CAF_CHECK(plan->chunks == s.film.plan.chunks);
  r.op = exec::op::encode_chunk;
  r.chunk = plan->chunks[7];
  auto piece = open_output(scratch("piece-by-executor.mp4"));
  e.send(exec::frame_type::request, 3, exec::encode(r), {source.get(), piece.get()});
  f = e.receive_answer();
  while (f && f->type == exec::frame_type::progress)
    f = e.receive_answer();
  CAF_REQUIRE(f && f->type == exec::frame_type::done);
  auto made = exec::decode_encode_chunk_answer(f->body);
  CAF_REQUIRE(made.has_value());
  CAF_CHECK(made->piece == s.film.pieces[7]);
}
