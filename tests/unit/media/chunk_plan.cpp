#define CAF_SUITE media.chunk_plan

// Plans and edges on made-up films, without a file: every frame belongs to exactly one chunk and can be decoded there.

#include "media/chunk_plan.hpp"
#include "media/chunk_window.hpp"
#include "media/decode_times.hpp"
#include "tests/support/seeds.hpp"
#include "tests/support/unit_test.hpp"

#include <algorithm>
#include <random>
#include <set>

using namespace troupe;
using namespace troupe::media;

namespace {

struct packet {
  /// On the film's clock and on the source's.
  int64_t shown = 0;
  int64_t time = 0;
  int64_t position = 0;
  bool key = false;
  size_t group = 0;
  /// Needs the group before, too.
  bool leading = false;
};

struct film {
  chunk_time_base unit{1, 90000};
  /// In the order of decoding.
  std::vector<packet> packets;
  std::vector<time_shift> shifts;
  bool by_position = false;
  size_t reorder = 0;
};

class maker {
public:
  explicit maker(uint64_t seed) : random_(seed) {
  }

  int64_t pick(int64_t from, int64_t to) {
    return std::uniform_int_distribution<int64_t>(from, to)(random_);
  }

  film make() {
    film f;
    f.by_position = pick(0, 1);
    f.reorder = static_cast<size_t>(pick(0, 4));
    const bool open = pick(0, 1);
    const bool constant = pick(0, 1);
    const auto longest = pick(1, 40);
    int64_t shown = pick(-3000, 100000);
    for (size_t group = 0, groups = static_cast<size_t>(pick(1, 25)); group < groups; ++group) {
      std::vector<packet> frames(static_cast<size_t>(pick(1, longest)));
      for (auto& p : frames) {
        p.shown = shown;
        p.group = group;
        shown += constant ? 3600 : pick(1, 20000);
      }
      add_group(f, std::move(frames), open && group > 0);
    }
    place(f);
    return f;
  }

  std::mt19937_64& random() {
    return random_;
  }

private:
  /// An open group begins, when shown, with some frames that are decoded after its keyframe.
  void add_group(film& f, std::vector<packet> frames, bool open) {
    auto leading =
      open ? static_cast<size_t>(pick(0, static_cast<int64_t>(std::min(f.reorder, frames.size() - 1)))) : 0;
    for (size_t i = 0; i < leading; ++i)
      frames[i].leading = true;
    frames[leading].key = true;
    std::rotate(frames.begin(), frames.begin() + static_cast<long>(leading),
                frames.begin() + static_cast<long>(leading) + 1);
    // Pyramids: the last of a few frames is decoded first.
    for (size_t i = leading + 1; i < frames.size();) {
      auto n = std::min<size_t>(static_cast<size_t>(pick(1, static_cast<int64_t>(f.reorder) + 1)), frames.size() - i);
      std::rotate(frames.begin() + static_cast<long>(i), frames.begin() + static_cast<long>(i + n - 1),
                  frames.begin() + static_cast<long>(i + n));
      i += n;
    }
    f.packets.insert(f.packets.end(), frames.begin(), frames.end());
  }

  /// Where in the file, and by which clock.
  void place(film& f) {
    int64_t position = 0;
    // Whole seconds, which are whole units.
    int64_t seconds = pick(-100, 100);
    f.shifts.push_back({0, seconds * 1'000'000});
    for (auto& p : f.packets) {
      position += pick(1, 10000);
      p.position = position;
      if (f.by_position && pick(0, 50) == 0) {
        seconds = pick(-100000, 100000);
        f.shifts.push_back({position, seconds * 1'000'000});
      }
      p.time = p.shown - seconds * 90000;
    }
  }

  std::mt19937_64 random_;
};

keyframe_lookup lookup_in(const film& f) {
  return [&f](int64_t time) -> result<std::optional<cut_point>> {
    std::optional<keyframe> before;
    for (auto& p : f.packets) {
      if (!p.key)
        continue;
      keyframe k{p.shown, p.time, p.position};
      if (p.shown >= time)
        return std::optional{cut_point{k, before}};
      before = k;
    }
    return std::optional<cut_point>{};
  };
}

film_extent extent_of(const film& f) {
  auto by_time = [](auto& a, auto& b) { return a.shown < b.shown; };
  auto [first, last] = std::minmax_element(f.packets.begin(), f.packets.end(), by_time);
  return {first->shown, last->shown + 3600, 1.0 / 90000};
}

/// The frames that a decoder gives for the packets from `from` on, in the order in which they are shown, until `take`
/// says that it is enough.
void decode(const film& f, const media_chunk& chunk, size_t delay, const std::function<bool(const packet&)>& take) {
  chunk_window window(chunk);
  auto later = [](const packet& a, const packet& b) { return a.shown > b.shown; };
  std::vector<packet> held;
  std::set<size_t> groups;
  auto give = [&] {
    std::pop_heap(held.begin(), held.end(), later);
    auto p = held.back();
    held.pop_back();
    return take(p);
  };
  for (auto& p : f.packets) {
    if (!window.admits(p.time, p.position, p.key)) {
      if (window.missed())
        throw std::runtime_error("passed by the keyframe with which decoding begins");
      continue;
    }
    auto shift = window.shift_at(f.by_position ? p.position : -1) * 9 / 100;
    if (p.time + shift != p.shown)
      throw std::runtime_error("a packet is put at another time than it has in the whole");
    if (p.key)
      groups.insert(p.group);
    // What refers to a picture that was never decoded does not come out.
    if (!groups.count(p.group) || (p.leading && !groups.count(p.group - 1)))
      continue;
    held.push_back(p);
    std::push_heap(held.begin(), held.end(), later);
    if (held.size() > f.reorder + delay && !give())
      return;
  }
  while (!held.empty())
    if (!give())
      return;
}

} // namespace

