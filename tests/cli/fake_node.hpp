#pragma once

// A node that has a door and answers from fixed data: what the troupe command is tested against.

#include "protocol/mesh/registry.hpp"

namespace troupe::test {

/// Jobs by the low half of their id: 1 completes, 2 fails, 3 is cancelled, 4 had 5 as its part; others do not exist.
inline job_id fake_job(uint64_t n) {
  return {{0x0190'0000'0000'0000, n}};
}

/// Its door, published on a free loopback port for the life of the object.
class fake_node {
public:
  fake_node();
  ~fake_node();
  uint16_t port() const {
    return port_;
  }

private:
  struct impl;
  std::unique_ptr<impl> impl_;
  uint16_t port_ = 0;
};

} // namespace troupe::test
