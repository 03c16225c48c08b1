#include "actors/gateway/far_stream.hpp"

#include "actors/gateway/coordinator_watch.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>

namespace troupe::gateway {

namespace {

/// What has to be here before it is sent: little, so that a seek is quick. More comes ahead of it.
constexpr uint64_t step = 256 << 10;
/// The next piece is opened so far before the end of the present one.
constexpr uint64_t open_ahead = 4 << 20;
constexpr milliseconds full_retry{5'000};

using done_function = std::function<void(result<ports::fetched_bytes>)>;

/// A piece as one stream reads it. Goes on a thread that may block.
struct open_piece {
  std::unique_ptr<work::remote_source> source;
  work::operation_file file;
};

/// A piece that a stream reads, or is going to.
struct place {
  uint64_t index = 0;
  /// nullptr until it is opened.
  std::shared_ptr<open_piece> piece;
};

/// As clients are told: nothing of nodes and addresses.
error for_client(const error& why) {
  // Only far_pieces::address says so.
  if (why.code == errc::cancelled)
    return coordinator_watch::refusal();
  return {errc::unavailable, "the file is on another node, which does not send it at the moment; try again soon"};
}

error too_many() {
  error out{errc::unavailable, "too many files of other nodes are read through this gateway; try again soon"};
  out.retry_after = full_retry;
  return out;
}

} // namespace

class far_stream::state : public std::enable_shared_from_this<state> {
public:
  state(std::shared_ptr<far_pieces> pieces, std::shared_ptr<known_file> file, byte_span part) :
    pieces_(std::move(pieces)), file_(std::move(file)), at_(part.begin), end_(part.end) {
    const auto size = pieces_->config().piece_bytes;
    const bool in_one = pieces_->piece_of(part.begin) == pieces_->piece_of(part.end - 1);
    // The present one, the next one, and one that is let go.
    const auto wanted = in_one ? std::min(size, file_->version().size) : 3 * size;
    if (pieces_->reserve(wanted))
      reserved_ = wanted;
  }

  void next(done_function done) {
    std::unique_lock lock{mutex_};
    if (reserved_ == 0 || over_) {
      lock.unlock();
      return done(over_ ? for_client(error{errc::unavailable}) : too_many());
    }
    done_ = std::move(done);
    const auto index = pieces_->piece_of(at_);
    if (!now_ || now_->index != index) {
      let_go(std::exchange(now_, std::exchange(ahead_, std::nullopt)));
      if (now_ && now_->index != index)
        let_go(std::exchange(now_, std::nullopt));
      if (!now_) {
        now_.emplace(place{index, nullptr});
        open(index);
      }
    }
    ask(lock);
  }

  /// By the client's end.
  void close() {
    std::unique_lock lock{mutex_};
    over_ = true;
    done_ = nullptr;
    waiting_.clear();
    auto last = std::make_shared<std::array<std::optional<place>, 2>>();
    last->at(0).swap(now_);
    last->at(1).swap(ahead_);
    pieces_->give_back(std::exchange(reserved_, 0));
    lock.unlock();
    // Without the lock: where there are no threads any more they go here, and their needs are answered.
    pieces_->run([last = std::move(last)]() mutable { last.reset(); });
  }

private:
  uint64_t begin_of(uint64_t index) const {
    return index * pieces_->config().piece_bytes;
  }
  uint64_t end_of(uint64_t index) const {
    return std::min(begin_of(index + 1), end_);
  }

  void let_go(std::optional<place> x) {
    if (!x || !x->piece)
      return;
    ++leaving_;
    pieces_->run([self = shared_from_this(), piece = std::move(x->piece)]() mutable {
      piece.reset();
      self->gone();
    });
  }

  void gone() {
    std::lock_guard guard{mutex_};
    --leaving_;
    for (auto index : std::exchange(waiting_, {}))
      open(index);
  }

  /// A disk that is slower than the network makes the reading slow, rather than the cache full of what is let go.
  void open(uint64_t index) {
    if (leaving_ > 0)
      return waiting_.push_back(index);
    pieces_->run([self = shared_from_this(), index] {
      auto made = self->make(index);
      self->opened(index, std::move(made));
    });
  }