CAF_TEST(every frame belongs to exactly one chunk and can be decoded there) {
  size_t films = 0;
  size_t chunks_seen = 0;
  test::for_seeds(4000, [&](uint64_t seed) {
    ++films;
    maker m(seed);
    auto f = m.make();
    chunk_wishes wishes;
    wishes.count = static_cast<uint32_t>(m.pick(0, 40));
    wishes.seconds = static_cast<double>(m.pick(1, 20));
    wishes.min_seconds = static_cast<double>(m.pick(0, 3));
    auto cuts = choose_cuts(wishes, extent_of(f), lookup_in(f));
    CAF_REQUIRE(cuts.has_value());
    auto chunks = make_chunks(*cuts, f.shifts, f.by_position, f.unit);
    chunks_seen += chunks.size();
    CAF_REQUIRE(chunks.size() <= max_chunks);
    CAF_REQUIRE(wishes.count == 0 || chunks.size() <= wishes.count);
    std::map<int64_t, int> times;
    for (auto& chunk : chunks) {
      const auto shortest = static_cast<int64_t>(wishes.min_seconds * 90000);
      CAF_REQUIRE(chunk.begin < chunk.end);
      if (chunk.begin != INT64_MIN && chunk.end != INT64_MAX)
        CAF_REQUIRE(chunk.end - chunk.begin >= shortest);
      chunk_window window(chunk);
      const auto finer = static_cast<int>(m.pick(1, 4));
      decode(f, chunk, static_cast<size_t>(m.pick(0, 8)), [&](const packet& p) {
        auto place = window.place(p.shown * finer, {1, 90000 * finer});
        if (place == chunk_place::inside)
          ++times[p.shown];
        return place != chunk_place::after;
      });
    }
    for (auto& p : f.packets)
      CAF_REQUIRE_EQUAL(times[p.shown], 1);
    CAF_REQUIRE_EQUAL(times.size(), f.packets.size());
  });
  // Films that are never cut would prove nothing.
  if (!std::getenv("TROUPE_SEED"))
    CAF_CHECK(chunks_seen > 2 * films);
}

CAF_TEST(chunks are as many and as long as keyframes allow) {
  film f;
  for (int64_t second = 0; second < 100; ++second)
    f.packets.push_back({second * 90000, second * 90000, second, true, static_cast<size_t>(second), false});
  auto cuts_for = [&](uint32_t count, double seconds, double shortest) {
    auto cuts = choose_cuts({count, seconds, shortest}, {0, 100 * 90000, 1.0 / 90000}, lookup_in(f));
    CAF_REQUIRE(cuts.has_value());
    return cuts->size() + 1;
  };
  CAF_CHECK_EQUAL(cuts_for(1, 0, 0), 1u);
  CAF_CHECK_EQUAL(cuts_for(7, 0, 0), 7u);
  CAF_CHECK_EQUAL(cuts_for(100, 0, 0), 100u);
  CAF_CHECK_EQUAL(cuts_for(5000, 0, 0), 100u);
  CAF_CHECK_EQUAL(cuts_for(0, 10, 2), 10u);
  CAF_CHECK_EQUAL(cuts_for(0, 1000, 2), 1u);
  CAF_CHECK_EQUAL(cuts_for(50, 0, 25), 4u);
  CAF_CHECK_EQUAL(cuts_for(50, 0, 200), 1u);
  // The lookup's error is the plan's.
  auto failed = choose_cuts({4, 0, 0}, {0, 100, 1}, [](int64_t) -> result<std::optional<cut_point>> {
    return {errc::io, "gone"};
  });
  CAF_REQUIRE(!failed);
  CAF_CHECK(failed.error().code == errc::io);
}

CAF_TEST(decoding times rise and come before showing) {
  test::for_seeds(3000, [](uint64_t seed) {
    maker m(seed);
    auto f = m.make();
    // As a joined film: every piece begins with a keyframe that is shown first.
    std::vector<int64_t> pts;
    for (auto& p : f.packets)
      if (!p.leading)
        pts.push_back(p.shown);
    auto delay = f.reorder + static_cast<size_t>(m.pick(0, 2));
    decode_times times(delay);
    std::vector<int64_t> dts;
    auto drain = [&](bool all) {
      while (auto t = times.pop(all))
        dts.push_back(*t);
    };
    for (size_t n = 1; n <= pts.size(); ++n) {
      times.push(pts[n - 1]);
      drain(false);
      // Few packets have to be kept waiting.
      CAF_REQUIRE(n - dts.size() <= 2 * delay);
    }
    drain(true);
    CAF_REQUIRE_EQUAL(dts.size(), pts.size());
    for (size_t i = 0; i < dts.size(); ++i) {
      CAF_REQUIRE(dts[i] <= pts[i]);
      if (i > 0)
        CAF_REQUIRE(dts[i - 1] < dts[i]);
    }
    // Behind the lead they are the times of showing, and the lead is as they would have it.
    auto sorted = pts;
    std::sort(sorted.begin(), sorted.end());
    for (size_t i = 0; i < dts.size() && dts.size() > delay; ++i)
      CAF_REQUIRE_EQUAL(dts[i], i < delay ? sorted[i] - (sorted[delay] - sorted[0]) : sorted[i - delay]);
  });
}
