#include "store/job_writer.hpp"

#include <algorithm>

namespace troupe::store {

namespace {

constexpr auto every_column = [](job_row& r, auto f) { all_columns(r, f); };
constexpr auto key_only = [](job_row& r, auto f) { r.key(f); };
constexpr auto changing_and_key = [](job_row& r, auto f) {
  r.changing(f);
  r.key(f);
};
constexpr auto changing_only = [](auto& r, auto f) { r.changing(f); };
constexpr auto every_queue_column = [](queue_row& r, auto f) { all_columns(r, f); };
constexpr auto every_node_column = [](node_row& r, auto f) { all_columns(r, f); };

/// Rows that end a job go first and new ones last: a unique key may pass from one job to the next within a unit.
int order_of(const ports::job_change& x) {
  return x.is_new ? 2 : is_terminal(x.row.state) ? 0 : 1;
}

} // namespace

job_writer::job_writer(soci::session& sql, const engine& eng) :
  sql_(sql), eng_(eng), insert_(sql, eng, insert_sql<job_row>("jobs"), every_column),
  update_(sql, eng, "UPDATE jobs SET " + assignments<job_row>(changing_only) + " WHERE id = :id", changing_and_key),
  remove_(sql, eng, "DELETE FROM jobs WHERE id = :id", key_only),
  put_queue_(sql, eng,
             insert_sql<queue_row>("queues") + " ON CONFLICT (name) DO UPDATE SET "
               + take_excluded<queue_row>(changing_only),
             every_queue_column),
  put_node_(sql, eng,
            insert_sql<node_row>("nodes") + " ON CONFLICT (name) DO UPDATE SET "
              + take_excluded<node_row>(changing_only),
            every_node_column),
  fence_(sql) {
  fence_.exchange(soci::into(fence_found_));
  fence_.exchange(soci::use(fence_id_, "id"));
  fence_.exchange(soci::use(fence_attempt_, "attempt"));
  fence_.exchange(soci::use(fence_term_, "term"));
  fence_.alloc();
  fence_.prepare("SELECT count(*) FROM jobs WHERE id = :id AND state = 'running' AND attempt = :attempt"
                 " AND lease_term = :term");
  fence_.define_and_bind();
}

bool job_writer::holds(const lease_token& token) {
  fence_id_ = token.job.str();
  fence_attempt_ = token.attempt;
  fence_term_ = static_cast<integer>(token.term);
  fence_.execute(true);
  bool found = fence_found_ > 0;
  // To the end: an unfinished SELECT keeps its snapshot, and the log could never be emptied.
  while (fence_.fetch()) {}
  return found;
}

void job_writer::write(const ports::job_change& x) {
  if (x.is_new) {
    set_all(insert_.row, x.row);
    insert_.execute();
    return;
  }
  set_changing(update_.row, x.row);
  if (update_.execute() != 1)
    throw failure{{errc::internal, "job " + x.row.id.str() + " was to be changed, but is not in the database"}};
}

void job_writer::apply(const ports::unit_of_work& unit) {
  for (auto& id : unit.removed_jobs) {
    remove_.row.id = id.str();
    remove_.execute();
  }
  auto removed = [&](job_id id) {
    return std::find(unit.removed_jobs.begin(), unit.removed_jobs.end(), id) != unit.removed_jobs.end();
  };
  for (int turn = 0; turn < 3; ++turn)
    for (auto& x : unit.jobs)
      if (order_of(x) == turn && (x.is_new || !removed(x.row.id)))
        write(x);
  for (auto& x : unit.queues) {
    set_all(put_queue_.row, x);
    put_queue_.execute();
  }
  for (auto& x : unit.nodes) {
    set_all(put_node_.row, x);
    put_node_.execute();
  }
}

uint64_t job_writer::raise_term() {
  integer term = 0;
  sql_ << "UPDATE meta SET value = value + 1 WHERE name = 'term'";
  sql_ << "SELECT value FROM meta WHERE name = 'term'", soci::into(term);
  if (term < 1)
    throw failure{{errc::io, eng_.display_name() + " has lost its term: restore a backup"}};
  return static_cast<uint64_t>(term);
}

} // namespace troupe::store
