#define CAF_SUITE media.chunk_sizes

#include "actors/media/chunk_sizes.hpp"
#include "actors/media/chunk_payloads.hpp"
#include "tests/support/seeds.hpp"
#include "tests/support/unit_test.hpp"

#include <caf/make_message.hpp>

#include <cmath>
#include <numeric>
#include <random>

using namespace troupe;
using namespace troupe::work;

namespace {

double sum(const std::vector<double>& xs) {
  return std::accumulate(xs.begin(), xs.end(), 0.0);
}

/// How long it takes when a node that is free gets the longest part that is left if it is a fast one, else the
/// shortest.
double time_of(std::vector<double> parts, const std::vector<double>& lanes) {
  std::sort(parts.begin(), parts.end());
  const auto mean = sum(lanes) / static_cast<double>(lanes.size());
  std::vector<double> free_at(lanes.size());
  size_t first = 0, last = parts.size();
  while (first < last) {
    auto next = static_cast<size_t>(std::min_element(free_at.begin(), free_at.end()) - free_at.begin());
    free_at[next] += (lanes[next] >= mean ? parts[--last] : parts[first++]) / lanes[next];
  }
  return *std::max_element(free_at.begin(), free_at.end());
}

} // namespace

CAF_TEST(parts are the film and within their bounds) {
  test::for_seeds(5'000, [](uint64_t seed) {
    std::mt19937_64 rng{seed};
    auto number = [&](double from, double to) { return std::uniform_real_distribution<double>{from, to}(rng); };
    std::vector<double> lanes(2 + rng() % 30);
    for (auto& x : lanes)
      x = number(0.2, 8);
    split_rules rules;
    auto film = number(20, 20'000);
    auto parts = part_lengths(film, lanes, rules);
    auto at = "seed " + std::to_string(seed) + ", " + std::to_string(film) + " s over " + std::to_string(lanes.size());
    if (std::abs(sum(parts) - film) > 1e-6 * film)
      CAF_FAIL(at << ": the parts are " << sum(parts));
    if (parts.size() > rules.max_parts)
      CAF_FAIL(at << ": " << parts.size() << " parts");
    auto least = std::max(rules.min_seconds, film / rules.max_parts);
    for (auto part : parts)
      if (part < least / 2 - 1e-9 || part > std::max(rules.max_seconds, least) * 1.5 + 1e-9)
        CAF_FAIL(at << ": a part of " << part);
    // Nobody waits long for the last one: at most what some of the shortest parts take the slowest node.
    auto ideal = film / sum(lanes);
    auto slowest = *std::min_element(lanes.begin(), lanes.end());
    if (time_of(parts, lanes) > ideal * 2.3 + 3 * least / slowest)
      CAF_FAIL(at << ": " << time_of(parts, lanes) << " s where " << ideal << " would do");
  });
}

CAF_TEST(short films and lone nodes are not split) {
  split_rules rules;
  CAF_CHECK(!worth_splitting(3600, std::vector<double>{1}, rules));
  CAF_CHECK(!worth_splitting(3600, {}, rules));
  CAF_CHECK(!worth_splitting(15, std::vector<double>{1, 1, 1}, rules));
  CAF_CHECK(worth_splitting(30, std::vector<double>{1, 1}, rules));
}

CAF_TEST(what chunks take of the film) {
  media_chunk a, b;
  a.begin = INT64_MIN;
  a.end = b.begin = 90'000 * 4;
  b.end = INT64_MAX;
  a.time_base = b.time_base = {1, 90'000};
  CAF_CHECK_EQUAL(seconds_of({a, b}, 10), (std::vector<double>{4, 6}));
  CAF_CHECK_EQUAL(seconds_of({a, b}, 3), (std::vector<double>{3, 0}));
  CAF_CHECK(seconds_of({}, 3).empty());
}

CAF_TEST(payloads come back as they were and refuse what they are not ) {
  split_film film;
  film.video = video_id{{1, 2}};
  film.version = {3, 4, 5};
  film.profile = builtin_profiles().front();
  film.media.format = "mp4";
  film.media.duration = 7.5;
  film.chunks.resize(2);
  film.chunks[1].index = 1;
  film.chunks[1].shifts.push_back({7, 8});
  film.rounds = 3;
  auto back = decode_split_film(encode(film));
  CAF_REQUIRE(back.has_value());
  CAF_CHECK(back->video == film.video && back->version == film.version && back->profile == film.profile);
  CAF_CHECK(back->media == film.media && back->chunks == film.chunks);
  CAF_CHECK_EQUAL(back->rounds, 3u);
  piece_result piece;
  piece.file = "pieces/x/y-1.mp4";
  piece.size = 17;
  piece.piece.index = 4;
  auto again = decode_piece_result(encode(piece));
  CAF_REQUIRE(again.has_value());
  CAF_CHECK(again->piece == piece.piece && again->file == piece.file && !again->is_sound);
  piece.is_sound = true;
  CAF_CHECK(decode_piece_result(encode(piece))->is_sound);
  for (auto bad : {"", "[]", "{}", R"({"file":"../etc","size":1})", R"({"file":"pieces/../../x","size":1})",
                   R"({"file":"renditions/x","size":1})", R"({"file":7,"size":1})", R"({"file":"pieces/a","size":-1})"})
    CAF_CHECK(!decode_piece_result(bad));
  for (auto bad : {"", "{}", R"({"videoId":7})", R"({"index":1})"})
    CAF_CHECK(!decode_split_film(bad));
  CAF_CHECK_EQUAL(*decode_chunk_payload(encode_chunk_payload(9)), 9u);
  CAF_CHECK(!decode_chunk_payload(R"({"index":-1})"));
}
