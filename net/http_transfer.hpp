#pragma once

// One download: what to do with each answer of the server. Used by http_client.cpp alone, on its thread.

#include "net/curl_exchange.hpp"

namespace troupe::net {

class http_transfer final : public curl_exchange {
public:
  using done_function = std::function<void(result<ports::http_response>)>;
  using progress_function = std::function<void(ports::transfer_progress)>;

  http_transfer(ports::http_download what, progress_function progress, done_function done, const clock& time);

  CURL* begin() override;
  /// Asks again when the server has another file by now.
  bool finish(CURLcode code) override;
  void fail(troupe::error why) override;
  troupe::error stalled() const override;

private:
  enum class body { undecided, file, dropped };

  std::string where() const override;
  bool permits(const curl_sockaddr& address) const override;
  bool take_body(std::string_view piece) override;
  /// Trailers say nothing that counts.
  bool wants_fields() const override;

  void end(result<ports::http_response> outcome);
  void decide_body();
  result<void> start_file(uint64_t position, std::optional<uint64_t> total);
  result<void> decide_part();
  bool write(std::string_view piece);
  void report(bool last);
  std::string validator() const;
  std::string file_name() const;
  result<ports::http_response> outcome(CURLcode code);
  result<ports::http_response> status_error(long status) const;
  result<ports::http_response> curl_error(CURLcode code) const;
  result<ports::http_response> file_response();

  ports::http_download what_;
  progress_function progress_;
  done_function done_;
  std::unique_ptr<curl_slist, curl_slist_deleter> headers_;
  body body_ = body::undecided;
  bool restart_ = false;
  bool restarted_ = false;
  /// The file is complete already (416 at its very end).
  bool complete_already_ = false;
  uint64_t position_ = 0;
  std::optional<uint64_t> total_;
  mono_time last_report_;
};

} // namespace troupe::net
