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

uint64_t total(const std::vector<byte_span>& pieces) {
  uint64_t out = 0;
  for (auto& x : pieces)
    out += x.end - x.begin;
  return out;
}

/// One operation: reads pieces here and there, and asks for what it was not told to be there, as an executor does.
struct model_reader {
  uint64_t id = 0;
  uint64_t expected = 0;
  std::vector<byte_span> pieces;
  size_t at = 0;
  byte_spans known;
  byte_spans read;
  /// It tells beforehand what it reads; so many pieces of it were told.
  bool announces = false;
  size_t told = 0;
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
    r.announces = random_() % 3 == 0;
    r.id = plan_->open(r.expected);
    readers_.push_back(std::move(r));
  }

  bool over() const {
    return std::all_of(readers_.begin(), readers_.end(), [](auto& r) { return r.at == r.pieces.size(); });
  }

  void advance(model_reader& r) {
    if (r.need || r.at == r.pieces.size())
      return;
    if (r.announces && r.told < r.pieces.size() && r.told < r.at + 20) {
      const auto end = std::min(r.pieces.size(), r.told + 1 + random_() % 50);
      plan_->announce(r.id, {r.pieces.begin() + static_cast<long>(r.told), r.pieces.begin() + static_cast<long>(end)});
      r.told = end;
    }
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
      if (next->what.empty() || next->what.size() > 32)
        broken("a fetch of nothing, or of too many pieces");
      for (auto& piece : next->what)
        check(piece);
      for (size_t i = 1; i < next->what.size(); ++i)
        if (next->what[i].begin <= next->what[i - 1].end)
          broken("pieces that touch or are not in order");
      if (total(next->what) > 4 * mega)
        broken("a fetch of too much");
      if (!fetches_.emplace(next->id, next->what).second || fetches_.size() > 4)
        broken("too many fetches");
    }
    // Whoever waits is waiting for something.
    for (auto& r : readers_)
      if (r.need && fetches_.empty() && !plan_->present().covers(wanted_.at(*r.need)))
        broken("a need that nobody fetches");
  }

  void check(byte_span piece) {
    if (piece.begin >= piece.end || piece.end > size_)
      broken("a fetch of nothing, or beyond the end");
    if (plan_->present().missing(piece) != std::vector{piece})
      broken("a fetch of what is here");
    for (auto& [id, pieces] : fetches_)
      for (auto& other : pieces)
        if (other.begin < piece.end && piece.begin < other.end)
          broken("two fetches of the same bytes");
  }

  void end_one() {
    auto at = std::next(fetches_.begin(), static_cast<long>(random_() % fetches_.size()));
    const auto length = total(at->second);
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
  std::map<uint64_t, std::vector<byte_span>> fetches_;
  uint64_t last_need_ = 0;
  uint64_t fetched_ = 0;
};

/// Ends all fetches, and those that follow; what was fetched.
std::vector<byte_span> fetch_all(read_ahead& plan) {
  std::vector<byte_span> out;
  while (auto next = plan.next()) {
    out.insert(out.end(), next->what.begin(), next->what.end());
    plan.ended(next->id, total(next->what));
  }
  return out;
}

