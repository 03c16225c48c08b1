#pragma once

#include "actors/dispatch/job_queue.hpp"
#include "actors/dispatch/records.hpp"

#include <map>

namespace troupe::dispatch {

/// Notes what has to be written and what may happen afterwards, one row a job however often it changed.
class outbox {
public:
  /// The row of this job has to be written; `changed`: people see a new state or stage.
  void touch(entry& e, bool changed);
  /// It leaves memory because it was removed.
  void removed(entry& e);
  /// One that is not in memory.
  void removed(job_id id);
  void settings(const queue_settings& s);
  void node(const node_rules& x);
  void assigned(worker_id worker, assignment a);
  void revoked(worker_id worker, const lease_token& token);
  /// Its lease has ended: if it began since the last take, its assignment must not go out.
  void lease_ended(const entry& e) noexcept {
    outdated_ |= e.dirty;
  }

  bool empty() const noexcept;
  size_t rows() const noexcept {
    return touched_.size();
  }
  /// Everything since the last call, as it is now. Rows of terminal jobs come first: a unique key that moved from one
  /// job to another within the batch is free before it is taken. Jobs that are archived are moved out, not copied.
  batch take(job_table& jobs);

private:
  void drop_outdated_assignments(const job_table& jobs);

  std::vector<entry*> touched_;
  std::vector<job_id> removed_;
  std::map<std::string, queue_settings> settings_;
  std::map<std::string, node_rules> nodes_;
  effects effects_;
  /// In the last batch that had some: the next one has as many, about.
  size_t last_assigned_ = 0;
  /// There may be assignments whose leases have ended.
  bool outdated_ = false;
};

} // namespace troupe::dispatch
