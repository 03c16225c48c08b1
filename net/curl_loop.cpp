#include "net/curl_loop.hpp"

#include <algorithm>
#include <map>
#include <mutex>
#include <vector>

namespace troupe::net {

namespace {

using job_ptr = std::shared_ptr<curl_job>;

constexpr milliseconds tell_interval{1'000};

troupe::error cancelled_error() {
  return {errc::cancelled, "the transfer was cancelled"};
}

void initialise_curl() {
  static const auto done = curl_global_init(CURL_GLOBAL_DEFAULT);
  (void)done;
}

} // namespace

const std::string& curl_job::place() const noexcept {
  static const std::string anywhere;
  return anywhere;
}

/// What the thread and the handles of transfers share.
class curl_loop::loop {
public:
  loop(const clock& time, curl_loop_limits limits) : clock_(&time), limits_(limits), multi_(curl_multi_init()) {
    if (!multi_)
      return;
    curl_multi_setopt(multi_, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
    if (limits_.kept > 0)
      curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, limits_.kept);
  }
  loop(const loop&) = delete;
  loop& operator=(const loop&) = delete;
  ~loop() {
    curl_multi_cleanup(multi_);
  }

  void add(job_ptr x) {
    {
      std::lock_guard guard{mutex_};
      arriving_.push_back(std::move(x));
    }
    wake();
  }

  void wake() {
    look_again_ = true;
    curl_multi_wakeup(multi_);
  }

  void stop() {
    stopping_ = true;
    wake();
  }

  void run() {
    while (!stopping_) {
      take_arriving();
      queue_ready();
      start_queued();
      int running = 0;
      curl_multi_perform(multi_, &running);
      take_finished();
      end_dead();
      tell_queued();
      curl_multi_poll(multi_, nullptr, 0, wait_time(), nullptr);
    }
    take_arriving();
    for (auto* those : {&waiting_, &queued_})
      for (auto& x : *those)
        x->fail(cancelled_error());
    for (auto& x : active_)
      end(x, cancelled_error());
    waiting_.clear();
    queued_.clear();
    active_.clear();
  }

private:
  void take_arriving() {
    std::lock_guard guard{mutex_};
    waiting_.insert(waiting_.end(), arriving_.begin(), arriving_.end());
    arriving_.clear();
  }

  void queue_ready() {
    std::erase_if(waiting_, [&](auto& x) {
      if (x->cancelled)
        x->fail(cancelled_error());
      else if (!x->prepare())
        return false;
      else
        queued_.push_back(x);
      look_again_ = true;
      return true;
    });
  }

  void start_queued() {
    if (!look_again_.exchange(false) || queued_.empty())
      return;
    std::map<std::string, size_t> running;
    for (auto& x : active_)
      ++running[x->place()];
    std::erase_if(queued_, [&](auto& x) {
      auto& there = running[x->place()];
      if (x->cancelled)
        x->fail(cancelled_error());
      else if (limits_.most_each > 0 && there >= limits_.most_each)
        return false;
      else if (start(*x)) {
        active_.push_back(x);
        ++there;
      }
      return true;
    });
  }

  bool start(curl_job& x) {
    auto* handle = x.begin();
    if (handle && curl_multi_add_handle(multi_, handle) == CURLM_OK)
      return true;
    x.fail(troupe::error{errc::internal, "the transfer could not be started"});
    return false;
  }

  void end(const job_ptr& x, troupe::error why) {
    if (x->handle())
      curl_multi_remove_handle(multi_, x->handle());
    x->fail(std::move(why));
  }

  void take_finished() {
    int left = 0;
    while (auto* message = curl_multi_info_read(multi_, &left)) {
      if (message->msg != CURLMSG_DONE)
        continue;
      // The message dies with the handle's removal.
      auto code = message->data.result;
      auto* handle = message->easy_handle;
      curl_multi_remove_handle(multi_, handle);
      auto i = std::find_if(active_.begin(), active_.end(), [&](auto& x) { return x->handle() == handle; });
      if (i == active_.end())
        continue;
      auto x = *i;
      active_.erase(i);
      look_again_ = true;
      if (x->cancelled)
        x->fail(cancelled_error());
      else if (x->finish(code))
        waiting_.push_back(std::move(x));
    }
  }

  void end_dead() {
    auto now = clock_->mono();
    std::erase_if(active_, [&](auto& x) {
      if (x->cancelled)
        end(x, cancelled_error());
      else if (now >= x->stalls_at())
        end(x, x->stalled());
      else
        return false;
      look_again_ = true;
      return true;
    });
  }

  /// A node that sends to others is not silent to those that wait here.
  void tell_queued() {
    const auto now = clock_->mono();
    if (queued_.empty() || now < tell_at_)
      return;
    tell_at_ = now + tell_interval;
    std::map<std::string, mono_time> stalls;
    for (auto& x : active_)
      if (x->stalls_at() != mono_time::max())
        stalls[x->place()] = std::max(stalls[x->place()], x->stalls_at());
    for (auto& x : queued_)
      if (stalls[x->place()] > stalled_at_[x->place()])
        x->others_move();
    stalled_at_ = std::move(stalls);
  }

  int wait_time() const {
    if (!waiting_.empty() || (look_again_ && !queued_.empty()))
      return 0;
    auto wait = milliseconds{60'000};
    auto now = clock_->mono();
    for (auto& x : active_)
      if (x->stalls_at() != mono_time::max())
        wait = std::min(wait, std::max(x->stalls_at() - now, milliseconds{1}));
    return static_cast<int>(wait.count());
  }

  const clock* clock_;
  const curl_loop_limits limits_;
  CURLM* multi_;
  std::atomic<bool> stopping_{false};
  /// One of those that are queued may start, or was cancelled.
  std::atomic<bool> look_again_{false};
  std::mutex mutex_;
  std::vector<job_ptr> arriving_;
  /// The thread's own: before a request, ready for it, in one.
  std::vector<job_ptr> waiting_;
  std::vector<job_ptr> queued_;
  std::vector<job_ptr> active_;
  /// When those of a place would have stalled, the last of them, as it was when the queue was told last.
  std::map<std::string, mono_time> stalled_at_;
  mono_time tell_at_{};
};

class curl_loop::handle final : public ports::transfer {
public:
  handle(std::weak_ptr<loop> where, std::weak_ptr<curl_job> what) : loop_(std::move(where)), job_(std::move(what)) {
  }

  void cancel() override {
    auto where = loop_.lock();
    auto running = job_.lock();
    if (!where || !running)
      return;
    running->cancelled = true;
    where->wake();
  }

private:
  std::weak_ptr<loop> loop_;
  std::weak_ptr<curl_job> job_;
};

curl_loop::curl_loop(const clock& time, curl_loop_limits limits) {
  initialise_curl();
  loop_ = std::make_shared<loop>(time, limits);
  thread_ = std::thread{[x = loop_.get()] { x->run(); }};
}

curl_loop::~curl_loop() {
  loop_->stop();
  thread_.join();
}

std::shared_ptr<ports::transfer> curl_loop::start(std::shared_ptr<curl_job> job) {
  auto out = std::make_shared<handle>(loop_, job);
  loop_->add(std::move(job));
  return out;
}

} // namespace troupe::net
