#include "actors/cluster/worker.hpp"
#include "actors/cluster/files_watch.hpp"
#include "actors/cluster/library_watch.hpp"

#include "actors/library/scanner.hpp"
#include "actors/media/cleanup.hpp"
#include "actors/media/download.hpp"
#include "actors/media/executor_pool.hpp"
#include "actors/media/hls.hpp"
#include "actors/media/ingest.hpp"
#include "actors/media/runner.hpp"
#include "actors/media/split_transcode.hpp"
#include "actors/media/storyboard.hpp"
#include "actors/media/transcode.hpp"
#include "host/resources.hpp"
#include "nodes/trouped/coordinator_link.hpp"
#include "nodes/trouped/node.hpp"
#include "protocol/model/software.hpp"

#include <sched.h>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <mutex>
#include <thread>

namespace troupe::node {

namespace {

using supervision::child_spec;

uint32_t executor_count(const config::settings& s) {
  if (s.worker.executors > 0)
    return s.worker.executors;
  return std::max(1u, std::thread::hardware_concurrency());
}

std::string executor_program(const config::settings& s) {
  if (!s.worker.executor.empty())
    return s.worker.executor;
  std::error_code ignored;
  auto self = std::filesystem::read_symlink("/proc/self/exe", ignored);
  return (self.parent_path() / "troupe-executor").string();
}

exec::limits media_limits(const config::media_settings& s) {
  exec::limits out;
  out.max_pixels = s.max_pixels;
  out.max_frame_rate = s.max_frame_rate;
  out.max_streams = s.max_streams;
  out.max_duration = static_cast<double>(s.max_duration.count()) / 1000;
  out.max_attachments = s.max_attachments.bytes;
  out.max_subtitles = s.max_subtitles.bytes;
  out.probe_cpu = static_cast<uint64_t>(s.probe_cpu.count()) / 1000;
  out.thumbnail_cpu = static_cast<uint64_t>(s.thumbnail_cpu.count()) / 1000;
  out.long_cpu = static_cast<uint64_t>(s.transcode_cpu.count()) / 1000;
  return out;
}

work::executor_config executor_settings(const config::settings& s) {
  work::executor_config c;
  c.program.program = executor_program(s);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  // Sanitizers reserve more address space than any machine has memory, and so does CUDA.
  c.program.limits.data = s.worker.executor_memory.bytes;
  if (std::error_code failed; !std::filesystem::exists("/dev/nvidiactl", failed))
    c.program.limits.address_space = s.worker.executor_memory.bytes;
#endif
  c.program.limits.file_size = s.media.max_output.bytes;
  c.program.arguments = {"--sandbox=" + s.worker.sandbox};
  if (!s.worker.hardware)
    c.program.arguments.push_back("--no-hardware");
  c.limits = media_limits(s.media);
  c.executors = executor_count(s);
  c.idle_timeout = s.worker.executor_idle;
  c.stall_timeout = s.worker.stall_timeout;
  return c;
}

std::vector<queue_slots> credit_of(const config::settings& s) {
  auto& w = s.worker;
  return {{"video", w.video},
          {"downloads", w.downloads},
          {"metadata", w.metadata},
          {"images", w.images},
          {"default", w.default_}};
}

size_t attempts_at_once(const config::settings& s) {
  size_t sum = 0;
  for (auto& slots : credit_of(s))
    sum += slots.slots;
  return std::max<size_t>(sum, 1);
}

using place_finder =
  std::function<result<work::located>(library_id, const std::string& relative, const std::string& path)>;

result<work::located> with_version(result<work::located> where, const file_version& known) {
  if (where)
    where->version = known;
  return where;
}

/// Where a video's file is on this node, asked of the catalogue of the present coordinator (blocks; from an attempt's
/// thread).
std::function<result<work::located>(video_id)>
source_finder(caf::actor_system& sys, std::shared_ptr<coordinator_link> coordinator, place_finder place) {
  return [&sys, coordinator, place](video_id id) -> result<work::located> {
    caf::scoped_actor self{sys};
    result<work::located> out{errc::internal, ""};
    self->request(coordinator->handles().catalogue, std::chrono::seconds{10}, mesh::get_video{id})
      .receive(
        [&](const video_detail& d) {
          if (d.item.state == video_state::removed || d.item.state == video_state::missing)
            out = error{errc::not_found, d.item.path + ": its file is gone"};
          else
            out = with_version(place(d.home.id, d.item.path, d.home.root + "/" + d.item.path), d.item.version);
        },
        [&](caf::error& e) { out = mesh::from_caf(e); });
    return out;
  };
}

place_finder places_of(const parts& p, bool fetches) {
  // What the coordinator itself sees is what there is.
  if (p.settings.has_role("coordinator"))
    return [](library_id library, const std::string& relative, const std::string& path) -> result<work::located> {
      return work::located{path, {}, library, relative};
    };
  return [mounted = p.mounted, fetches](library_id library, const std::string& relative,
                                        const std::string& path) -> result<work::located> {
    auto here = mounted->place_of(library, path, relative);
    if (here)
      return work::located{std::move(*here), {}, library, relative};
    // What is not mounted is fetched, by who can.
    if (fetches)
      return work::located{path, {}, library, relative, false};
    return std::move(here).error();
  };
}

uint32_t gpu_sessions_of(const config::settings& s) {
  return s.worker.hardware && host::has_graphics_card() ? s.worker.gpu_sessions : 0;
}

work::workshop workshop_of(parts& p, worker_id me, const mesh::progress_sink& sink) {
  work::workshop shop;
  shop.files = p.files;
  shop.data_folder = p.shared_data;
  shop.prove_data = data_prover(p, data_lost(p, caf::actor_cast<cluster::worker>(sink)));
  shop.webp = p.settings.worker.webp_thumbnails;
  shop.allow_private = p.settings.worker.private_downloads;
  shop.shares_data = !p.data_id.empty();
  shop.far = far_files_for(p, me);
  shop.place_of = places_of(p, shop.far != nullptr);
  shop.mounted_libraries = !p.settings.has_role("coordinator");
  shop.gpu = std::make_shared<work::gpu_sessions>(gpu_sessions_of(p.settings));
  shop.find_source = source_finder(*p.system, p.coordinator, shop.place_of);
  return shop;
}

/// Looking at the mounts soon is cheap.
bool worth_a_look(errc code) {
  return work::may_be_a_mount(code) || code == errc::unavailable || code == errc::conflict;
}

/// A null handle where there is none.
cluster::files_watch files_watch_of(const parts& p) {
  return watches_files(p) ? p.book->of<cluster::files_watch>("files_watch") : cluster::files_watch{};
}

bool may_be_the_way_to_files(errc code) {
  return code == errc::unavailable || code == errc::timeout;
}

work::work_function watching_mounts(work::work_function work, cluster::library_watch watch,
                                    cluster::files_watch reach) {
  return [work = std::move(work), watch, reach](work::attempt& a) {
    auto out = work(a);
    if (!out && worth_a_look(out.error().code))
      caf::anon_send(watch, cluster::recheck_libraries{});
    if (!out && reach && may_be_the_way_to_files(out.error().code))
      caf::anon_send(reach, cluster::recheck_files{});
    return out;
  };
}

using runners = std::map<std::string, mesh::runner>;

/// Kinds that write where an interrupted attempt goes on. (A scan goes to who has the library.)
constexpr std::array<std::string_view, 1> kinds_with_data{"download"};

runners make_runners(parts& p, worker_id me, const std::shared_ptr<work::work_threads>& threads,
                     mesh::progress_sink sink) {
  auto& sys = *p.system;
  auto shop = workshop_of(p, me, sink);
  auto with = [&](std::string name, work::shop_function work) {
    work::runner_config c;
    c.name = std::move(name);
    c.work = watching_mounts(work::in_proved_data(shop, std::move(work)),
                             p.book->of<cluster::library_watch>("library_watch"), files_watch_of(p));
    c.pool = p.book->of<work::executor_pool>("executor_pool");
    c.http = p.http;
    c.sink = sink;
    c.threads = threads;
    return work::spawn_runner(sys, std::move(c));
  };
  runners out;
  out["ingest"] = with("ingest", work::ingest);
  out["transcode"] = with("transcoder", work::transcode);
  out["encode_chunk"] = with("chunk_encoder", work::encode_chunk);
  out["encode_audio"] = with("sound_encoder", work::encode_audio);
  out["hls"] = with("ladder_maker", work::make_hls);
  out["storyboard"] = with("storyboarder", work::make_storyboard);
  out["download"] = with("downloader", work::download);
  out["noop"] = work::spawn_noop(sys);
  catalogue::scanner_config scan;
  scan.files = p.files;
  scan.coordinator = [link = p.coordinator] { return link->handles(); };
  scan.progress = sink;
  scan.own_versions = p.settings.has_role("coordinator");
  if (!scan.own_versions)
    scan.root_here = [mounted = p.mounted](library_id id, const std::string& root) {
      return mounted->root_of(id, root);
    };
  out["scan"] = sys.spawn(catalogue::scanner, scan);
  // Only who has the database knows which files are still named.
  if (p.database)
    out["scheduled_cleanup"] = with("cleanup", cleanup_work(p));
  return out;
}

/// What jobs may take of this machine together. Cores that this process may use; memory that a job can hope for.
resources tokens_of_machine() {
  resources out;
  cpu_set_t mine;
  CPU_ZERO(&mine);
  auto cores = ::sched_getaffinity(0, sizeof mine, &mine) == 0 ? CPU_COUNT(&mine) : 1;
  out.cores = static_cast<uint32_t>(std::max(cores, 1)) * 1000;
  if (auto machine = host::read_machine_usage())
    out.memory_mib = static_cast<uint32_t>(std::min<uint64_t>(machine->memory_total >> 20, UINT32_MAX));
  return out;
}

cluster::worker_config worker_settings(parts& p, const std::shared_ptr<work::work_threads>& threads) {
  cluster::worker_config c;
  c.me.node_name = p.settings.node_name();
  c.me.id = worker_id{random_id()};
  p.self_as_worker->is(c.me.id);
  c.me.kinds = {"ingest", "transcode", "encode_chunk", "encode_audio", "hls", "storyboard", "download", "scan", "noop"};
  if (p.database)
    c.me.kinds.push_back("scheduled_cleanup");
  if (p.data_id.empty())
    std::erase_if(c.me.kinds,
                  [](auto& kind) { return std::ranges::find(kinds_with_data, kind) != kinds_with_data.end(); });
  else
    c.me.capabilities.emplace_back(cluster::data_capability);
  c.me.credit = credit_of(p.settings);
  c.me.embedded = p.settings.has_role("coordinator");
  c.me.tokens = tokens_of_machine();
  c.me.tokens.gpu_sessions = gpu_sessions_of(p.settings);
  c.me.software = software_version();
  c.me.file_address = p.file_address;
  c.me.roles = p.settings.node.roles;
  c.figures = figures_of(p);
  c.min_free = p.settings.health.min_free.bytes;
  c.certificate_due = certificate_due(p);
  if (c.me.embedded)
    c.me.capabilities.emplace_back(cluster::coordinator_capability);
  c.data_id = p.data_id;
  c.works_by_files = p.data_id.empty() && watches_files(p);
  c.joined = [watch = p.book->of<cluster::library_watch>("library_watch"), reach = files_watch_of(p),
              served = p.served](const worker_welcome& x) {
    if (served)
      served->set_key(x.ticket_key);
    caf::anon_send(watch, cluster::watch_joined{});
    if (reach)
      caf::anon_send(reach, cluster::recheck_files{});
  };
  c.time = &p.clocks;
  c.make_runners = [&p, me = c.me.id, threads](mesh::progress_sink sink) {
    return make_runners(p, me, threads, std::move(sink));
  };
  c.look_up = [&p](std::function<void(result<mesh::job_worker>)> done) { p.coordinator->find(std::move(done)); };
  return c;
}

using test_outcome = result<std::vector<std::string>>;

/// What the executors said last of their encoders, for a worker that starts later than they. Thread safe.
class kept_tests {
public:
  std::shared_ptr<const test_outcome> keep(const test_outcome& x) {
    std::lock_guard guard{mutex_};
    return last_ = std::make_shared<const test_outcome>(x);
  }
  std::shared_ptr<const test_outcome> last() {
    std::lock_guard guard{mutex_};
    return last_;
  }

private:
  std::mutex mutex_;
  std::shared_ptr<const test_outcome> last_;
};

} // namespace

result<void> check_executor(const config::settings& s) {
  const auto program = executor_program(s);
  if (std::error_code ignored;
      ::access(program.c_str(), X_OK) == 0 && std::filesystem::is_regular_file(program, ignored))
    return {};
  return {errc::not_found,
          "worker.executor " + program
            + ": there is no program that can be run; name troupe-executor, or leave it out for the one "
              "beside trouped"};
}

supervision::child_spec worker_children(parts& p) {
  supervision::supervisor_config c;
  c.name = "worker_concern";
  // Runners hold the worker's own handle; all of them hold the pool's.
  c.strategy = supervision::strategy::rest_for_one;
  c.addresses = p.book;
  auto tested = std::make_shared<kept_tests>();
  child_spec pool;
  pool.name = "executor_pool";
  pool.start = [&p, tested](caf::event_based_actor*) -> caf::expected<caf::actor> {
    auto settings = executor_settings(p.settings);
    settings.encoders = [tested, to = p.book->of<cluster::worker>("worker")](const test_outcome& x) {
      caf::anon_send(to, cluster::encoders_tested{tested->keep(x)});
    };
    return caf::actor_cast<caf::actor>(work::spawn_executor_pool(*p.system, std::move(settings), p.children, p.clocks));
  };
  c.children.push_back(std::move(pool));
  child_spec worker;
  worker.name = "worker";
  auto threads = std::make_shared<work::work_threads>(attempts_at_once(p.settings));
  worker.start = [&p, threads, tested](caf::event_based_actor*) -> caf::expected<caf::actor> {
    // A new worker is another worker: what the old one held is run again when its leases end.
    auto fresh = cluster::spawn_worker(*p.system, worker_settings(p, threads));
    if (auto known = tested->last())
      caf::anon_send(fresh, cluster::encoders_tested{std::move(known)});
    return caf::actor_cast<caf::actor>(fresh);
  };
  c.children.push_back(std::move(worker));
  c.children.push_back(library_watch_child(p));
  if (!p.data_id.empty())
    c.children.push_back(data_watch_child(p));
  if (watches_files(p))
    c.children.push_back(worker_files_child(p));
  return supervision::sub_supervisor(std::move(c));
}

void drain_worker(parts& p, milliseconds grace) {
  caf::scoped_actor self{*p.system};
  self->request(p.book->of<cluster::worker>("worker"), grace + std::chrono::seconds{10}, cluster::drain_worker{grace})
    .receive([](const mesh::done&) {}, [](caf::error&) {});
}

} // namespace troupe::node
