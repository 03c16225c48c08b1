#include "store/writer.hpp"

#include "store/catalogue_writer.hpp"
#include "store/connection.hpp"
#include "store/job_writer.hpp"
#include "store/row_values.hpp"

namespace troupe::store {

namespace {

struct prepared {
  prepared(soci::session& sql, const engine& eng) : jobs(sql, eng), catalogue(sql, eng) {
  }
  job_writer jobs;
  catalogue_writer catalogue;
};

class writer final : public ports::store_writer {
public:
  writer(std::shared_ptr<const engine> eng, std::unique_ptr<writer_lock> lock) :
    lock_(std::move(lock)), conn_(std::move(eng), access::write) {
  }

  result<void> open() {
    return run([](soci::session&) -> result<void> { return {}; });
  }

  result<uint64_t> raise_term() override {
    return run([&](soci::session& sql) -> result<uint64_t> {
      begin(sql);
      auto term = statements_->jobs.raise_term();
      end(sql);
      return term;
    });
  }

  result<std::vector<result<void>>> commit(std::span<const ports::unit_of_work* const> units) override {
    return run([&](soci::session& sql) -> result<std::vector<result<void>>> {
      std::vector<result<void>> answers;
      answers.reserve(units.size());
      begin(sql);
      for (auto* unit : units)
        answers.push_back(apply(*unit));
      end(sql);
      return answers;
    });
  }

  result<ports::recovered_jobs> load_jobs() override;
  result<std::vector<ports::purged_job>> purge_history(timestamp older_than, uint32_t limit) override;

private:
  /// A unit can fail alone by its fence and by what it claims only, and these are asked before anything is applied: no
  /// savepoint is needed. Whatever else goes wrong throws, and rolls all of them back.
  result<void> apply(const ports::unit_of_work& unit) {
    if (unit.fence.job && !statements_->jobs.holds(unit.fence))
      return {errc::stale_lease, "job " + unit.fence.job.str() + " is not running with attempt "
                                   + std::to_string(unit.fence.attempt) + " of term " + std::to_string(unit.fence.term)
                                   + " any more: what it wanted to write is dropped"};
    for (auto id : unit.claimed.ids)
      if (statements_->catalogue.is_elsewhere(id, unit.claimed.library))
        return {errc::forbidden, "video " + id.str() + " is not of library " + unit.claimed.library.str()
                                   + ": what was to be written is dropped"};
    statements_->jobs.apply(unit);
    if (!unit.catalogue.empty())
      statements_->catalogue.apply(unit.catalogue);
    return {};
  }

  void begin(soci::session& sql) {
    conn_.eng().run_script(sql, conn_.eng().begin_write());
  }
  void end(soci::session& sql) {
    conn_.eng().run_script(sql, "COMMIT");
  }

  template <class F>
  auto run(F&& f) -> decltype(f(std::declval<soci::session&>())) {
    auto answer = conn_.run([&](soci::session& sql) {
      if (!statements_)
        statements_ = std::make_unique<prepared>(sql, conn_.eng());
      return f(sql);
    });
    if (std::exchange(conn_.broken, false)) {
      statements_.reset();
      conn_.close();
    }
    return answer;
  }

  std::unique_ptr<writer_lock> lock_;
  connection conn_;
  /// Of the present session; destroyed before it.
  std::unique_ptr<prepared> statements_;
};

result<ports::recovered_jobs> writer::load_jobs() {
  return run([&](soci::session& sql) -> result<ports::recovered_jobs> {
    auto& eng = conn_.eng();
    auto nothing = [](soci::statement&) {};
    ports::recovered_jobs out;
    eng.run_script(sql, eng.begin_read());
    select<job_row>(sql, eng, "WHERE archived = 0 ORDER BY id", "jobs", nothing,
                    [&](job_row& row) { out.jobs.push_back(to_job(row)); });
    select<queue_row>(sql, eng, "ORDER BY name", "queues", nothing,
                      [&](queue_row& row) { out.queues.push_back(to_queue(row)); });
    select<node_row>(sql, eng, "ORDER BY name", "nodes", nothing,
                     [&](node_row& row) { out.nodes.push_back(to_node(row)); });
    std::string submission;
    std::string id;
    soci::statement st = (sql.prepare << "SELECT submission_id, id FROM jobs WHERE archived = 1"
                                         " AND submission_id <> '' ORDER BY id",
                          soci::into(submission), soci::into(id));
    st.execute();
    while (st.fetch()) {
      eng.decode_text(submission);
      out.archived_submissions.emplace_back(submission, id_from<job_id>(id));
    }
    end(sql);
    return out;
  });
}

/// One round: jobs without a parent. Those that were children of what it took follow in the next.
size_t purge_round(soci::session& sql, const engine& eng, integer before, integer most,
                   std::vector<ports::purged_job>& out) {
  std::vector<std::string> ids;
  std::string id;
  std::string submission;
  soci::statement old = (sql.prepare << "SELECT j.id, j.submission_id FROM jobs j WHERE j.archived = 1"
                                        " AND j.finished_at < :before AND (j.parent = ''"
                                        " OR NOT EXISTS (SELECT 1 FROM jobs p WHERE p.id = j.parent))"
                                        " ORDER BY j.finished_at, j.id LIMIT :most",
                         soci::into(id), soci::into(submission), soci::use(before, "before"), soci::use(most, "most"));
  old.execute();
  while (old.fetch()) {
    eng.decode_text(submission);
    out.push_back({id_from<job_id>(id), submission});
    ids.push_back(id);
  }
  soci::statement drop = (sql.prepare << "DELETE FROM jobs WHERE id = :id", soci::use(id, "id"));
  for (auto& one : ids) {
    id = one;
    drop.execute(true);
  }
  return ids.size();
}

result<std::vector<ports::purged_job>> writer::purge_history(timestamp older_than, uint32_t limit) {
  return run([&](soci::session& sql) -> result<std::vector<ports::purged_job>> {
    std::vector<ports::purged_job> out;
    begin(sql);
    while (out.size() < limit
           && purge_round(sql, conn_.eng(), to_ms(older_than), static_cast<integer>(limit - out.size()), out) > 0) {}
    end(sql);
    return out;
  });
}

} // namespace

result<std::unique_ptr<ports::store_writer>> make_writer(std::shared_ptr<const engine> eng) {
  auto lock = eng->lock_writer();
  if (!lock)
    return lock.error();
  auto made = std::make_unique<writer>(std::move(eng), std::move(*lock));
  TROUPE_TRY(made->open());
  return std::unique_ptr<ports::store_writer>{std::move(made)};
}

} // namespace troupe::store
