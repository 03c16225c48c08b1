#include "net/http_client.hpp"

#include "net/http_transfer.hpp"

#include <algorithm>
#include <mutex>
#include <thread>
#include <vector>

namespace troupe::net {

namespace {

using transfer_ptr = std::shared_ptr<http_transfer>;

troupe::error cancelled_error() {
  return {errc::cancelled, "the download was cancelled"};
}

/// What the thread and the handles of transfers share.
class core {
public:
  explicit core(const clock& time) : clock_(&time), multi_(curl_multi_init()) {
    if (multi_)
      curl_multi_setopt(multi_, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
  }
  core(const core&) = delete;
  core& operator=(const core&) = delete;
  ~core() {
    curl_multi_cleanup(multi_);
  }

  void add(transfer_ptr x) {
    {
      std::lock_guard guard{mutex_};
      arriving_.push_back(std::move(x));
    }
    wake();
  }

  void wake() {
    curl_multi_wakeup(multi_);
  }

  void stop() {
    stopping_ = true;
    wake();
  }

  const clock& time() const {
    return *clock_;
  }

  void run() {
    while (!stopping_) {
      take_arriving();
      int running = 0;
      curl_multi_perform(multi_, &running);
      take_finished();
      end_dead();
      curl_multi_poll(multi_, nullptr, 0, wait_time(), nullptr);
    }
    take_arriving();
    for (auto& x : active_)
      end(x, cancelled_error());
    active_.clear();
  }

private:
  void take_arriving() {
    std::vector<transfer_ptr> fresh;
    {
      std::lock_guard guard{mutex_};
      fresh.swap(arriving_);
    }
    for (auto& x : fresh)
      if (start(x))
        active_.push_back(std::move(x));
  }

  bool start(const transfer_ptr& x) {
    auto* handle = x->begin();
    if (handle && curl_multi_add_handle(multi_, handle) == CURLM_OK)
      return true;
    x->end(troupe::error{errc::internal, "the download could not be started"});
    return false;
  }

  void end(const transfer_ptr& x, result<ports::http_response> outcome) {
    if (x->handle())
      curl_multi_remove_handle(multi_, x->handle());
    x->end(std::move(outcome));
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
      if (x->cancelled) {
        active_.erase(i);
        x->end(cancelled_error());
      } else if (!x->finish(code) || !start(x)) {
        std::erase(active_, x);
      }
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
      return true;
    });
  }

  int wait_time() const {
    auto wait = milliseconds{60'000};
    auto now = clock_->mono();
    for (auto& x : active_)
      if (x->stalls_at() != mono_time::max())
        wait = std::min(wait, std::max(x->stalls_at() - now, milliseconds{1}));
    return static_cast<int>(wait.count());
  }

  const clock* clock_;
  CURLM* multi_;
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::vector<transfer_ptr> arriving_;
  /// The thread's own.
  std::vector<transfer_ptr> active_;
};

class transfer_handle final : public ports::transfer {
public:
  transfer_handle(std::weak_ptr<core> client, std::weak_ptr<http_transfer> x) :
    client_(std::move(client)), transfer_(std::move(x)) {
  }

  void cancel() override {
    auto client = client_.lock();
    auto running = transfer_.lock();
    if (!client || !running)
      return;
    running->cancelled = true;
    client->wake();
  }

private:
  std::weak_ptr<core> client_;
  std::weak_ptr<http_transfer> transfer_;
};

class curl_client final : public ports::http_client {
public:
  explicit curl_client(const clock& time) :
    core_(std::make_shared<core>(time)), thread_([c = core_.get()] { c->run(); }) {
  }

  ~curl_client() override {
    core_->stop();
    thread_.join();
  }

  std::shared_ptr<ports::transfer> download(ports::http_download what,
                                            std::function<void(ports::transfer_progress)> progress,
                                            std::function<void(result<ports::http_response>)> done) override {
    auto x = std::make_shared<http_transfer>(std::move(what), std::move(progress), std::move(done), core_->time());
    auto handle = std::make_shared<transfer_handle>(core_, x);
    core_->add(std::move(x));
    return handle;
  }

private:
  std::shared_ptr<core> core_;
  std::thread thread_;
};

} // namespace

std::unique_ptr<ports::http_client> make_http_client(const clock& time) {
  static const auto initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
  (void)initialised;
  return std::make_unique<curl_client>(time);
}

} // namespace troupe::net
