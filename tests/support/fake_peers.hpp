#pragma once

// A cache of other nodes' files, and a node that serves one, for tests of those who read it.

#include "protocol/ports/peer_files.hpp"
#include "protocol/ports/source_cache.hpp"
#include "tests/support/temporary_folder.hpp"

#include <fcntl.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <random>
#include <thread>

namespace troupe::test {

inline std::string content_of(uint64_t size) {
  std::mt19937_64 random{size};
  std::string out(size, '\0');
  for (auto& c : out)
    c = static_cast<char>(random());
  return out;
}

struct fake_cached final : ports::cached_source {
  fake_cached(std::string where, uint64_t bytes) :
    path(std::move(where)), length(bytes), fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
    if (::ftruncate(fd.get(), static_cast<off_t>(bytes)) != 0)
      throw std::runtime_error("no room");
  }
  uint64_t size() const noexcept override {
    return length;
  }
  int descriptor() const noexcept override {
    return fd.get();
  }
  result<unique_fd> open_for_reading() const override {
    return unique_fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  }
  std::vector<byte_span> present() const override {
    std::lock_guard guard{mutex};
    std::vector<byte_span> out;
    for (auto& gap : marked.missing({0, length}))
      if (gap.begin > (out.empty() ? 0 : out.back().end))
        out.push_back(marked.around(gap.begin - 1));
    if (auto last = marked.around(length - 1); last.end == length && last.begin < last.end)
      out.push_back(last);
    return out;
  }
  result<void> mark(byte_span there) override {
    std::lock_guard guard{mutex};
    if (marked.missing(there) != std::vector{there})
      twice = true;
    if (gone)
      return {errc::io, "the disk is broken"};
    marked.add(there);
    return {};
  }
  result<void> sync() override {
    return {};
  }
  bool lost() const noexcept override {
    return gone;
  }
  std::string path;
  uint64_t length;
  unique_fd fd;
  mutable std::mutex mutex;
  byte_spans marked;
  std::atomic<bool> twice{false};
  std::atomic<bool> gone{false};
};

struct fake_cache final : ports::source_cache {
  result<std::shared_ptr<ports::cached_source>> open(const std::string& key, uint64_t size) override {
    std::lock_guard guard{mutex};
    auto& known = files[key];
    if (!known || known->gone)
      known = std::make_shared<fake_cached>(folder / std::to_string(++opened), size);
    return std::shared_ptr<ports::cached_source>{known};
  }
  result<void> make_room(uint64_t) override {
    if (full)
      return {errc::storage_full, "the cache is full"};
    return {};
  }
  result<void> disk_full(uint64_t) override {
    std::lock_guard guard{mutex};
    if (can_go == 0)
      return {errc::storage_full, "nothing is left to go"};
    --can_go;
    return {};
  }
  void drop(const std::string&) override {
  }
  temporary_folder folder;
  std::mutex mutex;
  std::map<std::string, std::shared_ptr<fake_cached>> files;
  std::atomic<bool> full{false};
  /// So often room can be made on the disk.
  int can_go = 0;
  uint64_t opened = 0;
};

/// A node that serves one file, on a thread of its own, as a test wants.
struct fake_peers final : ports::peer_files {
  struct fake_transfer final : ports::transfer {
    void cancel() override {
      cancelled = true;
    }
    std::atomic<bool> cancelled{false};
  };
  struct job {
    ports::range_fetch what;
    std::function<void(uint64_t)> moved;
    std::function<void(fetched)> done;
    std::shared_ptr<fake_transfer> transfer;
  };

  explicit fake_peers(std::string served) : content(std::move(served)), thread([this] { run(); }) {
  }
  ~fake_peers() override {
    {
      std::lock_guard guard{mutex};
      over = true;
      changed.notify_all();
    }
    thread.join();
  }
  std::shared_ptr<ports::transfer> fetch(ports::range_fetch what, std::function<void(uint64_t)> moved,
                                         std::function<void(fetched)> done) override {
    auto transfer = std::make_shared<fake_transfer>();
    std::lock_guard guard{mutex};
    asked.insert(asked.end(), what.ranges.begin(), what.ranges.end());
    requests.push_back(what.ranges.size());
    jobs.push_back({std::move(what), std::move(moved), std::move(done), transfer});
    changed.notify_all();
    return transfer;
  }
  std::shared_ptr<ports::transfer> push(ports::file_push, std::function<void(uint64_t)>,
                                        std::function<void(result<void>)>) override {
    return nullptr;
  }
  std::shared_ptr<ports::transfer> publish_folder(std::string, std::function<void(result<void>)>) override {
    return nullptr;
  }

  void run() {
    std::unique_lock lock{mutex};
    for (;;) {
      changed.wait(lock, [&] { return over || (!jobs.empty() && !frozen); });
      if (jobs.empty())
        return;
      auto next = std::move(jobs.front());
      jobs.pop_front();
      auto how = frozen ? fetched{0, error{errc::cancelled}} : serve(next);
      lock.unlock();
      if (how.bytes > 0)
        next.moved(how.bytes);
      next.done(std::move(how));
      next = {};
      lock.lock();
    }
  }

  fetched serve(job& x) {
    if (x.transfer->cancelled)
      return {0, error{errc::cancelled}};
    ++served;
    if (x.what.url.find(allowed) == std::string::npos)
      return {0, {errc::forbidden, "the address has expired"}};
    if (!moved_from.empty() && x.what.url.find(moved_from) != std::string::npos)
      return {0, {errc::unavailable, "nobody listens there"}};
    uint64_t length = 0;
    for (auto& range : x.what.ranges)
      length += range.end - range.begin;
    auto bytes = length;
    error why{errc::none, {}};
    if (!failures.empty()) {
      std::tie(why, bytes) = failures.front();
      bytes = std::min(bytes, length);
      failures.pop_front();
    }
    auto left = bytes;
    for (auto& range : x.what.ranges) {
      const auto n = std::min(left, range.end - range.begin);
      const auto place = static_cast<off_t>(range.begin - x.what.base);
      if (::pwrite(x.what.descriptor, content.data() + range.begin, n, place) < 0)
        return {0, {errc::io, "the descriptor is closed"}};
      left -= n;
    }
    total += bytes;
    return {bytes, why};
  }

  void fail(errc code, uint64_t bytes = 0, int times = 1) {
    std::lock_guard guard{mutex};
    for (; times > 0; --times)
      failures.push_back({error{code, "as the test wants"}, bytes});
  }
  void freeze(bool x) {
    std::lock_guard guard{mutex};
    frozen = x;
    changed.notify_all();
  }

  const std::string content;
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<job> jobs;
  std::vector<byte_span> asked;
  /// Ranges of each fetch.
  std::vector<size_t> requests;
  std::deque<std::pair<error, uint64_t>> failures;
  /// What an address has to hold.
  std::string allowed;
  /// Nobody listens any more where an address has this.
  std::string moved_from;
  bool frozen = false;
  bool over = false;
  int served = 0;
  uint64_t total = 0;
  std::thread thread;
};

} // namespace troupe::test
