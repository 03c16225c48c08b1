#pragma once

// What every request to another node's file server has in common. Used by peer_files.cpp's jobs alone, on its thread.

#include "net/curl_loop.hpp"
#include "net/peer_files.hpp"

#include <functional>
#include <map>
#include <optional>

namespace troupe::net {

class peer_request : public curl_job {
public:
  struct patience {
    milliseconds connect{5'000};
    milliseconds stall{15'000};
  };
  /// `papers` outlives it.
  peer_request(std::string url, patience waits, std::function<void(uint64_t)> moved, const peer_papers& papers,
               const clock& time);
  peer_request(const peer_request&) = delete;
  peer_request& operator=(const peer_request&) = delete;

  mono_time stalls_at() const noexcept override;
  troupe::error stalled() const override;

protected:
  /// A piece of the body of an answer with a good status. False: `failure_` says why not.
  virtual bool take(std::string_view piece);

  /// A fresh handle with all but method and body.
  CURL* fresh();
  void add_header(const std::string& line);
  /// Why the request failed; nullopt when it has a good status and came to its end.
  std::optional<troupe::error> problem(CURLcode code);
  std::string field(const std::string& name) const;
  std::optional<uint64_t> number_field(const std::string& name) const;
  long status() const;
  /// The other node, without the ticket.
  std::string where() const;
  void touch();
  /// `moved`, at most ten times a second unless it is the last time.
  void report(uint64_t bytes, bool last);

  const std::string url_;
  const patience waits_;
  const clock* clock_;
  /// Why libcurl was told to stop.
  std::optional<troupe::error> failure_;

private:
  static size_t on_header(char* data, size_t size, size_t count, void* self);
  static size_t on_body(char* data, size_t size, size_t count, void* self);
  static curl_socket_t on_socket(void* self, curlsocktype purpose, curl_sockaddr* address);
  static int on_connected(void* self, char*, char*, int, int);

  void set_papers(CURL* handle);
  bool take_header(std::string_view line);
  bool take_body(std::string_view piece);
  troupe::error refusal() const;
  troupe::error curl_error(CURLcode code) const;

  const peer_papers& papers_;
  std::function<void(uint64_t)> moved_;
  std::unique_ptr<curl_slist, curl_slist_deleter> headers_;
  /// Of the present answer, lower-case names; trailers with them.
  std::map<std::string, std::string> fields_;
  size_t header_bytes_ = 0;
  /// Of a refusal.
  std::string said_;
  bool address_refused_ = false;
  bool connected_ = false;
  bool head_complete_ = false;
  mono_time last_byte_{};
  mono_time last_report_{};
};

} // namespace troupe::net
