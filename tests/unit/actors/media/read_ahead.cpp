#define CAF_SUITE media.read_ahead

#include "actors/media/read_ahead.hpp"

#include "tests/support/seeds.hpp"

#include <caf/make_message.hpp>

#include <map>
#include <set>

using namespace troupe;
using namespace troupe::work;

namespace {

constexpr uint64_t kilo = 1024;
constexpr uint64_t mega = 1024 * kilo;

[[noreturn]] void broken(const std::string& what) {
  throw std::runtime_error(what);
}

/// One operation: reads pieces here and there, and asks for what it was not told to be there, as an executor does.
struct model_reader {
  uint64_t id = 0;
  uint64_t expected = 0;
  std::vector<byte_span> pieces;
  size_t at = 0;
  byte_spans known;
  byte_spans read;
  /// Under way.
  std::optional<uint64_t> need;
};

class model {
public:
  explicit model(uint64_t seed) : random_(seed), size_(1 + random_() % (8 * mega)) {
    std::vector<byte_span> present;
    for (auto n = random_() % 3; n > 0; --n) {
      auto begin = random_() % size_;
      present.push_back({begin, begin + random_() % (size_ - begin + 1)});
      initially_.add(present.back());
    }
    failing_ = random_() % 3 == 0;
    jumping_ = random_() % 2 == 0;
    plan_.emplace(size_, present, read_ahead::settings{});
    for (auto n = 1 + random_() % 4; n > 0; --n)
      add_reader();
  }

