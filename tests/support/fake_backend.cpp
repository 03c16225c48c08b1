#include "tests/support/fake_backend.hpp"

#include <fcntl.h>
#include <sys/stat.h>

namespace troupe::test {

namespace {

const error no_job{errc::not_found, "there is no job of this id"};
const error no_video{errc::not_found, "there is no video of this id"};
const error no_library{errc::not_found, "there is no library of this id"};

const error mesh_away{errc::unavailable, "the coordinator is away"};

ports::rendered_ptr empty_page() {
  return std::make_shared<ports::rendered>(
    ports::rendered{R"({"videos":[],"page":1,"limit":20,"total":0,"totalPages":0,"cached":true})",
                    R"({"videos":[],"page":1,"limit":20,"total":0,"totalPages":0,"cached":false})", "\"empty\""});
}

} // namespace

fake_backend::fake_backend(std::string folder) : page(empty_page()), data_(std::move(folder)) {
  uploads_ = data_ + "/uploads";
  ::mkdir(uploads_.c_str(), 0750);
  report.at = from_ms(1'700'000'000'000);
  report.checks = {{"database", health_status::healthy, milliseconds{1}, "3", {}, {}},
                   {"redis", health_status::disabled, milliseconds{0}, {}, {}, {}}};
  thread_ = std::thread{[this] { loop(); }};
}

fake_backend::~fake_backend() {
  release();
  {
    std::lock_guard guard{queue_mutex_};
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void fake_backend::later(std::function<void()> task) {
  {
    std::lock_guard guard{queue_mutex_};
    queue_.push_back(std::move(task));
  }
  wake_.notify_all();
}

void fake_backend::release() {
  {
    std::lock_guard guard{queue_mutex_};
    hold = false;
  }
  wake_.notify_all();
}

void fake_backend::loop() {
  std::unique_lock guard{queue_mutex_};
  for (;;) {
    wake_.wait(guard, [this] { return stopping_ || (!queue_.empty() && !hold); });
    if (queue_.empty() || hold) {
      if (stopping_)
        return;
      continue;
    }
    auto task = std::move(queue_.front());
    queue_.pop_front();
    guard.unlock();
    task();
    guard.lock();
  }
}

void fake_backend::publish(std::vector<event> batch) {
  sink_(std::make_shared<const std::vector<event>>(std::move(batch)));
}

job_id fake_backend::add_job(job_state state) {
  std::lock_guard guard{mutex};
  job x;
  x.id = job_id{random_id()};
  x.spec.kind = "transcode";
  x.spec.queue = "video";
  x.state = state;
  x.created = from_ms(1'700'000'000'000);
  if (is_terminal(state))
    x.finished = from_ms(1'700'000'001'000);
  jobs[x.id] = {x, {}};
  return x.id;
}

video_id fake_backend::add_video(const std::string& root, const std::string& path) {
  std::lock_guard guard{mutex};
  video_detail x;
  x.item.id = video_id{random_id()};
  x.item.title = "A film";
  x.item.path = path;
  x.item.state = video_state::ready;
  x.home.root = root;
  videos[x.item.id] = x;
  return x.item.id;
}

std::shared_ptr<const std::vector<media_profile>> fake_backend::profiles() const noexcept {
  return std::make_shared<std::vector<media_profile>>(known_profiles);
}

void fake_backend::submit(job_spec spec, ports::request_context ctx, ports::completion<submit_receipt> done) {
  std::lock_guard guard{mutex};
  submitted.push_back(spec);
  contexts.push_back(ctx);
  auto [i, fresh] = by_submission.try_emplace(ctx.submission_id, job_id{random_id()});
  if (ctx.submission_id.empty() || fresh)
    i->second = job_id{random_id()};
  reply<submit_receipt>(std::move(done),
                        submit_receipt{i->second, job_state::queued, !fresh && !ctx.submission_id.empty()});
}

result<job> fake_backend::job_of(job_id id) {
  auto i = jobs.find(id);
  if (i == jobs.end())
    return no_job;
  return i->second.item;
}

void fake_backend::find_job(job_id id, ports::completion<ports::job_view> done) {
  std::lock_guard guard{mutex};
  auto i = jobs.find(id);
  reply<ports::job_view>(std::move(done), i == jobs.end() ? result<ports::job_view>{no_job} : i->second);
}

void fake_backend::list_jobs(job_query query, ports::completion<job_page> done) {
  std::lock_guard guard{mutex};
  listed = std::move(query);
  job_page out;
  for (auto& [id, view] : jobs)
    if (!listed.parent || view.item.spec.parent == listed.parent)
      out.jobs.push_back(view.item);
  out.total = out.jobs.size();
  reply<job_page>(std::move(done), out);
}

void fake_backend::explain(job_id id, ports::completion<ports::explanation> done) {
  std::lock_guard guard{mutex};
  auto found = job_of(id);
  if (!found)
    return reply<ports::explanation>(std::move(done), found.error());
  reply<ports::explanation>(std::move(done), ports::explanation{found->state, reasons});
}

void fake_backend::cancel(job_id id, ports::completion<job> done) {
  std::lock_guard guard{mutex};
  if (jobs.count(id) > 0)
    jobs[id].item.state = job_state::cancelled;
  reply<job>(std::move(done), job_of(id));
}

void fake_backend::retry(job_id id, ports::completion<job> done) {
  std::lock_guard guard{mutex};
  reply<job>(std::move(done), job_of(id));
}

void fake_backend::promote(job_id id, ports::completion<job> done) {
  std::lock_guard guard{mutex};
  reply<job>(std::move(done), job_of(id));
}

void fake_backend::remove_job(job_id id, ports::completion<void> done) {
  std::lock_guard guard{mutex};
  auto found = job_of(id);
  if (!found)
    return reply<void>(std::move(done), found.error());
  if (!is_terminal(found->state))
    return reply<void>(std::move(done), error{errc::conflict, "the job is not finished"});
  jobs.erase(id);
  reply<void>(std::move(done), {});
}

void fake_backend::queues(ports::completion<std::vector<queue_stats>> done) {
  if (away)
    return reply<std::vector<queue_stats>>(std::move(done), mesh_away);
  queue_stats video{{"video", false, 5, 100'000}, {{"queued", 3}, {"running", 2}}, milliseconds{1500}, {}};
  video.ended.by_state = {{"completed", 6}, {"failed", 1}};
  video.ended.retries = {{"transient", 2}};
  video.ended.durations.assign(job_duration_bounds.size() + 1, 0);
  video.ended.durations[2] = 4;
  video.ended.durations.back() = 3;
  video.ended.duration_total = milliseconds{90'500};
  queue_stats download{{"kind:download", false, 0, 100'000}, {{"queued", 9}}, milliseconds{0}, {}};
  download.ended.by_state = {{"completed", 5}};
  reply<std::vector<queue_stats>>(std::move(done), std::vector<queue_stats>{video, download});
}

void fake_backend::change_queue(ports::queue_change change, ports::completion<queue_stats> done) {
  queue_stats now;
  now.settings.name = change.name;
  now.settings.paused = change.paused.value_or(false);
  now.settings.max_running = change.max_running.value_or(0);
  reply<queue_stats>(std::move(done), now);
}

void fake_backend::workers(ports::completion<std::vector<worker_info>> done) {
  if (away)
    return reply<std::vector<worker_info>>(std::move(done), mesh_away);
  // An old process that has not been given up yet, and the new one that took its place.
  worker_info nas;
  nas.id = worker_id{random_id()};
  nas.node_name = "nas";
  nas.credit = {{"video", 2}};
  auto again = nas;
  again.id = worker_id{random_id()};
  nas.running.push_back({1, job_id{random_id()}, 1});
  reply<std::vector<worker_info>>(std::move(done), std::vector<worker_info>{nas, again});
}

void fake_backend::nodes(ports::completion<std::vector<node_details>> done) {
  std::lock_guard guard{mutex};
  if (away)
    return reply<std::vector<node_details>>(std::move(done), mesh_away);
  reply<std::vector<node_details>>(std::move(done), all_nodes);
}

void fake_backend::change_node(ports::node_change change, ports::completion<node_details> done) {
  std::lock_guard guard{mutex};
  node_changes.push_back(change);
  for (auto& x : all_nodes) {
    if (x.rules.name != change.name)
      continue;
    if (change.state) {
      x.rules.state = *change.state;
      x.rules.reason = change.reason;
    }
    for (auto& [queue, n] : change.slots)
      if (n < 0)
        x.rules.slots.erase(queue);
      else
        x.rules.slots[queue] = static_cast<uint32_t>(n);
    x.rules.weight = change.weight.value_or(x.rules.weight);
    x.rules.hours = change.hours.value_or(x.rules.hours);
    return reply<node_details>(std::move(done), x);
  }
  reply<node_details>(std::move(done), error{errc::not_found, "there is no node of this name"});
}

void fake_backend::refused_peers(ports::completion<std::vector<refused_peer>> done) {
  std::lock_guard guard{mutex};
  if (away)
    return reply<std::vector<refused_peer>>(std::move(done), mesh_away);
  reply<std::vector<refused_peer>>(std::move(done), refused);
}

std::optional<ports::file_traffic> fake_backend::traffic() noexcept {
  std::lock_guard guard{mutex};
  return moved;
}

void fake_backend::executors(ports::completion<ports::executor_figures> done) {
  if (away)
    return reply<ports::executor_figures>(std::move(done), mesh_away);
  reply<ports::executor_figures>(std::move(done), ports::executor_figures{2, 1, 4, 7, 3});
}

ports::rendered_ptr fake_backend::cached_videos(const video_query&) noexcept {
  std::lock_guard guard{mutex};
  return cached;
}

void fake_backend::list_videos(video_query, ports::completion<ports::rendered_ptr> done) {
  std::lock_guard guard{mutex};
  reply<ports::rendered_ptr>(std::move(done), page);
}

void fake_backend::find_video(video_id id, ports::completion<video_detail> done) {
  std::lock_guard guard{mutex};
  auto i = videos.find(id);
  reply<video_detail>(std::move(done), i == videos.end() ? result<video_detail>{no_video} : i->second);
}

void fake_backend::remove_video(video_id id, bool, ports::request_context, ports::completion<void> done) {
  std::lock_guard guard{mutex};
  reply<void>(std::move(done), videos.erase(id) > 0 ? result<void>{} : result<void>{no_video});
}

void fake_backend::edit_video(video_id id, std::optional<std::string> title, std::optional<std::string> category,
                              ports::completion<video_detail> done) {
  std::lock_guard guard{mutex};
  auto i = videos.find(id);
  if (i == videos.end())
    return reply<video_detail>(std::move(done), no_video);
  i->second.item.title = title.value_or(i->second.item.title);
  i->second.item.category = category.value_or(i->second.item.category);
  reply<video_detail>(std::move(done), i->second);
}

void fake_backend::categories(ports::completion<ports::rendered_ptr> done) {
  reply<ports::rendered_ptr>(std::move(done), empty_page());
}

void fake_backend::libraries(ports::completion<std::vector<library>> done) {
  std::lock_guard guard{mutex};
  reply<std::vector<library>>(std::move(done), all_libraries);
}

void fake_backend::add_library(library what, ports::completion<library> done) {
  std::lock_guard guard{mutex};
  what.id = library_id{random_id()};
  all_libraries.push_back(what);
  reply<library>(std::move(done), what);
}

void fake_backend::edit_library(library what, ports::completion<library> done) {
  std::lock_guard guard{mutex};
  for (auto& x : all_libraries)
    if (x.id == what.id)
      x = what;
  reply<library>(std::move(done), what);
}

void fake_backend::remove_library(library_id id, ports::completion<void> done) {
  std::lock_guard guard{mutex};
  auto n = std::erase_if(all_libraries, [&](auto& x) { return x.id == id; });
  reply<void>(std::move(done), n > 0 ? result<void>{} : result<void>{no_library});
}

void fake_backend::scan_library(library_id id, ports::request_context, ports::completion<scan> done) {
  scan x;
  x.id = scan_id{random_id()};
  x.library = id;
  reply<scan>(std::move(done), x);
}

void fake_backend::scans(ports::completion<std::vector<scan>> done) {
  reply<std::vector<scan>>(std::move(done), std::vector<scan>{});
}

void fake_backend::find_scan(scan_id, ports::completion<scan> done) {
  reply<scan>(std::move(done), error{errc::not_found, "there is no scan of this id"});
}

void fake_backend::find_file(ports::wanted_file what, ports::completion<ports::located_file> done) {
  {
    std::lock_guard guard{mutex};
    if (auto far = far_files.find(what.path); far != far_files.end())
      return reply<ports::located_file>(std::move(done), ports::located_file{{}, {}, far->second});
  }
  if (no_files)
    return done(error{errc::unavailable, "the file is on another node"});
  const auto path = (what.root.empty() ? data_ : what.root) + "/" + what.path;
  unique_fd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)};
  struct stat facts {};
  if (!fd || ::fstat(fd.get(), &facts) != 0 || !S_ISREG(facts.st_mode))
    return done(error{errc::not_found, "the file is not there any more"});
  const file_version version{static_cast<uint64_t>(facts.st_size),
                             int64_t{facts.st_mtim.tv_sec} * 1'000'000'000 + facts.st_mtim.tv_nsec, facts.st_ino};
  done(ports::located_file{std::make_shared<const unique_fd>(std::move(fd)), version});
}

bool fake_backend::coordinator_away() noexcept {
  return away;
}

result<std::string> fake_backend::uploads_folder() {
  if (no_files)
    return error{errc::unavailable, "the data folder is on another node"};
  return uploads_;
}

void fake_backend::register_upload(ports::finished_upload upload, ports::request_context ctx,
                                   ports::completion<submit_receipt> done) {
  {
    std::lock_guard guard{mutex};
    if (upload_error)
      return reply<submit_receipt>(std::move(done), *upload_error);
    uploads.push_back(upload);
  }
  submit({}, std::move(ctx), std::move(done));
}

std::shared_ptr<const health_report> fake_backend::health() noexcept {
  std::lock_guard guard{mutex};
  return std::make_shared<health_report>(report);
}

std::vector<cache_layer_stats> fake_backend::cache_stats() noexcept {
  return {{"l1", true, 3, 1, 2, 0}};
}

bool fake_backend::ready() noexcept {
  std::lock_guard guard{mutex};
  return is_ready;
}

void fake_backend::tree(ports::completion<std::vector<tree_node>> done) {
  reply<std::vector<tree_node>>(std::move(done), std::vector<tree_node>{});
}

void fake_backend::on_events(std::function<void(std::shared_ptr<const std::vector<event>>)> sink) {
  sink_ = std::move(sink);
}

void fake_backend::follow(const std::string& topic) {
  std::lock_guard guard{mutex};
  ++followed[topic];
}

void fake_backend::unfollow(const std::string& topic) {
  std::lock_guard guard{mutex};
  --followed[topic];
}

void fake_backend::catch_up(event_position since, ports::completion<ports::replay> done) {
  std::lock_guard guard{mutex};
  auto i = replays.find(since.topic);
  ports::replay none;
  none.position = {since.topic, 1, 0};
  reply<ports::replay>(std::move(done), i == replays.end() ? none : i->second);
}

} // namespace troupe::test
