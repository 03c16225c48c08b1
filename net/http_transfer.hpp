#pragma once

// One download: what to do with each answer of the server. Used by http_client.cpp alone, on its thread.

#include "net/curl_loop.hpp"
#include "net/http_fields.hpp"

#include <map>

namespace troupe::net {

class http_transfer final : public curl_job {
public:
  using done_function = std::function<void(result<ports::http_response>)>;
  using progress_function = std::function<void(ports::transfer_progress)>;

  http_transfer(ports::http_download what, progress_function progress, done_function done, const clock& time);
  http_transfer(const http_transfer&) = delete;
  http_transfer& operator=(const http_transfer&) = delete;

  CURL* begin() override;
  /// Asks again when the server has another file by now.
  bool finish(CURLcode code) override;
  void fail(troupe::error why) override;
  mono_time stalls_at() const noexcept override;
  troupe::error stalled() const override;

private:
  enum class body { undecided, file, dropped };

  static size_t on_header(char* data, size_t size, size_t count, void* self);
  static size_t on_body(char* data, size_t size, size_t count, void* self);
  static curl_socket_t on_socket(void* self, curlsocktype purpose, curl_sockaddr* address);
  static int on_connected(void* self, char*, char*, int, int);

  void end(result<ports::http_response> outcome);
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
