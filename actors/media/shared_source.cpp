#include "actors/media/shared_source.hpp"

#include "actors/media/source_fetches.hpp"

#include <algorithm>

namespace troupe::work {

namespace {

/// Failures in a row, each without one confirmed byte, of a peer that can be reached: what it sends does not fit its
/// own hashes.
constexpr int most_failures = 30;

} // namespace

class shared_source::core {
public:
  core(remote_file what, std::shared_ptr<ports::cached_source> file, parts with) :
    what_(std::move(what)), file_(std::move(file)), with_(std::move(with)),
    fetches_(inbox_, file_, what_.begin, with_.cache, with_.peers, *with_.time),
    plan_(what_.size, file_->present(), with_.how.reading), delay_(with_.how.delay, with_.random),
    alive_(with_.time->mono()) {
  }

  uint64_t size() const noexcept {
    return what_.size;
  }
  const std::shared_ptr<ports::cached_source>& file() const noexcept {
    return file_;
  }

  uint64_t hold(address_source address, wait_listener waits) {
    std::lock_guard guard{inbox_->mutex};
    auto& h = holders_[++last_id_];
    h.address = std::move(address);
    h.waits = std::move(waits);
    return last_id_;
  }

  uint64_t open(uint64_t holder, uint64_t expected) {
    std::lock_guard guard{inbox_->mutex};
    const auto reader = plan_.open(expected);
    readers_.emplace(reader, holder);
    return reader;
  }

  void close(uint64_t reader) {
    std::unique_lock lock{inbox_->mutex};
    forget(reader);
    answer_all(lock);
  }

  void release(uint64_t holder) {
    std::unique_lock lock{inbox_->mutex};
    auto& h = holders_.at(holder);
    h.released = true;
    inbox_->changed.wait(lock, [&] { return !h.asking; });
    holders_.erase(holder);
    std::vector<uint64_t> readers;
    for (auto& [reader, whose] : readers_)
      if (whose == holder)
        readers.push_back(reader);
    for (auto reader : readers)
      forget(reader);
    answer_all(lock);
    fetches_.cancel(lock, holder);
  }

  void need(uint64_t reader, byte_span wanted, std::function<void(result<byte_span>)> answer) {
    std::unique_lock lock{inbox_->mutex};
    auto whose = readers_.find(reader);
    auto holder = whose == readers_.end() ? holders_.end() : holders_.find(whose->second);
    if (stopping_ || holder == holders_.end()) {
      replies_.push_back({std::move(answer), error{errc::cancelled}});
    } else if (holder->second.broken) {
      replies_.push_back({std::move(answer), *holder->second.broken});
    } else if (file_->lost()) {
      replies_.push_back({std::move(answer), not_kept(what_.name)});
    } else {
      needs_.emplace(++last_id_, waiting_need{reader, wanted, with_.time->mono(), std::move(answer)});
      plan_.need(reader, last_id_, wanted);
      collect();
      inbox_->changed.notify_all();
    }
    answer_all(lock);
  }

  void announce(uint64_t reader, const std::vector<byte_span>& coming) {
    std::lock_guard guard{inbox_->mutex};
    plan_.announce(reader, coming);
    inbox_->changed.notify_all();
  }

  /// Until stop().
  void run() {
    std::unique_lock lock{inbox_->mutex};
    while (!stopping_) {
      if (!inbox_->ended.empty())
        finish_one(lock);
      else if (refuse_late(); !replies_.empty())
        answer_all(lock);
      else if (file_->lost() && !needs_.empty())
        lose();
      else if (auto next = with_.time->mono() < next_try_ || file_->lost() ? std::nullopt : plan_.next())
        start(lock, *next);
      else
        wait(lock);
    }
  }

  void stop() {
    std::lock_guard guard{inbox_->mutex};
    stopping_ = true;
    inbox_->changed.notify_all();
  }

  /// After run() has returned: nothing of the world is held any more.
  void leave() {
    std::unique_lock lock{inbox_->mutex};
    for (auto& [id, x] : std::exchange(needs_, {}))
      replies_.push_back({std::move(x.answer), error{errc::cancelled}});
    answer_all(lock);
    fetches_.leave(lock);
    lock.unlock();
    with_.cache.reset();
    with_.peers.reset();
    file_.reset();
  }

private:
  struct holder_state {
    address_source address;
    wait_listener waits;
    std::string url;
    /// As it was said last.
    bool at_coordinator = false;
    /// Its address source or listener is being called.
    bool asking = false;
    bool released = false;
    int refusals = 0;
    /// Nothing will come of it any more.
    std::optional<error> broken;
  };
  struct waiting_need {
    uint64_t reader = 0;
    byte_span wanted;
    mono_time since;
    std::function<void(result<byte_span>)> answer;
  };
  struct reply {
    std::function<void(result<byte_span>)> answer;
    result<byte_span> what;
  };

