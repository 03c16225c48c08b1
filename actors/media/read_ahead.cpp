#include "actors/media/read_ahead.hpp"

#include <algorithm>

namespace troupe::work {

namespace {

/// Places that a reader is known to read on at: picture and sound that a film keeps apart, and two threads.
constexpr size_t max_runs = 4;

} // namespace

read_ahead::read_ahead(uint64_t size, const std::vector<byte_span>& present, settings how) : size_(size), how_(how) {
  for (auto& x : present) {
    present_.add(x);
    claimed_.add(x);
  }
}

uint64_t read_ahead::open(uint64_t expected) {
  auto id = ++last_id_;
  readers_[id].expected = expected;
  return id;
}

void read_ahead::close(uint64_t reader) {
  readers_.erase(reader);
  std::erase_if(needs_, [&](auto& x) { return x.reader == reader; });
}

void read_ahead::drop(uint64_t id) {
  std::erase_if(needs_, [&](auto& x) { return x.id == id; });
}

/// The reader has gone through what it was told of.
void read_ahead::pass(reader_state& r, byte_span told) {
  r.passed += told.end - told.begin;
  const auto before = r.unread.bytes();
  r.unread.remove(told);
  r.used += before - r.unread.bytes();
}

read_ahead::run& read_ahead::run_of(reader_state& r, byte_span wanted) {
  auto goes_on = [&](const run& x) {
    return wanted.begin >= x.told && wanted.begin - x.told <= std::max(how_.first_window, x.window);
  };
  auto found = std::find_if(r.runs.begin(), r.runs.end(), goes_on);
  if (found == r.runs.end()) {
    if (r.runs.size() == max_runs)
      r.runs.pop_back();
    r.runs.insert(r.runs.begin(), run{wanted.begin, wanted.end, 0, 0});
    return r.runs.front();
  }
  std::rotate(r.runs.begin(), found, found + 1);
  auto& x = r.runs.front();
  // A gap, if there is one, is not worth a run of its own.
  pass(r, {x.asked, x.told});
  x.window = x.window == 0 ? how_.first_window : std::min(2 * x.window, how_.max_window);
  x.asked = wanted.begin;
  x.told = wanted.end;
  return x;
}

uint64_t read_ahead::room_of(const reader_state& r) const {
  const auto most = 2 * ((r.expected > 0 ? r.expected : r.used) / how_.parts);
  const auto left = most - std::min(most, r.unread.bytes());
  return left < how_.least_window ? 0 : left;
}

uint64_t read_ahead::window_of(const reader_state& r, const run& x) const {
  auto window = std::min(x.window, (r.expected > 0 ? r.expected : r.used) / how_.parts);
  if (r.expected > 0)
    window = std::min(window, r.expected - std::min(r.expected, r.passed + (x.told - x.asked)));
  return window < how_.least_window ? 0 : window;
}

void read_ahead::look_ahead(const reader_state& r, run& x) {
  x.ahead = std::min(size_, x.told + window_of(r, x));
}

void read_ahead::need(uint64_t reader, uint64_t id, byte_span wanted) {
  auto found = readers_.find(reader);
  if (found == readers_.end())
    return;
  needs_.push_back({id, reader, wanted});
  auto& r = found->second;
  if (r.announces)
    return;
  auto& x = run_of(r, wanted);
  r.unread.remove(wanted);
  r.used += wanted.end - wanted.begin;
  look_ahead(r, x);
}

void read_ahead::announce(uint64_t reader, const std::vector<byte_span>& coming) {
  auto found = readers_.find(reader);
  if (found == readers_.end())
    return;
  auto& r = found->second;
  r.announces = true;
  r.runs.clear();
  r.unread.clear();
  const auto room = how_.max_coming - std::min(how_.max_coming, r.coming.size());
  r.coming.insert(r.coming.end(), coming.begin(), coming.begin() + static_cast<long>(std::min(room, coming.size())));
}

bool read_ahead::gather(pieces& to, byte_span wanted) {
  for (auto gap : claimed_.missing(wanted)) {
    if (to.room == 0 || to.what.size() == how_.max_pieces)
      return false;
    gap.end = std::min(gap.end, gap.begin + to.room);
    to.room -= gap.end - gap.begin;
    claimed_.add(gap);
    if (!to.what.empty() && to.what.back().end == gap.begin)
      to.what.back().end = gap.end;
    else
      to.what.push_back(gap);
  }
  return claimed_.covers(wanted);
}

std::optional<read_ahead::fetch> read_ahead::start(uint64_t reader, pieces x) {
  if (x.what.empty())
    return std::nullopt;
  // What was announced may not be in the order of the file.
  byte_spans sorted;
  for (auto& piece : x.what)
    sorted.add(piece);
  auto what = sorted.list();
  fetches_.emplace(++last_id_, what);
  return fetch{last_id_, reader, std::move(what)};
}

std::optional<read_ahead::fetch> read_ahead::start(uint64_t reader, byte_span wanted, uint64_t most) {
  pieces x{std::min(most, how_.max_window), {}};
  gather(x, wanted);
  return start(reader, std::move(x));
}

/// The next of what was announced, as many pieces as one fetch takes.
std::optional<read_ahead::fetch> read_ahead::start_coming(uint64_t reader, reader_state& r) {
  pieces x{how_.max_window, {}};
  while (!r.coming.empty() && gather(x, r.coming.front()))
    r.coming.pop_front();
  return start(reader, std::move(x));
}

std::optional<read_ahead::fetch> read_ahead::next() {
  if (fetches_.size() >= how_.max_fetches)
    return std::nullopt;
  for (auto& x : needs_)
    if (auto out = start(x.reader, x.wanted, how_.max_window))
      return out;
  if (fetches_.size() + 1 >= how_.max_fetches)
    return std::nullopt;
  for (auto& [id, r] : readers_) {
    const auto most = room_of(r);
    for (auto& x : r.runs)
      if (auto out = most > 0 ? start(id, {x.told, x.ahead}, most) : std::nullopt) {
        for (auto& piece : out->what)
          r.unread.add(piece);
        return out;
      }
    if (auto out = start_coming(id, r))
      return out;
  }
  return std::nullopt;
}

void read_ahead::ended(uint64_t id, uint64_t bytes) {
  auto node = fetches_.extract(id);
  if (node.empty())
    return;
  std::vector<byte_span> lost;
  for (auto& piece : node.mapped()) {
    const auto here = piece.begin + std::min(bytes, piece.end - piece.begin);
    bytes -= here - piece.begin;
    present_.add({piece.begin, here});
    claimed_.remove({here, piece.end});
    if (here < piece.end)
      lost.push_back({here, piece.end});
  }
  if (lost.empty())
    return;
  for (auto& [reader, r] : readers_) {
    for (auto& x : lost)
      r.unread.remove(x);
    for (auto& x : r.runs)
      x.ahead = 0;
  }
}

byte_span read_ahead::known_around(byte_span wanted) const {
  auto part = present_.around(wanted.begin);
  part.begin = std::max(part.begin, wanted.begin - std::min(wanted.begin, how_.max_answer));
  part.end = std::min(part.end, std::max(wanted.end, wanted.begin + how_.max_answer));
  return part;
}

std::vector<read_ahead::answer> read_ahead::answered() {
  std::vector<answer> out;
  for (auto at = needs_.begin(); at != needs_.end();) {
    if (!present_.covers(at->wanted)) {
      ++at;
      continue;
    }
    const auto there = known_around(at->wanted);
    out.push_back({at->id, there});
    auto& r = readers_.at(at->reader);
    for (auto& x : r.runs)
      if (x.asked == at->wanted.begin) {
        x.told = std::max(x.told, there.end);
        look_ahead(r, x);
      }
    at = needs_.erase(at);
  }
  return out;
}

} // namespace troupe::work