  void run() {
    for (uint64_t steps = 0; !over(); ++steps) {
      if (steps > 400'000)
        broken("it does not come to an end");
      for (auto& r : readers_)
        if (random_() % 2 == 0)
          advance(r);
      start_all();
      if (!fetches_.empty() && random_() % 2 == 0)
        end_one();
      answer();
    }
    while (!fetches_.empty())
      end_one();
    judge();
  }

private:
  void add_reader() {
    model_reader r;
    // One after the other, with a jump now and then.
    auto position = random_() % size_;
    uint64_t total = 0;
    for (auto n = 1 + random_() % 200; n > 0; --n) {
      if (jumping_ && random_() % 10 == 0)
        position = random_() % size_;
      if (position == size_)
        break;
      const auto end = std::min(size_, position + 1 + random_() % (64 * kilo));
      r.pieces.push_back({position, end});
      total += end - position;
      position = end;
    }
    // About right, or not told.
    r.expected = random_() % 2 == 0 ? 0 : total * (90 + random_() % 30) / 100;
    r.id = plan_->open(r.expected);
    readers_.push_back(std::move(r));
  }

  bool over() const {
    return std::all_of(readers_.begin(), readers_.end(), [](auto& r) { return r.at == r.pieces.size(); });
  }

  void advance(model_reader& r) {
    if (r.need || r.at == r.pieces.size())
      return;
    const auto piece = r.pieces[r.at];
    auto gaps = r.known.missing(piece);
    if (gaps.empty()) {
      r.read.add(piece);
      ++r.at;
      return;
    }
    r.need = ++last_need_;
    wanted_[*r.need] = gaps.front();
    plan_->need(r.id, *r.need, gaps.front());
  }

  void start_all() {
    while (auto next = plan_->next()) {
      if (next->what.begin >= next->what.end || next->what.end > size_)
        broken("a fetch of nothing, or beyond the end");
      if (next->what.end - next->what.begin > 4 * mega)
        broken("a fetch of too much");
      if (plan_->present().missing(next->what) != std::vector{next->what})
        broken("a fetch of what is here");
      for (auto& [id, what] : fetches_)
        if (what.begin < next->what.end && next->what.begin < what.end)
          broken("two fetches of the same bytes");
      if (!fetches_.emplace(next->id, next->what).second || fetches_.size() > 4)
        broken("too many fetches");
    }
    // Whoever waits is waiting for something.
    for (auto& r : readers_)
      if (r.need && fetches_.empty() && !plan_->present().covers(wanted_.at(*r.need)))
        broken("a need that nobody fetches");
  }

  void end_one() {
    auto at = std::next(fetches_.begin(), static_cast<long>(random_() % fetches_.size()));
    const auto length = at->second.end - at->second.begin;
    const auto bytes = failing_ && random_() % 4 == 0 ? random_() % length : length;
    fetched_ += bytes;
    plan_->ended(at->first, bytes);
    fetches_.erase(at);
  }

  void answer() {
    for (auto& x : plan_->answered()) {
      auto node = wanted_.extract(x.id);
      if (node.empty())
        broken("an answer that nobody waits for");
      const auto wanted = node.mapped();
      if (x.there.begin > wanted.begin || x.there.end < wanted.end || x.there.end > size_)
        broken("an answer that does not cover what was needed");
      if (!plan_->present().covers(x.there))
        broken("an answer with bytes that are not here");
      auto r = std::find_if(readers_.begin(), readers_.end(), [&](auto& y) { return y.need == x.id; });
      r->known.add(x.there);
      r->need.reset();
    }
  }

  void judge() const {
    uint64_t allowed = 0;
    auto wasted = plan_->present();
    for (auto& r : readers_) {
      uint64_t total = 0;
      for (auto& piece : r.pieces) {
        wasted.remove(piece);
        total += piece.end - piece.begin;
      }
      // One that jumps may come down where it seems to have read on to, again and again.
      allowed += std::max(total, r.expected) / (jumping_ ? 4 : 20);
    }
    // Of what was here at first nothing was fetched.
    uint64_t in_vain = 0;
    for (auto& gap : initially_.missing({0, size_})) {
      auto part = wasted;
      part.remove({0, gap.begin});
      part.remove({gap.end, size_});
      in_vain += part.bytes();
    }
    const auto fetched_twice = fetched_ - (plan_->present().bytes() - initially_.bytes());
    if (fetched_twice > 0)
      broken(std::to_string(fetched_twice) + " bytes were fetched twice");
    if (in_vain > allowed)
      broken(std::to_string(in_vain) + " bytes were fetched in vain, " + std::to_string(allowed) + " may be");
    for (auto& r : readers_)
      if (r.need)
        broken("a need without an answer");
  }

  std::mt19937_64 random_;
  uint64_t size_;
  bool failing_ = false;
  bool jumping_ = false;
  byte_spans initially_;
  std::optional<read_ahead> plan_;
  std::vector<model_reader> readers_;
  std::map<uint64_t, byte_span> wanted_;
  std::map<uint64_t, byte_span> fetches_;
  uint64_t last_need_ = 0;
  uint64_t fetched_ = 0;
};

/// Ends all fetches, and those that follow; what was fetched.
std::vector<byte_span> fetch_all(read_ahead& plan) {
  std::vector<byte_span> out;
  while (auto next = plan.next()) {
    out.push_back(next->what);
    plan.ended(next->id, next->what.end - next->what.begin);
  }
  return out;
}

} // namespace

CAF_TEST(every need is satisfied and no byte is fetched twice) {
  test::for_seeds(1000, [](uint64_t seed) { model{seed}.run(); });
}

CAF_TEST(parts of a file) {
  byte_spans x;
  x.add({10, 20});
  x.add({30, 40});
  x.add({5, 5});
  CAF_CHECK(x.missing({0, 50}) == (std::vector<byte_span>{{0, 10}, {20, 30}, {40, 50}}));
  CAF_CHECK(x.covers({12, 20}) && !x.covers({12, 21}) && x.covers({3, 3}));
  x.add({20, 30});
  CAF_CHECK(x.around(15) == (byte_span{10, 40}));
  x.remove({15, 16});
  CAF_CHECK(x.missing({10, 40}) == (std::vector<byte_span>{{15, 16}}));
  CAF_CHECK_EQUAL(x.bytes(), 29u);
  CAF_CHECK(x.around(15) == (byte_span{15, 15}));
}

CAF_TEST(who reads on gets more and more ahead of what it asks for) {
  read_ahead plan{1000 * mega, {}, {}};
  auto reader = plan.open(1000 * mega);
  uint64_t position = 0;
  uint64_t largest = 0;
  size_t needs = 0;
  for (; position < 100 * mega; ++needs) {
    plan.need(reader, needs + 1, {position, position + 64 * kilo});
    for (auto& x : fetch_all(plan))
      largest = std::max(largest, x.end - x.begin);
    auto told = plan.answered();
    CAF_REQUIRE_EQUAL(told.size(), 1u);
    position = told[0].there.end;
    // Without a need: while the reader computes.
    for (auto& x : fetch_all(plan))
      largest = std::max(largest, x.end - x.begin);
  }
  CAF_CHECK_EQUAL(largest, 4 * mega);
  CAF_CHECK(needs < 50);
  CAF_CHECK(plan.present().around(0).end > position);
}

CAF_TEST(who jumps about gets what it asks for) {
  read_ahead plan{1000 * mega, {}, {}};
  auto reader = plan.open(0);
  std::mt19937_64 random{3};
  for (uint64_t n = 1; n < 500; ++n) {
    auto at = random() % (999 * mega);
    plan.need(reader, n, {at, at + 32 * kilo});
    uint64_t bytes = 0;
    for (auto& x : fetch_all(plan))
      bytes += x.end - x.begin;
    CAF_CHECK(bytes <= 32 * kilo);
    CAF_CHECK_EQUAL(plan.answered().size(), 1u);
  }
}

CAF_TEST(nothing is fetched ahead behind what a reader is expected to read) {
  read_ahead plan{1000 * mega, {}, {}};
  auto reader = plan.open(20 * mega);
  uint64_t position = 100 * mega;
  for (uint64_t n = 1; position < 120 * mega; ++n) {
    plan.need(reader, n, {position, position + 64 * kilo});
    fetch_all(plan);
    position = plan.answered().at(0).there.end;
    fetch_all(plan);
  }
  CAF_CHECK(plan.present().bytes() >= 20 * mega);
  CAF_CHECK(plan.present().bytes() <= 20 * mega + 64 * kilo);
}

CAF_TEST(a need joins what is under way and goes first otherwise) {
  read_ahead plan{100 * mega, {{0, mega}}, {}};
  auto a = plan.open(0);
  auto b = plan.open(0);
  // Here already: nothing to fetch, and more is told than was asked for.
  plan.need(a, 1, {0, 100});
  CAF_CHECK(!plan.next());
  CAF_CHECK(plan.answered().at(0).there == (byte_span{0, mega}));
  plan.need(a, 2, {mega - 100, mega + 1000});
  auto first = plan.next();
  CAF_REQUIRE(first && first->what == (byte_span{mega, mega + 1000}));
  CAF_CHECK_EQUAL(first->reader, a);
  plan.need(b, 3, {mega + 500, mega + 2000});
  auto second = plan.next();
  CAF_REQUIRE(second && second->what == (byte_span{mega + 1000, mega + 2000}));
  CAF_CHECK_EQUAL(second->reader, b);
  CAF_CHECK(!plan.next());
  // The first broke off, its reader is gone: the other one fetches what it needs of it.
  plan.close(a);
  plan.ended(first->id, 700);
  plan.ended(second->id, 1000);
  CAF_CHECK(plan.answered().empty());
  auto third = plan.next();
  CAF_REQUIRE(third && third->what == (byte_span{mega + 700, mega + 1000}));
  CAF_CHECK_EQUAL(third->reader, b);
  plan.ended(third->id, 300);
  CAF_CHECK_EQUAL(plan.answered().at(0).id, 3u);
}