  using lock_type = source_fetches::lock_type;

  /// Callers may do anything in an answer but wait for us.
  void answer_all(lock_type& lock) {
    auto replies = std::exchange(replies_, {});
    if (replies.empty())
      return;
    lock.unlock();
    for (auto& x : replies)
      x.answer(std::move(x.what));
    lock.lock();
  }

  void collect() {
    for (auto& x : plan_.answered())
      if (auto node = needs_.extract(x.id); !node.empty())
        replies_.push_back({std::move(node.mapped().answer), x.there});
  }

  template <class F>
  void refuse_if(F which, const error& why) {
    for (auto at = needs_.begin(); at != needs_.end();) {
      if (!which(at->second)) {
        ++at;
        continue;
      }
      plan_.drop(at->first);
      replies_.push_back({std::move(at->second.answer), why});
      at = needs_.erase(at);
    }
  }

  void forget(uint64_t reader) {
    refuse_if([&](auto& x) { return x.reader == reader; }, error{errc::cancelled});
    plan_.close(reader);
    readers_.erase(reader);
  }

  holder_state* holder_of(uint64_t id) {
    auto found = holders_.find(id);
    return found == holders_.end() || found->second.released ? nullptr : &found->second;
  }

  /// However long that takes.
  bool waits_for_coordinator() const {
    return with_.how.coordinator_away && with_.how.coordinator_away();
  }

  /// Without a byte.
  milliseconds patience() const {
    const bool at_coordinator =
      std::any_of(holders_.begin(), holders_.end(), [](auto& x) { return x.second.at_coordinator; });
    return at_coordinator ? with_.how.give_up_coordinator : with_.how.give_up;
  }

  mono_time limit_of(const waiting_need& x) const {
    return std::max(x.since, alive_) + patience();
  }

  void wait(lock_type& lock) {
    const auto now = with_.time->mono();
    auto until = next_try_ > now ? next_try_ : mono_time::max();
    for (auto& [id, x] : needs_)
      until = std::min(until, limit_of(x));
    if (until == mono_time::max())
      inbox_->changed.wait(lock);
    else
      inbox_->changed.wait_for(lock, std::max(until - now, milliseconds{1}));
  }

  void refuse_late() {
    const auto now = with_.time->mono();
    alive_ = waits_for_coordinator() ? now : std::max(alive_, inbox_->moved.load());
    refuse_if([&](auto& x) { return limit_of(x) <= now; },
              {errc::unavailable, what_.name + ": node " + what_.node + " has sent nothing of it for "
                                    + std::to_string(patience().count() / 1000) + " s"
                                    + (why_.empty() ? "" : " (" + why_ + ")")
                                    + "; see whether that node runs and its files.port can be reached from here, or "
                                      "set files.address or files.host there"});
  }

  void start(lock_type& lock, const read_ahead::fetch& next) {
    const auto whose = readers_.at(next.reader);
    if (auto ready = prepare(lock, whose, next.what); !ready) {
      plan_.ended(next.id, 0);
      return failed({whose, next.what, {}}, ready.error());
    }
    fetches_.start(lock, next.id, {whose, next.what, holder_of(whose)->url});
    // Released meanwhile, and so not cancelled with the others.
    if (!holder_of(whose))
      fetches_.cancel(lock, whose);
  }

  /// An address and room for the bytes.
  result<void> prepare(lock_type& lock, uint64_t whose, const std::vector<byte_span>& what) {
    auto* h = holder_of(whose);
    if (h && h->url.empty()) {
      h->asking = true;
      const auto why = why_;
      lock.unlock();
      if (h->waits && !why.empty())
        h->waits(why);
      auto url = h->address();
      lock.lock();
      h->asking = false;
      inbox_->changed.notify_all();
      if (!url)
        return url.error();
      h->at_coordinator = url->at_coordinator;
      h->url = std::move(url->url);
    }
    TROUPE_TRY(fetches_.make_room(lock, bytes_of(what)));
    if (!holder_of(whose))
      return error{errc::cancelled};
    return {};
  }

  void finish_one(lock_type& lock) {
    const auto ended = fetches_.take_ended(lock);
    if (!ended)
      return;
    plan_.ended(ended->id, ended->bytes);
    if (ended->bytes > 0) {
      alive_ = with_.time->mono();
      failures_ = 0;
    }
    if (file_->lost())
      return lose();
    collect();
    if (ended->failure.code == errc::none)
      succeeded(ended->of.holder);
    else if (!(ended->failure.code == errc::storage_full && fetches_.made_room(lock, bytes_of(ended->of.what))))
      failed(ended->of, ended->failure);
  }

  /// Who reads it has read what is wrong, perhaps.
  void lose() {
    for (auto& [id, h] : holders_)
      give_up(id, not_kept(what_.name));
  }

