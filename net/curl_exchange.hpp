#pragma once

#include "net/curl_loop.hpp"

#include "protocol/model/time.hpp"

#include <map>
#include <optional>

namespace troupe::net {

/// One request and its answer by libcurl: what every transfer notes of them. All of it on the loop's thread.
class curl_exchange : public curl_job {
public:
  curl_exchange(const curl_exchange&) = delete;
  curl_exchange& operator=(const curl_exchange&) = delete;

  mono_time stalls_at() const noexcept override;

protected:
  /// `max_header_bytes`: of one answer, with its trailers.
  curl_exchange(const clock& time, milliseconds stall, size_t max_header_bytes);

  /// The other side, for people, without anything that is as good as a key.
  virtual std::string where() const = 0;
  /// May a connection be made to this address?
  virtual bool permits(const curl_sockaddr& address) const = 0;
  /// A piece of the body. False: `failure_` says why not, or nobody wants it.
  virtual bool take_body(std::string_view piece) = 0;
  /// Fields that still come count.
  virtual bool wants_fields() const;

  /// A fresh handle for another request, which calls the functions above; nullptr when libcurl has none.
  CURL* fresh_handle(const std::string& url, milliseconds connect);
  /// Of the present answer; `name` in lower case. Empty without it.
  std::string field(const std::string& name) const;
  /// 0: none yet.
  long status() const;
  /// Something has moved.
  void touch();
  /// libcurl takes an answer whose head is cut off for one with an empty body.
  bool head_complete() const noexcept {
    return head_complete_;
  }
  troupe::error cut_off_head() const;
  bool address_refused() const noexcept {
    return address_refused_;
  }

  const clock* clock_;
  /// Why libcurl was told to stop.
  std::optional<troupe::error> failure_;

private:
  static size_t on_header(char* data, size_t size, size_t count, void* self);
  static size_t on_body(char* data, size_t size, size_t count, void* self);
  static curl_socket_t on_socket(void* self, curlsocktype purpose, curl_sockaddr* address);
  static int on_connected(void* self, char*, char*, int, int);

  bool take_header(std::string_view line);

  const milliseconds stall_;
  const size_t max_header_bytes_;
  std::map<std::string, std::string> fields_;
  size_t header_bytes_ = 0;
  bool address_refused_ = false;
  bool connected_ = false;
  bool head_complete_ = false;
  mono_time last_byte_{};
};

} // namespace troupe::net
