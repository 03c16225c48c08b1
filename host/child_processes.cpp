#include "host/child_processes.hpp"

#include "host/frame_channel.hpp"
#include "host/spawn.hpp"
#include "host/system_error.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <mutex>
#include <optional>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <thread>
#include <unordered_map>

namespace troupe::host {

namespace {

using steady = std::chrono::steady_clock;

/// How long a child that has closed its channel may take to exit.
constexpr std::chrono::seconds exit_grace{1};
/// Frames that wait for a child which does not read.
constexpr size_t max_queued_frames = 1024;
constexpr uint64_t wake_tag = ~uint64_t{0};

/// Wakes the I/O thread; outlives it in the hands of child handles.
struct waker {
  unique_fd event;

  void wake() const noexcept {
    uint64_t one = 1;
    // Fails only when the counter is full, and then the thread is about to wake anyway.
    [[maybe_unused]] auto n = ::write(event.get(), &one, sizeof(one));
  }
};

class process final : public ports::child {
public:
  process(spawned what, ports::child_callbacks told, std::shared_ptr<waker> io) :
    pid_(what.pid), pidfd(std::move(what.pidfd)), channel(std::move(what.channel)), callbacks(std::move(told)),
    io_(std::move(io)) {
  }

  int pid() const noexcept override {
    return pid_;
  }

  result<void> send(exec::frame what, std::vector<unique_fd> descriptors) override {
    if (what.body.size() > exec::max_body_bytes || descriptors.size() > exec::max_descriptors)
      return {errc::too_large, "a message to an executor may have " + std::to_string(exec::max_body_bytes)
                                 + " bytes and " + std::to_string(exec::max_descriptors) + " descriptors"};
    {
      std::lock_guard guard{mutex_};
      if (gone_)
        return {};
      if (outbox_.size() >= max_queued_frames)
        return {errc::unavailable, "process " + std::to_string(pid_) + " does not take its messages"};
      outbox_.emplace_back(std::move(what), std::move(descriptors));
    }
    io_->wake();
    return {};
  }

  void kill() override {
    std::lock_guard guard{mutex_};
    // Until it is reaped the number is its own.
    if (!gone_)
      ::kill(-pid_, SIGKILL);
  }

  // -- I/O thread only

  void take_outbox() {
    decltype(outbox_) fresh;
    {
      std::lock_guard guard{mutex_};
      fresh.swap(outbox_);
    }
    if (channel.descriptor() >= 0)
      for (auto& [what, descriptors] : fresh)
        channel.push(std::move(what), std::move(descriptors));
  }

  ports::child_exit reap() {
    // Its descendants first, while the zombie still keeps the group's number from being given away.
    ::kill(-pid_, SIGKILL);
    int status = 0;
    struct rusage usage {};
    pid_t rc = 0;
    {
      // The lock keeps a kill from another thread off a number that is free again.
      std::lock_guard guard{mutex_};
      while ((rc = ::wait4(pid_, &status, 0, &usage)) < 0 && errno == EINTR) {}
      gone_ = true;
      outbox_.clear();
    }
    ports::child_exit out;
    if (rc == pid_) {
      if (WIFEXITED(status))
        out.status = WEXITSTATUS(status);
      if (WIFSIGNALED(status))
        out.signal = WTERMSIG(status);
      out.peak_memory = static_cast<uint64_t>(usage.ru_maxrss) * 1024;
    }
    return out;
  }

private:
  const pid_t pid_;

public:
  unique_fd pidfd;
  frame_channel channel;
  ports::child_callbacks callbacks;
  /// When it is killed unless it has exited by itself.
  std::optional<steady::time_point> kill_at;
  bool waits_for_room = false;

private:
  std::shared_ptr<waker> io_;
  std::mutex mutex_;
  bool gone_ = false;
  std::vector<std::pair<exec::frame, std::vector<unique_fd>>> outbox_;
};

class process_set final : public ports::child_processes {
public:
  process_set(unique_fd poll, std::shared_ptr<waker> io) : poll_(std::move(poll)), io_(std::move(io)) {
    thread_ = std::thread{[this] { run(); }};
  }

  ~process_set() override {
    stopping_ = true;
    io_->wake();
    thread_.join();
  }

  result<std::shared_ptr<ports::child>> spawn(const ports::child_spec& spec, ports::child_callbacks told) override {
    auto started = spawn_process(spec);
    if (!started)
      return std::move(started).error();
    auto child = std::make_shared<process>(std::move(*started), std::move(told), io_);
    {
      std::lock_guard guard{mutex_};
      arriving_.push_back(child);
    }
    io_->wake();
    return std::shared_ptr<ports::child>{child};
  }

private:
  // A child's events carry its number: even for its socket, odd for its pidfd.
  void watch(int fd, uint32_t events, uint64_t tag, int how = EPOLL_CTL_ADD) {
    epoll_event what{};
    what.events = events;
    what.data.u64 = tag;
    ::epoll_ctl(poll_.get(), how, fd, &what);
  }

