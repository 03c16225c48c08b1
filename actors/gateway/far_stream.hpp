#pragma once

#include "actors/gateway/far_pieces.hpp"

namespace troupe::gateway {

/// One client's reading of a part of a file of another node: piece after piece, the next one opened while the end of
/// the present one is sent. What goes wrong is written to the log; clients learn that it does.
class far_stream final : public ports::far_stream {
public:
  far_stream(std::shared_ptr<far_pieces> pieces, std::shared_ptr<known_file> file, byte_span part);
  ~far_stream() override;

  void next(std::function<void(result<ports::fetched_bytes>)> done) override;

private:
  class state;
  std::shared_ptr<state> state_;
};

} // namespace troupe::gateway
