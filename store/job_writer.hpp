#pragma once

#include "store/statements.hpp"

#include <span>

namespace troupe::store {

/// The statements that change jobs and queue settings. Lives as long as its session; every call may throw.
class job_writer {
public:
  job_writer(soci::session& sql, const engine& eng);

  /// Is that job running with this attempt and term now?
  bool holds(const lease_token& token);
  void apply(const ports::unit_of_work& unit);
  uint64_t raise_term();

private:
  void write(const ports::job_change& x);

  soci::session& sql_;
  const engine& eng_;
  change<job_row> insert_;
  change<job_row> update_;
  change<job_row> remove_;
  change<queue_row> put_queue_;
  change<node_row> put_node_;
  std::string fence_id_;
  integer fence_attempt_ = 0;
  integer fence_term_ = 0;
  integer fence_found_ = 0;
  soci::statement fence_;
};

} // namespace troupe::store
