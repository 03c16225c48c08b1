#pragma once

#include "net/digest.hpp"
#include "net/multipart_ranges.hpp"
#include "net/peer_request.hpp"

namespace troupe::net {

/// Ranges of a file of another node.
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
  /// Is the answer about what was asked for?
  bool check_head();
  bool check_range();
  bool check_parts();
  bool refuse(troupe::error why);
  bool complete() const noexcept;
  result<void> write(uint64_t offset, std::string_view bytes);
  result<void> outcome(CURLcode code);
  void end(ports::peer_files::fetched outcome);

  ports::range_fetch what_;
  /// Of all ranges.
  uint64_t length_ = 0;
  done_function done_;
  sha256 hash_;
  uint64_t received_ = 0;
  bool head_checked_ = false;
  /// Of an answer in parts.
  std::optional<part_reader> parts_;
};

} // namespace troupe::net
