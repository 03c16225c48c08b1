#pragma once

// One download: what to do with each answer of the server. Used by http_client.cpp alone, on its thread.

#include "net/http_fields.hpp"
#include "protocol/ports/http_client.hpp"

#include <curl/curl.h>

#include <atomic>
#include <map>

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

class http_transfer {
public:
  using done_function = std::function<void(result<ports::http_response>)>;
  using progress_function = std::function<void(ports::transfer_progress)>;

  http_transfer(ports::http_download what, progress_function progress, done_function done, const clock& time);
  http_transfer(const http_transfer&) = delete;
  http_transfer& operator=(const http_transfer&) = delete;

  /// Makes a fresh handle for the request; nullptr when libcurl can't.
  CURL* begin();
  /// After libcurl is done with the handle. True: ask again from the start (begin), because the server has another
  /// file by now.
  bool finish(CURLcode code);
  /// Ends it, whatever state it is in. The handle must be out of the multi handle.
  void end(result<ports::http_response> outcome);
  /// When it counts as stalled unless a byte comes; mono_time::max() while it connects (libcurl's limit holds there).
  mono_time stalls_at() const noexcept;
  result<ports::http_response> stalled() const;

  CURL* handle() const noexcept {
    return easy_.get();
  }

  std::atomic<bool> cancelled{false};

private:
  enum class body { undecided, file, dropped };

  static size_t on_header(char* data, size_t size, size_t count, void* self);
  static size_t on_body(char* data, size_t size, size_t count, void* self);
  static curl_socket_t on_socket(void* self, curlsocktype purpose, curl_sockaddr* address);
  static int on_connected(void* self, char*, char*, int, int);

  bool take_header(std::string_view line);
  void decide_body();
  result<void> start_file(uint64_t position, std::optional<uint64_t> total);
  result<void> decide_part();
  bool write(const char* data, size_t size);
  void report(bool last);
  std::string field(const std::string& name) const;
  std::string validator() const;
  std::string file_name() const;
  std::string where() const;
  long status() const;
  result<ports::http_response> outcome(CURLcode code);
  result<ports::http_response> status_error(long status) const;
  result<ports::http_response> curl_error(CURLcode code) const;
  result<ports::http_response> file_response();

  ports::http_download what_;
  progress_function progress_;
  done_function done_;
  const clock* clock_;
  std::unique_ptr<CURL, curl_easy_deleter> easy_;
  std::unique_ptr<curl_slist, curl_slist_deleter> headers_;
  /// Of the present answer, lower-case names.
  std::map<std::string, std::string> fields_;
  size_t header_bytes_ = 0;
  body body_ = body::undecided;
  /// Why libcurl was told to stop.
  std::optional<troupe::error> failure_;
  bool address_refused_ = false;
  bool connected_ = false;
  bool head_complete_ = false;
  bool restart_ = false;
  bool restarted_ = false;
  /// The file is complete already (416 at its very end).
  bool complete_already_ = false;
  uint64_t position_ = 0;
  std::optional<uint64_t> total_;
  mono_time last_byte_;
  mono_time last_report_;
};

} // namespace troupe::net