  /// On a thread that may block.
  result<std::shared_ptr<open_piece>> make(uint64_t index) const {
    auto source = pieces_->open(file_, index, begun_);
    if (!source)
      return std::move(source).error();
    auto file = (*source)->file(end_of(index) - std::max(at_.load(), begin_of(index)));
    if (!file)
      return std::move(file).error();
    return std::make_shared<open_piece>(open_piece{std::move(*source), std::move(*file)});
  }

  void opened(uint64_t index, result<std::shared_ptr<open_piece>> made) {
    std::unique_lock lock{mutex_};
    if (now_ && now_->index == index) {
      if (!made)
        return fail(lock, made.error());
      now_->piece = *made;
      return ask(lock);
    }
    if (!ahead_ || ahead_->index != index)
      return;
    if (!made) {
      // Tried again when it is needed.
      ahead_.reset();
      return;
    }
    ahead_->piece = *made;
    auto supply = (*made)->file.supply;
    lock.unlock();
    const auto base = begin_of(index);
    supply->need({0, std::min(step, end_of(index) - base)}, [](const result<byte_span>&) {});
  }

  /// For what comes next, when everything is there to ask for it.
  void ask(std::unique_lock<std::mutex>& lock) {
    if (!done_ || asked_ || !now_->piece)
      return;
    asked_ = true;
    auto supply = now_->piece->file.supply;
    const auto base = begin_of(now_->index);
    const byte_span wanted{at_ - base, std::min(at_ + step, end_of(now_->index)) - base};
    lock.unlock();
    // The answer does not hold the piece: letting go of that is what ends the need.
    supply->need(wanted, [self = shared_from_this()](const result<byte_span>& there) { self->came(there); });
  }

  void came(const result<byte_span>& there) {
    std::unique_lock lock{mutex_};
    asked_ = false;
    if (!done_)
      return;
    if (!there)
      return fail(lock, there.error());
    *begun_ = true;
    const auto fd = now_->piece->file.fd->get();
    const auto base = begin_of(now_->index);
    const uint64_t from = at_;
    const auto length = std::min(base + there->end, end_) - from;
    at_ = from + length;
    look_ahead();
    auto done = std::exchange(done_, nullptr);
    lock.unlock();
    done(ports::fetched_bytes{fd, from - base, length});
  }

  void look_ahead() {
    const auto next = now_->index + 1;
    if (ahead_ || begin_of(next) >= end_ || at_ + open_ahead < begin_of(next))
      return;
    ahead_.emplace(place{next, nullptr});
    open(next);
  }

  void fail(std::unique_lock<std::mutex>& lock, const error& why) {
    over_ = true;
    auto done = std::exchange(done_, nullptr);
    lock.unlock();
    if (!done)
      return;
    if (why.code != errc::cancelled)
      spdlog::warn("gateway: {}", why.message);
    done(for_client(why));
  }

  const std::shared_ptr<far_pieces> pieces_;
  const std::shared_ptr<known_file> file_;
  const std::shared_ptr<std::atomic<bool>> begun_ = std::make_shared<std::atomic<bool>>(false);
  std::mutex mutex_;
  /// Where it goes on; written with the mutex held.
  std::atomic<uint64_t> at_;
  const uint64_t end_;
  uint64_t reserved_ = 0;
  bool over_ = false;
  /// A need is on its way.
  bool asked_ = false;
  /// Pieces that are let go, and those that are opened when they are gone.
  size_t leaving_ = 0;
  std::vector<uint64_t> waiting_;
  done_function done_;
  std::optional<place> now_;
  std::optional<place> ahead_;
};

far_stream::far_stream(std::shared_ptr<far_pieces> pieces, std::shared_ptr<known_file> file, byte_span part) :
  state_(std::make_shared<state>(std::move(pieces), std::move(file), part)) {
}

far_stream::~far_stream() {
  state_->close();
}

void far_stream::next(done_function done) {
  state_->next(std::move(done));
}

} // namespace troupe::gateway
