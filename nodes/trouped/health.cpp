#include "actors/health/checks.hpp"
#include "host/program_version.hpp"
#include "nodes/trouped/node.hpp"
#include "protocol/model/housekeeping.hpp"

namespace troupe::node {

namespace {

/// Workers that lost their coordinator try again at least this often.
constexpr std::chrono::seconds time_to_join{10};

/// A connection of its own: the check must not queue behind what it checks.
std::function<result<void>()> database_ping(std::shared_ptr<ports::database> db) {
  auto reader = std::make_shared<std::unique_ptr<ports::store_reader>>();
  return [db, reader]() -> result<void> {
    if (!*reader) {
      auto opened = db->open_reader();
      if (!opened)
        return std::move(opened).error();
      *reader = std::move(*opened);
    }
    auto pong = (*reader)->ping();
    if (!pong)
      reader->reset();
    return pong;
  };
}

health::worker_count_function count_workers(parts& p) {
  return [&p](std::function<void(result<health::worker_count>)> done) {
    p.backend->nodes([done](result<std::vector<node_details>> all) {
      if (!all)
        return done(std::move(all).error());
      health::worker_count out;
      for (auto& x : *all) {
        // A coordinator's own housekeeping makes nobody's films.
        if (is_housekeeper(x.kinds))
          continue;
        out.connected += x.workers.size();
        out.open += x.open ? x.workers.size() : 0;
      }
      done(out);
    });
  };
}

/// That the coordinator is away is said by the gateway itself, while it lasts and no round longer.
health::check_function cluster_check(parts& p) {
  auto check = health::check_cluster(count_workers(p), p.clocks, time_to_join);
  return [&p, check](std::function<void(health_check)> done) {
    if (p.backend->coordinator_away())
      return done({});
    // Of a gateway that has to fetch what it sends.
    if (auto why = p.coordinator_files->problem(); !why.empty()) {
      health_check x;
      x.status = health_status::degraded;
      x.problem = std::move(why);
      return done(std::move(x));
    }
    check(std::move(done));
  };
}

std::vector<health::named_check> coordinator_checks(parts& p) {
  auto& data = p.folder->path();
  health::disk_thresholds disk;
  disk.degraded_below = p.settings.health.min_free.bytes;
  disk.unhealthy_below = p.settings.health.min_free.bytes / 8;
  return {{"database", health::check_database(database_ping(p.database))},
          {"filesystem", health::check_filesystem(p.files, data)},
          {"disk", health::check_disk(p.files, data, disk)},
          {"youtube-dl", health::check_youtube_dl(host::program_version(p.settings.health.yt_dlp))}};
}

/// What only the coordinator has is checked there.
std::vector<health::named_check> gateway_checks() {
  auto disabled = [](const std::function<void(health_check)>& done) {
    health_check x;
    x.status = health_status::disabled;
    done(std::move(x));
  };
  return {{"database", disabled}, {"filesystem", disabled}, {"disk", disabled}, {"youtube-dl", disabled}};
}

} // namespace

supervision::child_spec health_children(parts& p) {
  health::health_config c;
  c.interval = p.settings.health.interval;
  c.check_limit = p.settings.health.timeout;
  c.time = &p.clocks;
  c.board = p.board;
  // The cluster's status is the coordinator's to tell.
  if (!p.watch)
    c.notifier = p.book->of<mesh::notifier>("notifier");
  c.checks = p.watch ? gateway_checks() : coordinator_checks(p);
  c.checks.push_back({"redis", health::check_redis(p.redis)});
  c.checks.push_back({"resources", health::check_resources({})});
  c.checks.push_back({"cluster", cluster_check(p)});
  if (auto due = certificate_due(p))
    c.checks.push_back({"certificate", health::check_certificate(std::move(due))});
  supervision::child_spec spec;
  spec.name = "health_supervisor";
  spec.start = [&p, c](caf::event_based_actor*) -> caf::expected<caf::actor> {
    return caf::actor_cast<caf::actor>(health::spawn_health_supervisor(*p.system, c));
  };
  return spec;
}

} // namespace troupe::node
