#pragma once

// One thread that drives libcurl's multi interface for all transfers of a client.

#include "protocol/ports/http_client.hpp"

#include <curl/curl.h>

#include <atomic>
#include <thread>

namespace troupe::net {

struct curl_easy_deleter {
  void operator()(CURL* x) const noexcept {
    curl_easy_cleanup(x);
  }
};
struct curl_slist_deleter {
  void operator()(curl_slist* x) const noexcept {
    curl_slist_free_all(x);
  }
};

/// One transfer: a request, or several one after another. Everything but `cancelled` is called on the loop's thread.
class curl_job {
public:
  virtual ~curl_job() = default;

  /// Work of ours before the next request, a bit of it at a time, for others wait meanwhile. True: all of it is done.
  virtual bool prepare() {
    return true;
  }
  /// Makes a fresh handle for the request; nullptr when that can't be.
  virtual CURL* begin() = 0;
  /// After libcurl is done with the handle. True: another request follows (prepare, begin).
  virtual bool finish(CURLcode code) = 0;
  /// Ends it, whatever state it is in. The handle is out of the multi handle.
  virtual void fail(troupe::error why) = 0;
  /// When it counts as stalled unless a byte comes; mono_time::max() while it connects (libcurl's limit holds there).
  virtual mono_time stalls_at() const noexcept = 0;
  virtual troupe::error stalled() const = 0;
  /// Who is asked, where only so many requests to one may run at once; the same each time.
  virtual const std::string& place() const noexcept;
  /// It waits for its turn (curl_loop_limits::most_each) while those before it move: told about once a second.
  virtual void others_move() {
  }

  CURL* handle() const noexcept {
    return easy_.get();
  }

  std::atomic<bool> cancelled{false};

protected:
  std::unique_ptr<CURL, curl_easy_deleter> easy_;
};

struct curl_loop_limits {
  /// Connections that are kept for later requests; 0: none is used twice.
  long kept = 0;
  /// Requests of one place that run at once; 0: all. The others wait here, in the order in which they came, and are
  /// bounded by the limits of those before them. Not libcurl's own limit: waiting for that counts as connecting.
  size_t most_each = 0;
};

/// Destroying it cancels what still runs; never from its own thread.
class curl_loop {
public:
  curl_loop(const clock& time, curl_loop_limits limits);
  ~curl_loop();

  std::shared_ptr<ports::transfer> start(std::shared_ptr<curl_job> job);

private:
  class loop;
  class handle;

  std::shared_ptr<loop> loop_;
  std::thread thread_;
};

} // namespace troupe::net