  void succeeded(uint64_t whose) {
    delay_.reset();
    why_.clear();
    if (auto* h = holder_of(whose))
      h->refusals = 0;
  }

  /// What is to be done about it: another address, another try, or nothing.
  void failed(const source_fetches::order& x, const error& why) {
    auto* h = holder_of(x.holder);
    // Who needed the same bytes gets them with its own address.
    if (!h)
      return;
    // Another one with this address was refused before.
    if (is_refusal(why.code) && x.url != h->url)
      return;
    if (is_refusal(why.code))
      ++h->refusals;
    auto verdict = judge_transfer(what_, why, h->refusals, x.url.empty() ? said_by::coordinator : said_by::node);
    switch (verdict.what) {
    case remedy::later:
      // A node that was started anew listens elsewhere, perhaps, and another one may have the file, too.
      if ((why.code == errc::unavailable || why.code == errc::timeout) && x.url == h->url)
        h->url.clear();
      // Who asks to come again later is there.
      if (h->at_coordinator && why.retry_after > milliseconds{0})
        alive_ = with_.time->mono();
      return try_later(why);
    case remedy::other_address:
      h->url.clear();
      return h->refusals > 1 ? try_later(why) : void();
    case remedy::refuse:
      // What was to come ahead of time just does not.
      return refuse_if(
        [&](auto& n) {
          return std::any_of(x.what.begin(), x.what.end(),
                             [&](auto& piece) { return n.wanted.begin < piece.end && piece.begin < n.wanted.end; });
        },
        verdict.why);
    case remedy::give_up:
      return give_up(x.holder, std::move(verdict.why));
    }
  }

  void try_later(const error& why) {
    why_ = why.message;
    next_try_ = with_.time->mono() + std::max(delay_.next(), std::min(why.retry_after, with_.how.give_up));
    if (is_of_link(why.code) || ++failures_ < most_failures)
      return;
    failures_ = 0;
    refuse_if([](auto&) { return true; },
              {errc::unavailable, what_.name + ": node " + what_.node + " sends nothing of it that can be used (" + why_
                                    + "); see what its log says"});
  }

  void give_up(uint64_t whose, error why) {
    refuse_if([&](auto& x) { return readers_.at(x.reader) == whose; }, why);
    holders_.at(whose).broken = std::move(why);
  }

  const remote_file what_;
  std::shared_ptr<ports::cached_source> file_;
  parts with_;
  const std::shared_ptr<source_fetches::inbox> inbox_ = std::make_shared<source_fetches::inbox>();
  // All below is guarded by the inbox's mutex.
  source_fetches fetches_;
  read_ahead plan_;
  growing_delay delay_;
  /// When a byte came last.
  mono_time alive_;
  mono_time next_try_{};
  int failures_ = 0;
  /// Of the last failure.
  std::string why_;
  bool stopping_ = false;
  uint64_t last_id_ = 0;
  std::map<uint64_t, holder_state> holders_;
  /// Reader → holder.
  std::map<uint64_t, uint64_t> readers_;
  std::map<uint64_t, waiting_need> needs_;
  /// To be told when nothing is locked.
  std::vector<reply> replies_;
};

namespace {

class reader_supply final : public byte_supply {
public:
  reader_supply(std::shared_ptr<shared_source::core> from, uint64_t reader) : from_(std::move(from)), reader_(reader) {
  }
  ~reader_supply() override {
    from_->close(reader_);
  }
  uint64_t size() const noexcept override {
    return from_->size();
  }
  void need(byte_span wanted, std::function<void(result<byte_span>)> answer) override {
    from_->need(reader_, wanted, std::move(answer));
  }
  void announce(const std::vector<byte_span>& coming) override {
    from_->announce(reader_, coming);
  }

private:
  std::shared_ptr<shared_source::core> from_;
  uint64_t reader_;
};

} // namespace

shared_source::shared_source(remote_file what, std::shared_ptr<ports::cached_source> file, parts with) :
  core_(std::make_shared<core>(std::move(what), std::move(file), std::move(with))),
  thread_([core = core_] { core->run(); }) {
}

shared_source::~shared_source() {
  core_->stop();
  thread_.join();
  core_->leave();
}

uint64_t shared_source::hold(address_source address, wait_listener waits) {
  return core_->hold(std::move(address), std::move(waits));
}

void shared_source::release(uint64_t holder) {
  core_->release(holder);
}

std::shared_ptr<byte_supply> shared_source::read(uint64_t holder, uint64_t expected) {
  return std::make_shared<reader_supply>(core_, core_->open(holder, expected));
}

const std::shared_ptr<ports::cached_source>& shared_source::file() const noexcept {
  return core_->file();
}

} // namespace troupe::work
