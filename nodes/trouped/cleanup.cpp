#include "actors/media/cleanup.hpp"

#include "nodes/trouped/node.hpp"

#include <spdlog/spdlog.h>

namespace troupe::node {

namespace {

using store_reader = ports::store_reader;

/// Calls back with every job of a query, archived ones too.
result<void> each_job(store_reader& reader, job_query query, const std::function<void(const job&)>& f) {
  query.history = true;
  query.limit = 100;
  for (query.page = 1;; ++query.page) {
    auto page = reader.list_jobs(query);
    if (!page)
      return std::move(page).error();
    for (auto& j : page->jobs)
      f(j);
    if (page->jobs.size() < query.limit)
      return {};
  }
}

/// `embedded_too`: false at a start, for what a worker of our own process held went with that process.
result<work::files_in_use> files_in_use(ports::database& db, bool embedded_too) {
  auto reader = db.open_reader();
  if (!reader)
    return std::move(reader).error();
  work::files_in_use out;
  auto files = (*reader)->referenced_files();
  if (!files)
    return std::move(files).error();
  out.referenced.insert(files->begin(), files->end());
  job_query running;
  running.status = "running";
  TROUPE_TRY(each_job(**reader, running, [&](const job& j) {
    if (embedded_too || !j.lease_embedded)
      out.leases.insert(j.token());
  }));
  for (auto kind : {"download", "transcode"}) {
    job_query open;
    open.status = "waiting,delayed,queued,running";
    open.kind = kind;
    TROUPE_TRY(each_job(**reader, open, [&](const job& j) { out.open_jobs.insert(j.id); }));
  }
  return out;
}

std::function<result<job>(job_id)> job_finder(std::shared_ptr<ports::database> db) {
  return [db](job_id id) -> result<job> {
    auto reader = db->open_reader();
    if (!reader)
      return std::move(reader).error();
    return (*reader)->find_job(id);
  };
}

} // namespace

work::cleanup_rules cleanup_rules_of(const parts& p) {
  work::cleanup_rules rules;
  rules.in_use = [db = p.database] { return files_in_use(*db, true); };
  rules.find_job = job_finder(p.database);
  rules.time = &p.clocks;
  return rules;
}

work::shop_function cleanup_work(const parts& p) {
  return [rules = cleanup_rules_of(p)](work::attempt& a, const work::workshop& shop) {
    return work::clean_up(a, shop, rules);
  };
}

void sweep_at_start(const parts& p) {
  auto rules = cleanup_rules_of(p);
  rules.in_use = [db = p.database] { return files_in_use(*db, false); };
  // Nothing of ours is under way yet, and what other workers have is known by their leases.
  rules.grace = milliseconds{0};
  auto done = work::sweep(*p.files, p.folder->path(), rules, [] { return false; });
  if (!done)
    return spdlog::warn("start: files of interrupted work were not removed: {}", done.error().message);
  for (auto& problem : done->problems)
    spdlog::warn("start: removing files of interrupted work: {}", problem);
  if (done->files_removed > 0)
    spdlog::info("start: removed what interrupted work left: {} files or folders", done->files_removed);
}

} // namespace troupe::node
