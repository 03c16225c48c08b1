#include "actors/cluster/worker.hpp"

#include "actors/library/scanner.hpp"
#include "actors/media/cleanup.hpp"
#include "actors/media/download.hpp"
#include "actors/media/executor_pool.hpp"
#include "actors/media/hls.hpp"
#include "actors/media/ingest.hpp"
#include "actors/media/runner.hpp"
#include "actors/media/storyboard.hpp"
#include "actors/media/transcode.hpp"
#include "nodes/trouped/coordinator_link.hpp"
#include "nodes/trouped/node.hpp"

#include <filesystem>
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

/// Where a video's file is on this node, asked of the catalogue of the present coordinator (blocks; from an attempt's
/// thread).
std::function<result<work::located>(video_id)> source_finder(caf::actor_system& sys,
                                                             std::shared_ptr<coordinator_link> coordinator) {
  return [&sys, coordinator](video_id id) -> result<work::located> {
    caf::scoped_actor self{sys};
    result<work::located> out{errc::internal, ""};
    self->request(coordinator->handles().catalogue, std::chrono::seconds{10}, mesh::get_video{id})
      .receive(
        [&](const video_detail& d) {
          if (d.item.state == video_state::removed || d.item.state == video_state::missing)
            out = error{errc::not_found, d.item.path + ": its file is gone"};
          else
            out = work::located{d.home.root + "/" + d.item.path, d.item.version};
        },
        [&](caf::error& e) { out = mesh::from_caf(e); });
    return out;
  };
}

work::workshop workshop_of(parts& p) {
  work::workshop shop;
  shop.files = p.files;
  shop.data_folder = p.shared_data;
  shop.webp = p.settings.worker.webp_thumbnails;
  shop.allow_private = p.settings.worker.private_downloads;
  shop.find_source = source_finder(*p.system, p.coordinator);
  return shop;
}

using runners = std::map<std::string, mesh::runner>;

runners make_runners(parts& p, const std::shared_ptr<work::work_threads>& threads, mesh::progress_sink sink) {
  auto& sys = *p.system;
  auto shop = workshop_of(p);
  auto with = [&](std::string name, work::work_function work) {
    work::runner_config c;
    c.name = std::move(name);
    c.work = std::move(work);
    c.pool = p.book->of<work::executor_pool>("executor_pool");
    c.http = p.http;
    c.sink = sink;
    c.threads = threads;
    return work::spawn_runner(sys, std::move(c));
  };
  runners out;
  out["ingest"] = with("ingest", [shop](work::attempt& a) { return work::ingest(a, shop); });
  out["transcode"] = with("transcoder", [shop](work::attempt& a) { return work::transcode(a, shop); });
  out["hls"] = with("ladder_maker", [shop](work::attempt& a) { return work::make_hls(a, shop); });
  out["storyboard"] = with("storyboarder", [shop](work::attempt& a) { return work::make_storyboard(a, shop); });
  out["download"] = with("downloader", [shop](work::attempt& a) { return work::download(a, shop); });
  out["noop"] = work::spawn_noop(sys);
  catalogue::scanner_config scan;
  scan.files = p.files;
  scan.coordinator = [link = p.coordinator] { return link->handles(); };
  scan.progress = sink;
  out["scan"] = sys.spawn(catalogue::scanner, scan);
  // Only who has the database knows which files are still named.
  if (p.database) {
    auto rules = cleanup_rules_of(p);
    out["scheduled_cleanup"] =
      with("cleanup", [shop, rules](work::attempt& a) { return work::clean_up(a, shop, rules); });
  }
  return out;
}

cluster::worker_config worker_settings(parts& p, const std::shared_ptr<work::work_threads>& threads) {
  cluster::worker_config c;
  c.me.node_name = p.settings.node_name();
  c.me.id = worker_id{random_id()};
  c.me.kinds = {"ingest", "transcode", "hls", "storyboard", "download", "scan", "noop"};
  if (p.database)
    c.me.kinds.push_back("scheduled_cleanup");
  c.me.credit = credit_of(p.settings);
  c.me.embedded = p.settings.has_role("coordinator");
  c.data_id = p.data_id;
  c.time = &p.clocks;
  c.make_runners = [&p, threads](mesh::progress_sink sink) { return make_runners(p, threads, std::move(sink)); };
  c.look_up = [&p](std::function<void(result<mesh::job_worker>)> done) { p.coordinator->find(std::move(done)); };
  return c;
}

} // namespace

supervision::child_spec worker_children(parts& p) {
  supervision::supervisor_config c;
  c.name = "worker_concern";
  // Runners hold the worker's own handle; all of them hold the pool's.
  c.strategy = supervision::strategy::rest_for_one;
  c.addresses = p.book;
  child_spec pool;
  pool.name = "executor_pool";
  pool.start = [&p](caf::event_based_actor*) -> caf::expected<caf::actor> {
    return caf::actor_cast<caf::actor>(
      work::spawn_executor_pool(*p.system, executor_settings(p.settings), p.children, p.clocks));
  };
  c.children.push_back(std::move(pool));
  child_spec worker;
  worker.name = "worker";
  auto threads = std::make_shared<work::work_threads>(attempts_at_once(p.settings));
  worker.start = [&p, threads](caf::event_based_actor*) -> caf::expected<caf::actor> {
    // A new worker is another worker: what the old one held is run again when its leases end.
    return caf::actor_cast<caf::actor>(cluster::spawn_worker(*p.system, worker_settings(p, threads)));
  };
  c.children.push_back(std::move(worker));
  return supervision::sub_supervisor(std::move(c));
}

void drain_worker(parts& p, milliseconds grace) {
  caf::scoped_actor self{*p.system};
  self->request(p.book->of<cluster::worker>("worker"), grace + std::chrono::seconds{10}, cluster::drain_worker{grace})
    .receive([](const mesh::done&) {}, [](caf::error&) {});
}

} // namespace troupe::node