std::vector<byte_span> one(uint64_t begin, uint64_t end) {
  return {{begin, end}};
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

CAF_TEST(who tells what it is going to read gets just that and in few fetches) {
  read_ahead plan{1000 * mega, {}, {}};
  auto reader = plan.open(0);
  // The sound between the pictures.
  std::vector<byte_span> sound;
  for (uint64_t at = mega; at < 11 * mega; at += 26 * kilo)
    sound.push_back({at, at + 800});
  plan.need(reader, 1, {0, 64 * kilo});
  CAF_CHECK(fetch_all(plan) == one(0, 64 * kilo));
  CAF_CHECK_EQUAL(plan.answered().size(), 1u);
  plan.announce(reader, {sound.begin(), sound.begin() + 100});
  plan.announce(reader, {sound.begin() + 100, sound.end()});
  // One is left for what is needed.
  std::vector<read_ahead::fetch> running;
  while (auto next = plan.next())
    running.push_back(*next);
  CAF_REQUIRE_EQUAL(running.size(), 3u);
  for (auto& x : running)
    CAF_CHECK_EQUAL(x.what.size(), 32u);
  CAF_CHECK(running[0].what.front() == sound.front());
  plan.need(reader, 2, sound[200]);
  auto urgent = plan.next();
  CAF_REQUIRE(urgent && urgent->what == std::vector{sound[200]});
  plan.ended(urgent->id, 800);
  CAF_CHECK(plan.answered().at(0).there == sound[200]);
  for (auto& x : running)
    plan.ended(x.id, total(x.what));
  fetch_all(plan);
  // All of it and nothing else, and needs are met without a fetch.
  CAF_CHECK_EQUAL(plan.present().bytes(), 64 * kilo + total(sound));
  uint64_t id = 2;
  for (auto& x : sound) {
    plan.need(reader, ++id, x);
    CAF_CHECK(!plan.next());
    CAF_CHECK_EQUAL(plan.answered().size(), 1u);
  }
}

CAF_TEST(what was announced and did not come is fetched when it is needed) {
  read_ahead plan{mega, {}, {}};
  auto reader = plan.open(0);
  plan.announce(reader, {{1000, 2000}, {500, 1000}, {5000, 6000}});
  auto first = plan.next();
  // Told in another order, and touching.
  CAF_REQUIRE(first && first->what == (std::vector<byte_span>{{500, 2000}, {5000, 6000}}));
  plan.ended(first->id, 1700);
  CAF_CHECK(!plan.next());
  plan.need(reader, 1, {5000, 6000});
  auto again = plan.next();
  CAF_REQUIRE(again && again->what == one(5200, 6000));
  plan.ended(again->id, 800);
  CAF_CHECK_EQUAL(plan.answered().size(), 1u);
  // A flood of announcements has an end.
  read_ahead::settings few;
  few.max_coming = 10;
  read_ahead small{mega, {}, few};
  reader = small.open(0);
  std::vector<byte_span> many;
  for (uint64_t i = 0; i < 1000; ++i)
    many.push_back({i * 100, i * 100 + 50});
  small.announce(reader, many);
  CAF_CHECK_EQUAL(fetch_all(small).size(), 10u);
  small.announce(reader + 1, many);
  CAF_CHECK(!small.next());
}

CAF_TEST(a window over places that are here is one fetch) {
  std::vector<byte_span> here;
  for (uint64_t i = 0; i < 10; ++i)
    here.push_back({i * 10 * kilo, i * 10 * kilo + 100});
  read_ahead plan{mega, here, {}};
  auto reader = plan.open(0);
  plan.need(reader, 1, {0, 100 * kilo});
  auto next = plan.next();
  CAF_REQUIRE(next.has_value());
  CAF_CHECK_EQUAL(next->what.size(), 10u);
  CAF_CHECK_EQUAL(total(next->what), 100 * kilo - 1000);
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
  CAF_REQUIRE(first && first->what == one(mega, mega + 1000));
  CAF_CHECK_EQUAL(first->reader, a);
  plan.need(b, 3, {mega + 500, mega + 2000});
  auto second = plan.next();
  CAF_REQUIRE(second && second->what == one(mega + 1000, mega + 2000));
  CAF_CHECK_EQUAL(second->reader, b);
  CAF_CHECK(!plan.next());
  // The first broke off, its reader is gone: the other one fetches what it needs of it.
  plan.close(a);
  plan.ended(first->id, 700);
  plan.ended(second->id, 1000);
  CAF_CHECK(plan.answered().empty());
  auto third = plan.next();
  CAF_REQUIRE(third && third->what == one(mega + 700, mega + 1000));
  CAF_CHECK_EQUAL(third->reader, b);
  plan.ended(third->id, 300);
  CAF_CHECK_EQUAL(plan.answered().at(0).id, 3u);
}
