#pragma once

// What every request to another node's file server has in common. Used by peer_files.cpp's jobs alone, on its thread.

#include "net/curl_exchange.hpp"
#include "net/peer_files.hpp"

#include <functional>

namespace troupe::net {

class peer_request : public curl_exchange {
public:
  struct patience {
    milliseconds connect{5'000};
    milliseconds stall{15'000};
  };
  /// `papers` outlives it.
  peer_request(std::string url, patience waits, std::function<void(uint64_t)> moved, const peer_papers& papers,
               const clock& time);

  troupe::error stalled() const override;
  const std::string& place() const noexcept override;
  void others_move() override;

protected:
  /// A piece of the body of an answer with a good status. False: `failure_` says why not.
  virtual bool take(std::string_view piece);

  /// A fresh handle with all but method and body.
  CURL* fresh();
  void add_header(const std::string& line);
  /// Why the request failed; nullopt when it has a good status and came to its end.
  std::optional<troupe::error> problem(CURLcode code);
  std::optional<uint64_t> number_field(const std::string& name) const;
  /// The other node, without the ticket.
  std::string where() const override;
  /// `moved`, at most ten times a second unless it is the last time.
  void report(uint64_t bytes, bool last);

  const std::string url_;
  const patience waits_;

private:
  void set_papers(CURL* handle);
  bool permits(const curl_sockaddr& address) const override;
  bool take_body(std::string_view piece) override;
  troupe::error refusal() const;
  troupe::error curl_error(CURLcode code) const;
  std::string why_unreachable(CURLcode code) const;

  const std::string place_;
  const peer_papers& papers_;
  std::function<void(uint64_t)> moved_;
  std::unique_ptr<curl_slist, curl_slist_deleter> headers_;
  /// Of a refusal.
  std::string said_;
  mono_time last_report_{};
  uint64_t reported_ = 0;
};

} // namespace troupe::net
