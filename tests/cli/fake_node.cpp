#include "tests/cli/fake_node.hpp"

#include <caf/io/all.hpp>

#include <atomic>

namespace troupe::test {

namespace {

using namespace std::chrono_literals;

job make_job(job_id id, bool ended) {
  job x;
  x.id = id;
  x.spec.kind = "transcode";
  x.spec.queue = "video";
  x.spec.retry.max_attempts = 3;
  x.created = x.started = from_ms(1'700'000'000'000);
  x.state = job_state::running;
  x.progress = {0.25, "encode", "a\x1b[31mb", {}};
  if (!ended)
    return x;
  x.finished = from_ms(1'700'000'005'000);
  x.state = id.raw.lo == 1 ? job_state::completed : id.raw.lo == 2 ? job_state::failed : job_state::cancelled;
  if (x.state == job_state::failed)
    x.last_error = {errc::bad_media, "not a video"};
  return x;
}

attempt_record attempt(uint32_t number, std::string worker, int64_t from, int64_t to) {
  attempt_record x;
  x.number = number;
  x.worker = std::move(worker);
  x.started = from_ms(1'700'000'000'000 + from);
  x.ended = from_ms(1'700'000'000'000 + to);
  return x;
}

/// Was cut on w0, encoded on w1 and joined on w0.
mesh::job_with_children cut_transcode() {
  auto x = make_job(fake_job(1), true);
  x.id = fake_job(4);
  x.attempts = {attempt(1, "w0", 0, 1000), attempt(2, "w0", 3000, 4000)};
  x.attempts[0].end = attempt_end::delegated;
  return {x, {fake_job(5)}};
}

job part_of_it() {
  auto x = make_job(fake_job(1), true);
  x.id = fake_job(5);
  x.spec.kind = "encode_chunk";
  x.spec.parent = fake_job(4);
  x.worker_name = "w1";
  x.attempts = {attempt(1, "w1", 1000, 3000)};
  x.attempts[0].operation = "encode 0-60";
  x.attempts[0].log_tail = "frame=1500\n";
  return x;
}

/// Set by the first terminal event, so that a command which does not wait for it sees a running job.
std::shared_ptr<std::atomic<bool>> ended_flag() {
  return std::make_shared<std::atomic<bool>>(false);
}

using flag = std::shared_ptr<std::atomic<bool>>;

mesh::job_client::behavior_type jobs(mesh::job_client::pointer, flag ended) {
  auto find = [ended](job_id id) -> caf::result<mesh::job_with_children> {
    if (id == fake_job(4))
      return cut_transcode();
    if (id == fake_job(5))
      return mesh::job_with_children{part_of_it(), {}};
    if (id.raw.lo < 1 || id.raw.lo > 3)
      return mesh::to_caf({errc::not_found, "there is no job " + id.str()});
    return mesh::job_with_children{make_job(id, *ended), {}};
  };
  return {
    [ended](const mesh::submit_jobs& x) -> caf::result<mesh::submitted> {
      *ended = false;
      auto& kind = x.specs.at(0).kind;
      if (kind != "transcode" && kind != "hls" && kind != "storyboard" && kind != "noop")
        return mesh::to_caf({errc::validation, "there is no kind " + x.specs[0].kind});
      return mesh::submitted{{submit_receipt{fake_job(1), job_state::queued, false}}};
    },
    [](const mesh::act_on_job& x) -> caf::result<job> { return make_job(x.id, false); },
    [find](const mesh::get_job& x) { return find(x.id); },
    [](const mesh::explain_job&) -> caf::result<mesh::job_explanation> {
      return mesh::job_explanation{job_state::queued, {"the queue video is paused"}};
    },
  };
}

mesh::job_admin::behavior_type queues(mesh::job_admin::pointer) {
  auto all = [] {
    queue_stats x;
    x.settings.name = "video";
    x.by_state["running"] = 2;
    return mesh::queue_list{{x}};
  };
  return {
    [all](const mesh::get_queues&) { return all(); },
    [all](const mesh::change_queue& what) {
      auto x = all();
      x.queues[0].settings.paused = what.paused == 1;
      return x;
    },
    [](const mesh::get_workers&) { return mesh::worker_list{}; },
    [](const job_query& asked) {
      job_page out{{make_job(fake_job(1), false), make_job(fake_job(2), true)}, 2};
      // A part of the first one.
      if (asked.parts || asked.parent == fake_job(1)) {
        out.jobs.push_back(make_job(fake_job(3), false));
        ++out.total;
      }
      return out;
    },
  };
}

mesh::node_admin::behavior_type nodes(mesh::node_admin::pointer) {
  auto all = [] {
    node_details x;
    x.rules.name = "nas";
    x.workers = {worker_id{{1, 2}}};
    x.open = true;
    x.queues["video"] = {2, 1};
    x.jobs = {fake_job(1)};
    x.running = 1;
    x.speeds["encode_chunk"] = 2.25;
    x.evidence = {{fake_job(2), "transcode", "no space", "attic", from_ms(1'700'000'000'000)}};
    x.capabilities = {"data"};
    x.problems = {"the library Films is not mounted"};
    return mesh::node_list{{x}};
  };
  return {
    [all](const mesh::get_nodes&) { return all(); },
    [all](const mesh::change_node& what) {
      auto x = all();
      auto& rules = x.nodes[0].rules;
      rules.reason = what.reason;
      rules.state = what.action == mesh::node_action::drain        ? node_state::draining
                    : what.action == mesh::node_action::quarantine ? node_state::quarantined
                                                                   : node_state::active;
      for (auto& [queue, n] : what.slots)
        rules.slots[queue] = n < 0 ? 99 : static_cast<uint32_t>(n);
      if (what.weight >= 0)
        rules.weight = static_cast<uint32_t>(what.weight);
      rules.hours = what.hours;
      return x;
    },
  };
}

library films(std::string root) {
  library x;
  x.id = {{7, 7}};
  x.name = "Films";
  x.category = "movies";
  x.root = std::move(root);
  return x;
}

scan make_scan(bool ended) {
  scan x;
  x.id = {{8, 8}};
  x.library = {{7, 7}};
  x.job = fake_job(1).str();
  x.status = ended ? scan_status::completed : scan_status::scanning;
  x.counters = {{"itemsFound", 2}, {"assetsQueued", 2}, {"assetsCached", ended ? 2 : 0}};
  return x;
}

mesh::librarian::behavior_type librarian(mesh::librarian::pointer, flag ended) {
  return {
    [](const mesh::get_libraries&) { return mesh::library_list{}; },
    [](const mesh::add_library& x) { return films(x.what.root); },
    [](const mesh::edit_library& x) { return x.what; },
    [](const mesh::remove_library&) { return mesh::done{}; },
    [ended](const mesh::scan_library&) {
      *ended = false;
      return make_scan(false);
    },
    [](const mesh::get_scans&) { return mesh::scan_list{}; },
    [ended](const mesh::get_scan&) { return make_scan(*ended); },
    [](const mesh::remove_video&) { return mesh::done{}; },
    [](const mesh::edit_video&) { return video_detail{}; },
    [](const mesh::scan_batch&) { return mesh::done{}; },
  };
}

video_page videos(const video_query& q) {
  video x;
  x.id = {{9, 9}};
  x.title = x.path = "good";
  x.state = video_state::ready;
  x.duration = 61;
  x.thumbnails = {{320, 180, "t.jpg"}};
  video bad = x;
  bad.path = "bad.mp4";
  bad.state = video_state::failed;
  bad.problem = {errc::bad_media, "no frame can be decoded"};
  if (q.state == "ready" || q.state.empty())
    return {{x}, 1};
  return q.state == "failed" ? video_page{{bad}, 1} : video_page{};
}

mesh::catalogue_reader::behavior_type catalogue(mesh::catalogue_reader::pointer) {
  return {
    [](const video_query& x) { return videos(x); },
    [](const mesh::get_video& x) -> caf::result<video_detail> {
      if (x.id != videos({}).videos[0].id)
        return mesh::to_caf({errc::not_found, "video " + x.id.str() + " does not exist"});
      video_detail out{videos({}).videos[0], films("/x"), {}, {}};
      out.board.columns = out.board.rows = 10;
      out.board.count = 7;
      out.board.interval = out.board.asked_interval = 10'000ms;
      out.board.asked_width = 320;
      out.board.made_by = fake_job(1).str();
      return out;
    },
    [](const mesh::get_categories&) { return mesh::category_list{}; },
    [](const mesh::get_known_files&) { return mesh::known_file_list{}; },
  };
}

/// Soon after someone follows: two events of progress, then the end.
void play(mesh::notifier::pointer self, const std::string& topic, const mesh::event_subscriber& to, const flag& ended) {
  event e;
  e.topic = topic;
  auto id = topic.starts_with("job:") ? topic.substr(4) : fake_job(1).str();
  *ended = false;
  e.type = "job_progress";
  e.data = "{\"jobId\":\"" + id + "\",\"progress\":50,\"stage\":\"encode\"}";
  self->delayed_send(to, 50ms, mesh::event_batch{{e}});
  e.type = "job_completed";
  e.last = true;
  e.data = "{\"jobId\":\"" + id + "\"}";
  std::thread{[to, e, ended] {
    std::this_thread::sleep_for(150ms);
    *ended = true;
    caf::anon_send(to, mesh::event_batch{{e}});
  }}.detach();
}

mesh::notifier::behavior_type notifier(mesh::notifier::pointer self, flag ended) {
  return {
    [](const mesh::publish_events&) {},
    [self, ended](const mesh::follow_topics& x, const mesh::event_subscriber& to) {
      play(self, x.topics.at(0), to, ended);
      return mesh::done{};
    },
    [](const mesh::unfollow_topics&, const mesh::event_subscriber&) {},
    [](const mesh::catch_up&) { return mesh::caught_up{}; },
  };
}

} // namespace

struct fake_node::impl {
  impl() {
    mesh::register_messages(config);
    config.load<caf::io::middleman>();
    config.set("scheduler.max-threads", size_t{2});
    system = std::make_unique<caf::actor_system>(config);
  }
  caf::actor_system_config config;
  std::unique_ptr<caf::actor_system> system;
  mesh::door door;
  std::vector<caf::actor> all;
};

fake_node::fake_node() : impl_(std::make_unique<impl>()) {
  auto& sys = *impl_->system;
  auto ended = ended_flag();
  mesh::admin_handles handles;
  handles.jobs = sys.spawn(jobs, ended);
  handles.queues = sys.spawn(queues);
  handles.nodes = sys.spawn(nodes);
  handles.librarian = sys.spawn(librarian, ended);
  handles.catalogue = sys.spawn(catalogue);
  handles.notifier = sys.spawn(notifier, ended);
  handles.health = sys.spawn([]() -> mesh::health::behavior_type {
    return {[](const mesh::get_health&) {
      return health_report{health_status::healthy, from_ms(1), {{"database", health_status::healthy, 1ms, "", "", {}}}};
    }};
  });
  handles.cache = sys.spawn(
    []() -> mesh::cache::behavior_type { return {[](const mesh::get_cache_stats&) { return mesh::cache_stats{}; }}; });
  handles.root = sys.spawn([]() -> mesh::supervisor::behavior_type {
    return {[](const mesh::get_tree&) {
      return mesh::tree{
        {{"root", "running", "one_for_all", 0, 5000ms, "", 0}, {"journal", "running", "", 1, 1ms, "", 1}}};
    }};
  });
  handles.node = sys.spawn([]() -> mesh::node_info::behavior_type {
    return {[](const mesh::get_status&) {
              return mesh::node_status{"fake",   "0", {"coordinator"}, "/data", "http://127.0.0.1:1",
                                       "sqlite", 3,   61'000ms,        1};
            },
            [](const mesh::get_profiles&) {
              auto all = builtin_profiles();
              all.push_back(all.front());
              all.back().name = "of-the-node";
              return mesh::profile_list{all};
            },
            [](const mesh::get_refusals&) {
              return mesh::refusal_list{{{from_ms(1'700'000'000'000), "old\x1bnode", "worker",
                                          "old\x1bnode speaks protocol version 3, this coordinator 4", 7}}};
            }};
  });
  impl_->door = sys.spawn([handles]() -> mesh::door::behavior_type {
    return {[](const mesh::greet&) { return mesh::greeting{}; },
            [](const mesh::knock_as_worker&) -> caf::result<mesh::worker_handles> {
              return mesh::to_caf({errc::forbidden, "no workers here"});
            },
            [](const mesh::knock_as_gateway&) -> caf::result<mesh::gateway_welcome> {
              return mesh::to_caf({errc::forbidden, "no gateways here"});
            },
            [handles](const mesh::knock& x) -> caf::result<mesh::admin_handles> {
              if (x.protocol_version != worker_protocol_version)
                return mesh::to_caf({errc::protocol, "another version"});
              return handles;
            }};
  });
  auto bound = sys.middleman().publish(impl_->door, 0, "127.0.0.1");
  port_ = bound ? *bound : 0;
  auto keep = [&](auto& x) { impl_->all.push_back(caf::actor_cast<caf::actor>(x)); };
  keep(handles.jobs), keep(handles.queues), keep(handles.nodes), keep(handles.librarian), keep(handles.catalogue),
    keep(handles.notifier);
  keep(handles.health), keep(handles.cache), keep(handles.root), keep(handles.node), keep(impl_->door);
}

fake_node::~fake_node() {
  impl_->door = mesh::door{};
  for (auto& x : impl_->all)
    caf::anon_send_exit(x, caf::exit_reason::user_shutdown);
  impl_->all.clear();
}

} // namespace troupe::test
