#include "actors/media/source_fetches.hpp"

#include <algorithm>

namespace troupe::work {

namespace {

/// Only while nothing is locked: it may call back.
void cancel_all(source_fetches::lock_type& lock, const std::vector<std::shared_ptr<ports::transfer>>& transfers) {
  lock.unlock();
  for (auto& x : transfers)
    x->cancel();
  lock.lock();
}

} // namespace

uint64_t bytes_of(const std::vector<byte_span>& pieces) noexcept {
  uint64_t out = 0;
  for (auto& x : pieces)
    out += x.end - x.begin;
  return out;
}

source_fetches::source_fetches(std::shared_ptr<inbox> box, std::shared_ptr<ports::cached_source> file, uint64_t begin,
                               std::shared_ptr<ports::source_cache> cache, std::shared_ptr<ports::peer_files> peers,
                               const clock& time) :
  inbox_(std::move(box)),
  file_(std::move(file)), begin_(begin), cache_(std::move(cache)), peers_(std::move(peers)), clock_(time) {
}

result<void> source_fetches::make_room(lock_type& lock, uint64_t bytes) {
  lock.unlock();
  auto room = cache_->make_room(bytes);
  lock.lock();
  return room;
}

bool source_fetches::made_room(lock_type& lock, uint64_t bytes) {
  lock.unlock();
  const auto made = cache_->disk_full(bytes);
  lock.lock();
  return made.has_value();
}

void source_fetches::start(lock_type& lock, uint64_t id, order what) {
  ports::range_fetch asked;
  asked.url = what.url;
  asked.ranges = what.what;
  for (auto& range : asked.ranges) {
    range.begin += begin_;
    range.end += begin_;
  }
  asked.base = begin_;
  asked.descriptor = file_->descriptor();
  running_[id] = {std::move(what), nullptr};
  lock.unlock();
  // They hold the file, which has to be open until the end, and nothing else of us.
  auto transfer = peers_->fetch(
    std::move(asked), [box = inbox_, time = &clock_](uint64_t) { box->moved = time->mono(); },
    [box = inbox_, file = file_, id](ports::peer_files::fetched how) {
      std::lock_guard guard{box->mutex};
      box->ended.emplace_back(id, std::move(how));
      box->changed.notify_all();
    });
  lock.lock();
  running_[id].transfer = std::move(transfer);
}

void source_fetches::cancel(lock_type& lock, uint64_t holder) {
  std::vector<std::shared_ptr<ports::transfer>> transfers;
  for (auto& [id, x] : running_)
    if (x.of.holder == holder && x.transfer)
      transfers.push_back(x.transfer);
  cancel_all(lock, transfers);
}

std::optional<source_fetches::ended_fetch> source_fetches::take_ended(lock_type& lock) {
  auto [id, how] = std::move(inbox_->ended.front());
  inbox_->ended.pop_front();
  auto node = running_.extract(id);
  if (node.empty())
    return std::nullopt;
  ended_fetch out{id, std::move(node.mapped().of), 0, std::move(how.failure)};
  const auto length = bytes_of(out.of.what);
  const auto bytes = std::min(how.bytes, length);
  if (bytes > 0) {
    lock.unlock();
    auto marked = mark(out.of.what, bytes);
    lock.lock();
    if (marked)
      out.bytes = bytes;
    else
      out.failure = std::move(marked).error();
  }
  if (out.bytes == length)
    out.failure = error{errc::none, {}};
  else if (out.failure.code == errc::none)
    out.failure = error{errc::io, "the transfer broke off"};
  return out;
}

void source_fetches::leave(lock_type& lock) {
  std::vector<std::shared_ptr<ports::transfer>> transfers;
  for (auto& [id, x] : std::exchange(running_, {}))
    if (x.transfer)
      transfers.push_back(x.transfer);
  cancel_all(lock, transfers);
  cache_.reset();
  peers_.reset();
  file_.reset();
}

result<void> source_fetches::mark(const std::vector<byte_span>& pieces, uint64_t bytes) {
  for (auto& piece : pieces) {
    const auto here = std::min(bytes, piece.end - piece.begin);
    if (here > 0)
      TROUPE_TRY(file_->mark({piece.begin, piece.begin + here}));
    bytes -= here;
  }
  return {};
}

} // namespace troupe::work
