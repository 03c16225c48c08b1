#pragma once

#include "net/digest.hpp"
#include "net/peer_request.hpp"

namespace troupe::net {

/// One range of a file of another node.
class peer_fetch final : public peer_request {
public:
  using done_function = std::function<void(ports::peer_files::fetched)>;

  peer_fetch(ports::range_fetch what, std::function<void(uint64_t)> moved, done_function done,
             const peer_papers& papers, const clock& time);

  CURL* begin() override;
  bool finish(CURLcode code) override;
  void fail(troupe::error why) override;

private:
  bool take(std::string_view piece) override;
  /// Is the answer about the range that was asked for?
  bool check_range();
  result<void> outcome(CURLcode code);
  void end(ports::peer_files::fetched outcome);

  ports::range_fetch what_;
  done_function done_;
  sha256 hash_;
  uint64_t received_ = 0;
  bool range_checked_ = false;
};

} // namespace troupe::net
