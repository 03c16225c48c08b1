#include "actors/cluster/door.hpp"
#include "actors/cluster/file_desk.hpp"
#include "actors/cluster/library_samples.hpp"
#include "actors/cluster/mounted_libraries.hpp"
#include "actors/dispatch/journal.hpp"
#include "actors/library/job_intake.hpp"
#include "actors/library/librarian.hpp"
#include "actors/library/publication.hpp"
#include "actors/library/store_reader.hpp"
#include "actors/media/media_jobs.hpp"
#include "actors/notify/notifier.hpp"
#include "actors/schedule/scheduler.hpp"
#include "host/beneath.hpp"
#include "nodes/link/handshake_watch.hpp"
#include "nodes/trouped/node.hpp"

#include <spdlog/spdlog.h>

#include <atomic>
#include <cstdlib>
#include <unistd.h>

namespace troupe::node {

namespace {

using supervision::child_spec;
using supervision::supervisor_config;

/// A child whose start function just spawns.
template <class F>
child_spec child(std::string name, F spawn) {
  child_spec spec;
  spec.name = std::move(name);
  spec.start = [spawn](caf::event_based_actor* self) -> caf::expected<caf::actor> {
    return caf::actor_cast<caf::actor>(spawn(self));
  };
  return spec;
}

/// The gateway here forgets at once; those of other nodes are told, if there are any.
std::function<void()> forget_catalogue(parts& p) {
  return [cache = *p.cache, interest = p.interest, notifier = p.book->of<mesh::notifier>("notifier")] {
    cache.invalidate("videos");
    if (!interest->wanted(catalogue_topic))
      return;
    event e;
    e.topic = catalogue_topic;
    e.type = "catalogue_changed";
    // Of the many changes of a scan only some are told: what was loaded between two of them is forgotten by the next.
    e.coalesce = true;
    caf::anon_send(notifier, mesh::publish_events{{std::move(e)}});
  };
}

work::media_policy media_policy_of(const config::settings& s) {
  work::media_policy out;
  out.profiles = s.all_profiles();
  out.storyboards.after_ingest = s.storyboards.after_ingest;
  out.storyboards.width = s.storyboards.width;
  out.storyboards.interval = s.storyboards.interval;
  return out;
}

dispatch::dispatcher_config dispatcher_settings(parts& p) {
  dispatch::dispatcher_config c;
  auto& jobs = p.settings.jobs;
  c.queue.lease = jobs.lease;
  c.history = jobs.history;
  c.purge_interval = jobs.cleanup_interval;
  // Tests show with it that they notice a missing fence: no configuration can ask for it.
  if (std::getenv("TROUPE_TEST_UNFENCED") != nullptr) {
    spdlog::error("start: TROUPE_TEST_UNFENCED is set: workers that lost their lease change jobs");
    c.queue.unfenced = true;
  }
  for (auto name : queue_names()) {
    queue_settings s;
    s.name = name;
    s.max_depth = jobs.max_queue_depth;
    c.queue.defaults.push_back(std::move(s));
  }
  c.data_folder = p.folder->path();
  c.data_id = p.folder->node_id();
  c.ticket_key = p.tickets->public_key();
  c.term = p.term;
  auto policy = media_policy_of(p.settings);
  c.admit = [policy](job_spec& spec, const find_open_job& open) { return work::admit_media_job(policy, spec, open); };
  c.observed = catalogue::is_observed;
  c.on_completed = [data = p.folder->path(), policy](const job& x, const std::string& result) {
    return catalogue::on_completed(data, x, result, policy);
  };
  c.outputs_of = catalogue::outputs_of;
  c.on_ended = catalogue::on_ended;
  c.catalogue_changed = forget_catalogue(p);
  c.gateways = p.gateways;
  c.wanted = [interest = p.interest](std::string_view topic) { return interest->wanted(topic); };
  return c;
}

/// The journal and the dispatcher share a fate: a dispatcher's memory is worth nothing without the journal that it
/// waits for, and the other way round.
supervisor_config dispatch_concern(parts& p) {
  supervisor_config c;
  c.name = "dispatch";
  c.strategy = supervision::strategy::one_for_all;
  c.addresses = p.book;
  c.children.push_back(child("journal", [db = p.database](caf::event_based_actor* self) {
    return self->spawn<caf::detached>(dispatch::journal_actor, db, dispatch::journal_config{});
  }));
  auto config = dispatcher_settings(p);
  auto dispatcher = child("dispatcher", [config, book = p.book](caf::event_based_actor* self) {
    dispatch::dispatcher_peers peers;
    peers.journal = book->of<dispatch::journal>("journal");
    peers.notifier = book->of<mesh::notifier>("notifier");
    peers.history = book->of<catalogue::job_history>("history");
    peers.observer = book->of<dispatch::observer>("librarian");
    peers.outputs = book->of<dispatch::output_check>("output_check");
    auto mine = config;
    mine.ready = [supervisor = caf::actor_cast<caf::actor>(self)](caf::local_actor* it) {
      supervision::signal_ready(it, supervisor);
    };
    return self->spawn(dispatch::dispatcher_actor, std::move(mine), peers);
  });
  // Whoever submits, joins or asks is started after it has read the queue. It tries until it can: the start as a whole
  // has a limit of its own (start_roles).
  dispatcher.awaits_ready = true;
  dispatcher.ready_timeout = milliseconds{0};
  c.children.push_back(std::move(dispatcher));
  return c;
}

/// A scan goes to the worker in this process, which sees every root as the coordinator does. Without one, and for a
/// library that is elsewhere, it goes to a worker that has the library.
std::vector<std::string> scan_needs(bool has_own_worker, library_id id, bool elsewhere) {
  return {has_own_worker && !elsewhere ? std::string{cluster::coordinator_capability} : library_capability(id)};
}

child_spec job_intake_child(parts& p) {
  catalogue::job_intake_config config;
  config.policy = media_policy_of(p.settings);
  return child("job_intake", [config, book = p.book](caf::event_based_actor* self) {
    catalogue::job_intake_peers peers{book->of<mesh::job_client>("dispatcher"),
                                      book->of<mesh::catalogue_reader>("catalogue")};
    return self->spawn(catalogue::job_intake, config, peers);
  });
}

child_spec library_samples_child(parts& p) {
  cluster::library_samples_config config;
  config.database = p.database;
  config.files = p.files;
  config.disks = p.disks;
  return child("library_samples", [config](caf::event_based_actor* self) {
    return self->spawn<caf::detached>(cluster::library_samples_actor, config);
  });
}

supervisor_config library_concern(parts& p) {
  supervisor_config c;
  c.name = "library";
  c.addresses = p.book;
  for (auto name : {"catalogue", "history"})
    c.children.push_back(child(name, [db = p.database](caf::event_based_actor* self) {
      return self->spawn<caf::detached>(catalogue::store_reader_actor, db);
    }));
  c.children.push_back(job_intake_child(p));
  c.children.push_back(library_samples_child(p));
  c.children.push_back(
    child("output_check", [files = p.files, folder = p.folder->path()](caf::event_based_actor* self) {
      return self->spawn<caf::detached>(dispatch::output_check_actor, files, folder);
    }));
  catalogue::librarian_config config;
  config.data_folder = p.folder->path();
  config.private_places = private_places_of(p);
  config.files = p.files;
  config.catalogue_changed = forget_catalogue(p);
  config.libraries_changed = [samples = p.book->of<mesh::library_samples>("library_samples")] {
    caf::anon_send(samples, mesh::libraries_changed{});
  };
  const bool has_own_worker = p.settings.has_role("worker") && p.settings.worker.default_ > 0;
  config.scan_needs = [has_own_worker](library_id id, bool elsewhere) {
    return scan_needs(has_own_worker, id, elsewhere);
  };
  c.children.push_back(child("librarian", [config, book = p.book](caf::event_based_actor* self) {
    catalogue::librarian_peers peers;
    peers.journal = book->of<dispatch::journal>("journal");
    peers.jobs = book->of<mesh::job_client>("dispatcher");
    peers.reader = book->of<catalogue::store_reader>("catalogue");
    peers.notifier = book->of<mesh::notifier>("notifier");
    peers.nodes = book->of<mesh::node_admin>("dispatcher");
    return self->spawn(catalogue::librarian, config, peers);
  }));
  return c;
}

schedule::scheduler_config schedules(const parts& p) {
  schedule::scheduler_config c;
  schedule::schedule cleanup;
  cleanup.name = "cleanup";
  cleanup.every = p.settings.jobs.cleanup_interval;
  cleanup.spec.kind = "scheduled_cleanup";
  c.schedules.push_back(std::move(cleanup));
  return c;
}

cluster::file_desk_config file_desk_settings(const parts& p) {
  cluster::file_desk_config c;
  c.issuer = p.tickets;
  c.files = p.files;
  c.disks = p.disks;
  c.look = [](const std::string& root, const std::string& path) { return host::version_beneath(root, path); };
  c.data_folder = p.folder->path();
  c.port = p.files_port;
  c.host = p.files_host;
  c.node_name = p.settings.node_name();
  c.certificates = p.mesh->papers().has_value();
  c.is_own_worker = [own = p.self_as_worker](worker_id x) { return own->is_it(x); };
  return c;
}

mesh::node_status status_of(const parts& p) {
  mesh::node_status s;
  s.node_name = p.settings.node_name();
  s.version = TROUPE_VERSION;
  s.roles = p.settings.node.roles;
  s.data_folder = p.folder->path();
  s.database = std::string{p.database->kind()};
  if (p.settings.has_role("gateway"))
    s.api_url = "http://" + p.settings.gateway.address + ":" + std::to_string(p.settings.gateway.port);
  s.pid = static_cast<uint32_t>(::getpid());
  return s;
}

/// Whom TLS turns away never comes to the door. Each reason is logged once, as long as the list has it, and no more
/// than one in ten seconds: callers are anybody.
void note_refused_handshakes(std::shared_ptr<cluster::refusal_log> log) {
  auto next = std::make_shared<std::atomic<mono_time>>(mono_time{});
  handshake_watch::of_process().tell_refusals([log, next](const std::string& from, const std::string& why) {
    const auto reason = "a caller from " + from + ": " + why;
    const bool fresh = log->note({system_clocks{}.wall(), {}, {}, reason});
    const auto now = system_clocks{}.mono();
    if (!fresh || now < next->load())
      return;
    *next = now + milliseconds{10'000};
    spdlog::warn("mesh: not let in: {}; 'troupe cert check' on its machine says more, 'troupe nodes' here who else",
                 reason);
  });
}

} // namespace

mesh::admin_handles local_admin_handles(parts& p) {
  auto& book = *p.book;
  mesh::admin_handles h;
  h.jobs = book.of<mesh::job_client>("job_intake");
  h.queues = book.of<mesh::job_admin>("dispatcher");
  h.nodes = book.of<mesh::node_admin>("dispatcher");
  h.librarian = book.of<mesh::librarian>("librarian");
  h.catalogue = book.of<mesh::catalogue_reader>("catalogue");
  h.notifier = book.of<mesh::notifier>("notifier");
  h.health = book.of<mesh::health>("health_supervisor");
  h.cache = book.of<mesh::cache>("cache");
  h.root = book.of<mesh::supervisor>("root");
  h.node = book.of<mesh::node_info>("node_info");
  return h;
}

mesh::worker_handles local_worker_handles(parts& p) {
  auto& book = *p.book;
  mesh::worker_handles h;
  h.jobs = book.of<mesh::job_worker>("dispatcher");
  h.librarian = book.of<mesh::librarian>("librarian");
  h.catalogue = book.of<mesh::catalogue_reader>("catalogue");
  h.files = book.of<mesh::file_desk>("file_desk");
  h.samples = book.of<mesh::library_samples>("library_samples");
  return h;
}

mesh::gateway_welcome local_gateway_welcome(parts& p) {
  auto& book = *p.book;
  mesh::gateway_welcome w;
  w.handles.jobs = book.of<mesh::job_client>("job_intake");
  w.handles.queues = book.of<mesh::job_admin>("dispatcher");
  w.handles.librarian = book.of<mesh::librarian>("librarian");
  w.handles.catalogue = book.of<mesh::catalogue_reader>("catalogue");
  w.handles.events = book.of<mesh::event_source>("notifier");
  w.handles.nodes = book.of<mesh::node_admin>("dispatcher");
  w.handles.node = book.of<mesh::node_info>("node_info");
  w.handles.files = book.of<mesh::file_reader>("file_desk");
  w.data_folder = p.folder->path();
  w.data_id = p.folder->node_id();
  w.profiles = p.settings.all_profiles();
  return w;
}

supervision::child_spec coordinator_children(parts& p) {
  supervisor_config c;
  c.name = "coordinator";
  c.addresses = p.book;
  p.gateways->tell([to = p.book->of<dispatch::gateway_listener>("dispatcher")](const std::string& name) {
    caf::anon_send(to, dispatch::gateway_changed{name});
  });
  c.children.push_back(child("notifier", [&p](caf::event_based_actor*) {
    notify::notifier_config config;
    config.time = &p.clocks;
    config.epoch = notify::random_epoch();
    config.mirror = p.redis;
    config.interest = p.interest;
    auto started = notify::spawn_notifier(*p.system, std::move(config));
    // A new notifier knows nobody.
    if (p.backend)
      p.backend->refollow();
    return started;
  }));
  c.children.push_back(supervision::sub_supervisor(dispatch_concern(p)));
  c.children.push_back(supervision::sub_supervisor(library_concern(p)));
  c.children.push_back(child("scheduler", [config = schedules(p), book = p.book](caf::event_based_actor* self) {
    return self->spawn(schedule::scheduler_actor, config, book->of<mesh::job_client>("job_intake"),
                       std::make_shared<const system_clocks>());
  }));
  std::shared_ptr<const std::atomic<uint64_t>> term = p.term;
  auto keeper = std::make_shared<cluster::gatekeeper>(p.mesh->papers(), p.clocks);
  if (keeper->certifies())
    note_refused_handshakes(keeper->refusals());
  c.children.push_back(child("node_info", [status = status_of(p), term, profiles = p.settings.all_profiles(),
                                           refusals = keeper->refusals()](caf::event_based_actor* self) {
    return self->spawn(cluster::node_info, status, term, profiles, refusals);
  }));
  c.children.push_back(
    child("file_desk", [config = file_desk_settings(p), book = p.book](caf::event_based_actor* self) {
      cluster::file_desk_peers peers{book->of<mesh::job_client>("dispatcher"), book->of<mesh::librarian>("librarian"),
                                     book->of<mesh::catalogue_reader>("catalogue"),
                                     book->of<mesh::node_admin>("dispatcher")};
      return self->spawn(cluster::file_desk_actor, config, peers);
    }));
  cluster::gateway_arrival gateway_came = [gateways = p.gateways](const std::string& name,
                                                                  const std::string& software) {
    return gateways->came(name, software);
  };
  c.children.push_back(child("door", [&p, keeper, gateway_came](caf::event_based_actor* self) {
    return self->spawn(cluster::door, keeper, local_admin_handles(p), local_worker_handles(p), local_gateway_welcome(p),
                       gateway_came);
  }));
  return supervision::sub_supervisor(std::move(c));
}

} // namespace troupe::node