  void run() {
    // Signals are for the main thread.
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, nullptr);
    std::array<epoll_event, 64> events;
    while (!stopping_ || !children_.empty() || has_arriving()) {
      int n = ::epoll_wait(poll_.get(), events.data(), static_cast<int>(events.size()), timeout());
      for (int i = 0; i < n; ++i)
        handle(events[static_cast<size_t>(i)]);
      admit();
      if (stopping_)
        for (auto& [tag, child] : children_)
          child->kill();
      flush_outboxes();
      kill_overdue();
    }
  }

  bool has_arriving() {
    std::lock_guard guard{mutex_};
    return !arriving_.empty();
  }

  int timeout() const {
    std::optional<steady::time_point> first;
    for (auto& [tag, child] : children_)
      if (child->kill_at && (!first || *child->kill_at < *first))
        first = child->kill_at;
    if (!first)
      return -1;
    auto left = std::chrono::ceil<std::chrono::milliseconds>(*first - steady::now()).count();
    return static_cast<int>(std::max<int64_t>(left, 0));
  }

  void handle(const epoll_event& event) {
    if (event.data.u64 == wake_tag) {
      uint64_t count = 0;
      [[maybe_unused]] auto n = ::read(io_->event.get(), &count, sizeof(count));
      return;
    }
    auto found = children_.find(event.data.u64 / 2);
    if (found == children_.end())
      return;
    auto child = found->second;
    if (event.data.u64 % 2 == 1)
      finish(found->first, *child);
    else if (child->channel.descriptor() >= 0)
      exchange(found->first, *child, event.events);
  }

  void admit() {
    std::vector<std::shared_ptr<process>> fresh;
    {
      std::lock_guard guard{mutex_};
      fresh.swap(arriving_);
    }
    for (auto& child : fresh) {
      auto tag = next_tag_++;
      watch(child->channel.descriptor(), EPOLLIN, tag * 2);
      watch(child->pidfd.get(), EPOLLIN, tag * 2 + 1);
      children_.emplace(tag, std::move(child));
    }
  }

  void flush_outboxes() {
    for (auto& [tag, child] : children_) {
      child->take_outbox();
      if (child->channel.wants_to_write() && !child->waits_for_room)
        send(tag, *child);
    }
  }

  void send(uint64_t tag, process& child) {
    if (child.channel.write() != frame_channel::state::open)
      return lose_channel(child);
    if (child.channel.wants_to_write() != child.waits_for_room) {
      child.waits_for_room = child.channel.wants_to_write();
      watch(child.channel.descriptor(), child.waits_for_room ? EPOLLIN | EPOLLOUT : EPOLLIN, tag * 2, EPOLL_CTL_MOD);
    }
  }

  void exchange(uint64_t tag, process& child, uint32_t events) {
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
      receive(child);
    if ((events & EPOLLOUT) != 0 && child.channel.descriptor() >= 0)
      send(tag, child);
  }

  void receive(process& child) {
    auto state = child.channel.read(child.callbacks.frame);
    if (state == frame_channel::state::broken)
      child.kill();
    if (state != frame_channel::state::open)
      lose_channel(child);
  }

  void lose_channel(process& child) {
    // Closing takes it out of the epoll set as well.
    child.channel.close();
    child.waits_for_room = false;
    child.kill_at = steady::now() + exit_grace;
  }

  void kill_overdue() {
    auto now = steady::now();
    for (auto& [tag, child] : children_)
      if (child->kill_at && *child->kill_at <= now) {
        child->kill();
        child->kill_at.reset();
      }
  }

  /// The process has ended: what it still had to say, then its exit.
  void finish(uint64_t tag, process& child) {
    auto exit = child.reap();
    while (child.channel.descriptor() >= 0 && child.channel.read(child.callbacks.frame) == frame_channel::state::open
           && has_more(child)) {}
    auto keep = children_.extract(tag);
    child.channel.close();
    child.pidfd.reset();
    auto told = std::move(child.callbacks.exit);
    child.callbacks = {};
    told(exit);
  }

  static bool has_more(process& child) {
    char byte = 0;
    return ::recv(child.channel.descriptor(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
  }

  unique_fd poll_;
  std::shared_ptr<waker> io_;
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::vector<std::shared_ptr<process>> arriving_;
  // I/O thread only.
  std::unordered_map<uint64_t, std::shared_ptr<process>> children_;
  uint64_t next_tag_ = 0;
  std::thread thread_;
};

} // namespace

result<std::shared_ptr<ports::child_processes>> start_child_processes() {
  unique_fd poll{::epoll_create1(EPOLL_CLOEXEC)};
  if (!poll)
    return system_error(errno, "start", "the thread that watches child processes");
  auto io = std::make_shared<waker>();
  io->event = unique_fd{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  if (!io->event)
    return system_error(errno, "start", "the thread that watches child processes");
  epoll_event what{};
  what.events = EPOLLIN;
  what.data.u64 = wake_tag;
  if (::epoll_ctl(poll.get(), EPOLL_CTL_ADD, io->event.get(), &what) != 0)
    return system_error(errno, "start", "the thread that watches child processes");
  return std::shared_ptr<ports::child_processes>{std::make_shared<process_set>(std::move(poll), std::move(io))};
}

} // namespace troupe::host
