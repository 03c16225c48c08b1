#include "actors/gateway/backend_parts.hpp"
#include "actors/gateway/client_jobs.hpp"
#include "actors/gateway/render.hpp"
#include "actors/library/publication.hpp"
#include "actors/media/in_time.hpp"
#include "protocol/model/json.hpp"

namespace troupe::gateway {

namespace {

/// For answers that only say "done": a completion without a value.
ports::completion<mesh::done> drop_value(ports::completion<void> done) {
  return [done = std::move(done)](result<mesh::done> x) {
    if (x)
      done(result<void>{});
    else
      done(std::move(x).error());
  };
}

/// Answers that are kept for the time without a coordinator, and how long.
constexpr size_t kept_answers = 300;
constexpr milliseconds kept_for{24 * 3'600'000};

/// Between looks at a root for which too many wait, and how many of them there are.
constexpr milliseconds busy_look{100};
constexpr int most_busy_looks = 50;
/// While a thread of the network waits.
constexpr milliseconds look_limit{4'000};

error disk_is_busy(const error& why) {
  error out{errc::unavailable, "too many requests wait for the disk of the file; try again in a moment"};
  out.retry_after = why.retry_after;
  return out;
}

/// The answer could not be had, which says nothing of what it would be.
bool is_away(const error& why) {
  return why.code == errc::unavailable;
}

/// As it is given out while the coordinator is away.
ports::rendered_ptr as_cached(const ports::rendered_ptr& page) {
  auto out = std::make_shared<ports::rendered>(*page);
  out->fresh_body = out->cached_body;
  return out;
}

} // namespace

mesh_backend::mesh_backend(gateway_config config, gateway_peers peers, caf::actor address) :
  config_(std::move(config)), peers_(std::move(peers)),
  profiles_(std::make_shared<const std::vector<media_profile>>(config_.profiles)),
  last_pages_(kept_answers, *config_.time), last_videos_(kept_answers, *config_.time), address_(std::move(address)),
  sink_(std::make_shared<std::function<void(std::shared_ptr<const std::vector<event>>)>>()) {
}

void mesh_backend::post(std::function<void(act_self)> f) {
  caf::anon_send(address_, posted{std::make_shared<std::function<void(act_self)>>(std::move(f))});
}

// -- jobs -------------------------------------------------------------------------------------------------------------

void mesh_backend::submit(job_spec spec, ports::request_context ctx, ports::completion<submit_receipt> done) {
  if (auto refused = check_client_job(spec); !refused)
    return done(std::move(refused).error());
  // Ids are the dispatcher's to choose.
  spec.id = {};
  submit_checked(std::move(spec), std::move(ctx), std::move(done));
}

void mesh_backend::submit_checked(job_spec spec, ports::request_context ctx, ports::completion<submit_receipt> done) {
  spec.request_id = ctx.request_id;
  spec.traceparent = ctx.traceparent;
  if (spec.owner.empty())
    spec.owner = ctx.owner;
  if (!ctx.submission_id.empty())
    spec.submission_id = ctx.submission_id;
  mesh::submit_jobs message;
  message.specs.push_back(std::move(spec));
  ask_coordinator<mesh::submitted>(peers_.jobs, std::move(message), std::move(done),
                                   [](mesh::submitted& x) { return x.receipts.at(0); });
}

void mesh_backend::find_job(job_id id, ports::completion<ports::job_view> done) {
  ask_coordinator<mesh::job_with_children>(peers_.jobs, mesh::get_job{id}, std::move(done),
                                           [](mesh::job_with_children& x) {
                                             return ports::job_view{std::move(x.item), std::move(x.children)};
                                           });
}

void mesh_backend::list_jobs(job_query query, ports::completion<job_page> done) {
  ask_coordinator<job_page>(peers_.queues, std::move(query), std::move(done), same<job_page>);
}

void mesh_backend::explain(job_id id, ports::completion<ports::explanation> done) {
  ask_coordinator<mesh::job_explanation>(peers_.jobs, mesh::explain_job{id}, std::move(done),
                                         [](mesh::job_explanation& x) {
                                           return ports::explanation{x.state, std::move(x.reasons)};
                                         });
}

void mesh_backend::act(job_id id, mesh::job_action action, ports::completion<job> done) {
  ask_coordinator<job>(peers_.jobs, mesh::act_on_job{id, action}, std::move(done), same<job>);
}

void mesh_backend::cancel(job_id id, ports::completion<job> done) {
  act(id, mesh::job_action::cancel, std::move(done));
}

void mesh_backend::retry(job_id id, ports::completion<job> done) {
  act(id, mesh::job_action::retry, std::move(done));
}

void mesh_backend::promote(job_id id, ports::completion<job> done) {
  act(id, mesh::job_action::promote, std::move(done));
}

void mesh_backend::remove_job(job_id id, ports::completion<void> done) {
  act(id, mesh::job_action::remove, [done = std::move(done)](result<job> x) {
    if (x)
      done(result<void>{});
    else
      done(std::move(x).error());
  });
}

void mesh_backend::queues(ports::completion<std::vector<queue_stats>> done) {
  ask_coordinator<mesh::queue_list>(peers_.queues, mesh::get_queues{}, std::move(done),
                                    [](mesh::queue_list& x) { return std::move(x.queues); });
}

void mesh_backend::change_queue(ports::queue_change change, ports::completion<queue_stats> done) {
  mesh::change_queue message;
  message.name = change.name;
  if (change.paused)
    message.paused = *change.paused ? 1 : 0;
  if (change.max_running)
    message.max_running = *change.max_running;
  if (change.max_depth)
    message.max_depth = *change.max_depth;
  auto name = change.name;
  ask_coordinator<mesh::queue_list>(peers_.queues, std::move(message), std::move(done),
                                    [name](mesh::queue_list& x) -> result<queue_stats> {
                                      for (auto& q : x.queues)
                                        if (q.settings.name == name)
                                          return std::move(q);
                                      return {errc::not_found, "queue " + name + ": not known"};
                                    });
}

void mesh_backend::workers(ports::completion<std::vector<worker_info>> done) {
  ask_coordinator<mesh::worker_list>(peers_.queues, mesh::get_workers{}, std::move(done),
                                     [](mesh::worker_list& x) { return std::move(x.workers); });
}

void mesh_backend::executors(ports::completion<ports::executor_figures> done) {
  if (!peers_.executors)
    return done(error{errc::not_found, "this node has no worker"});
  ask<work::executor_stats>(peers_.executors, work::get_executor_stats{}, std::move(done),
                            [](const work::executor_stats& x) {
                              return ports::executor_figures{x.processes, x.busy, x.waiting, x.started, x.crashes};
                            });
}

// -- catalogue --------------------------------------------------------------------------------------------------------

std::shared_ptr<const std::vector<media_profile>> mesh_backend::profiles() const noexcept {
  std::lock_guard guard{profiles_mutex_};
  return profiles_;
}

std::string cache_key(const video_query& q) {
  // Unit separators can't be in a query that came over HTTP unescaped into two different fields with one meaning.
  std::string key = "videos";
  for (auto& part : {q.category, q.search, q.sort, q.state, q.library ? q.library.str() : std::string{},
                     std::to_string(q.page), std::to_string(q.limit)}) {
    key += '\x1f';
    key += part;
  }
  return key;
}

cache::load_spec mesh_backend::rendered_load(std::string key) const {
  cache::load_spec spec;
  spec.key = std::move(key);
  spec.fresh_for = config_.fresh_for;
  spec.stale_for = config_.stale_for;
  spec.encode = [](const cache::value_ptr& x) { return to_text(*std::static_pointer_cast<const ports::rendered>(x)); };
  spec.decode = [](std::string_view text) -> cache::value_ptr { return rendered_from_text(text); };
  return spec;
}

cache::load_spec mesh_backend::videos_load(const video_query& query) {
  auto spec = rendered_load(cache_key(query));
  spec.load = [this, query](cache::load_completion loaded) {
    ask_coordinator<video_page, cache::value_ptr>(peers_.catalogue, query, std::move(loaded),
                                                  [this, query](video_page& page) -> cache::value_ptr {
                                                    auto out = render_videos(page, query);
                                                    keep_page(cache_key(query), out);
                                                    return out;
                                                  });
  };
  return spec;
}

cache::load_spec mesh_backend::categories_load() {
  auto spec = rendered_load("videos\x1f"
                            "categories");
  spec.load = [this](cache::load_completion loaded) {
    ask_coordinator<mesh::category_list, cache::value_ptr>(
      peers_.catalogue, mesh::get_categories{}, std::move(loaded),
      [](mesh::category_list& x) -> cache::value_ptr { return render_categories(x.categories); });
  };
  return spec;
}

void mesh_backend::keep_page(const std::string& key, const ports::rendered_ptr& page) {
  if (config_.watch)
    last_pages_.put(key, page, kept_for, milliseconds{0});
}

void mesh_backend::get_rendered(cache::load_spec spec, ports::completion<ports::rendered_ptr> done) {
  auto key = spec.key;
  config_.cache.get(std::move(spec), [this, key, done = std::move(done)](result<cache::answer> got) {
    if (!got) {
      auto last = is_away(got.error()) ? last_pages_.get(key) : std::nullopt;
      return last ? done(as_cached(last->value)) : done(std::move(got).error());
    }
    auto page = std::static_pointer_cast<const ports::rendered>(got->value);
    keep_page(key, page);
    if (got->cached)
      return done(std::move(page));
    // The one who filled the cache is told so; the caller sends cached_body.
    auto fresh = std::make_shared<ports::rendered>(*page);
    fresh->cached_body = fresh->fresh_body;
    done(ports::rendered_ptr{std::move(fresh)});
  });
}

ports::rendered_ptr mesh_backend::cached_videos(const video_query& query) noexcept {
  try {
    auto hit = config_.cache.peek(cache_key(query));
    if (!hit)
      return nullptr;
    if (hit->stale && !coordinator_away())
      config_.cache.refresh(videos_load(query));
    return std::static_pointer_cast<const ports::rendered>(hit->value);
  } catch (const std::exception& e) {
    spdlog::warn("gateway: the cache could not be read: {}", e.what());
    return nullptr;
  }
}

void mesh_backend::list_videos(video_query query, ports::completion<ports::rendered_ptr> done) {
  get_rendered(videos_load(query), std::move(done));
}

void mesh_backend::find_video(video_id id, ports::completion<video_detail> done) {
  auto answered = [this, id, done = std::move(done)](result<video_detail> x) {
    if (config_.watch && x)
      last_videos_.put(id.str(), std::make_shared<const video_detail>(*x), kept_for, milliseconds{0});
    else if (config_.watch && !is_away(x.error()))
      last_videos_.erase_prefix(id.str());
    else if (auto last = x ? std::nullopt : last_videos_.get(id.str()))
      return done(*last->value);
    done(std::move(x));
  };
  ask_coordinator<video_detail>(peers_.catalogue, mesh::get_video{id},
                                ports::completion<video_detail>{std::move(answered)},
                                [](video_detail& x) -> result<video_detail> {
                                  // Its row stays, so that a scan does not bring it back; for clients it is gone.
                                  if (x.item.state == video_state::removed)
                                    return {errc::not_found, "there is no video of this id"};
                                  return std::move(x);
                                });
}

void mesh_backend::remove_video(video_id id, bool delete_file, ports::request_context, ports::completion<void> done) {
  ask_coordinator<mesh::done>(peers_.librarian, mesh::remove_video{id, delete_file},
                              drop_value(changing(std::move(done))), same<mesh::done>);
}

void mesh_backend::edit_video(video_id id, std::optional<std::string> title, std::optional<std::string> category,
                              ports::completion<video_detail> done) {
  ask_coordinator<video_detail>(peers_.librarian, mesh::edit_video{id, title.value_or(""), category.value_or("")},
                                changing(std::move(done)), same<video_detail>);
}

void mesh_backend::categories(ports::completion<ports::rendered_ptr> done) {
  get_rendered(categories_load(), std::move(done));
}

void mesh_backend::libraries(ports::completion<std::vector<library>> done) {
  ask_coordinator<mesh::library_list>(peers_.librarian, mesh::get_libraries{}, std::move(done),
                                      [](mesh::library_list& x) { return std::move(x.libraries); });
}

void mesh_backend::add_library(library what, ports::completion<library> done) {
  ask_coordinator<library>(peers_.librarian, mesh::add_library{std::move(what)}, std::move(done), same<library>);
}

void mesh_backend::edit_library(library what, ports::completion<library> done) {
  ask_coordinator<library>(peers_.librarian, mesh::edit_library{std::move(what)}, changing(std::move(done)),
                           same<library>);
}

void mesh_backend::remove_library(library_id id, ports::completion<void> done) {
  ask_coordinator<mesh::done>(peers_.librarian, mesh::remove_library{id}, drop_value(changing(std::move(done))),
                              same<mesh::done>);
}

void mesh_backend::scan_library(library_id id, ports::request_context ctx, ports::completion<scan> done) {
  ask_coordinator<scan>(peers_.librarian, mesh::scan_library{id, ctx.request_id, ctx.traceparent}, std::move(done),
                        same<scan>);
}

void mesh_backend::scans(ports::completion<std::vector<scan>> done) {
  ask_coordinator<mesh::scan_list>(peers_.librarian, mesh::get_scans{100}, std::move(done),
                                   [](mesh::scan_list& x) { return std::move(x.scans); });
}

void mesh_backend::find_scan(scan_id id, ports::completion<scan> done) {
  ask_coordinator<scan>(peers_.librarian, mesh::get_scan{id}, std::move(done), same<scan>);
}

// -- files and uploads ------------------------------------------------------------------------------------------------

void mesh_backend::find_file(ports::wanted_file what, ports::completion<ports::located_file> done) {
  find_near_file(what, once<ports::located_file>{std::move(done)}, most_busy_looks);
}

void mesh_backend::find_near_file(const ports::wanted_file& what, const once<ports::located_file>& answer,
                                  int further_looks) {
  // A look that hangs may outlive this object: the way back is the actor, if it is still there.
  const bool may_be_elsewhere = config_.far && !config_.files->are_the_only_ones(what);
  auto elsewhere = [this, what, answer, may_be_elsewhere, to = address_.address()](error why) {
    auto actor = caf::actor_cast<caf::actor>(to);
    if (!may_be_elsewhere || why.code != errc::unavailable || !actor)
      return answer(for_outside(std::move(why)));
    auto ask = [this, what, answer](act_self) { find_far_file(what, answer); };
    caf::anon_send(actor, posted{std::make_shared<std::function<void(act_self)>>(std::move(ask))});
  };
  const auto root = what.library ? "library:" + what.library.str() : std::string{"data"};
  auto look = [files = config_.files, what, answer, elsewhere, root, guarded = config_.guarded] {
    auto found = files->find(what);
    if (found)
      answer(guarded ? guarded(std::move(*found), root) : std::move(*found));
    else
      elsewhere(std::move(found).error());
  };
  if (!config_.disks)
    return look();
  auto begun = config_.disks->begin(root, look);
  if (begun)
    return;
  if (begun.error().code != errc::rate_limited)
    return elsewhere(begun.error());
  // A disk that is busy has the file all the same.
  if (further_looks == 0)
    return answer(disk_is_busy(begun.error()));
  auto again = [this, what, answer, further_looks](act_self) { find_near_file(what, answer, further_looks - 1); };
  post([next = posted{std::make_shared<std::function<void(act_self)>>(std::move(again))}](act_self self) {
    self->delayed_send(self, busy_look, next);
  });
}

void mesh_backend::find_far_file(ports::wanted_file what, ports::completion<ports::located_file> done) {
  mesh::read_file message{config_.certified_name, what.library, what.path};
  auto answered = [this, what, done = std::move(done)](result<far_grant> x) {
    if (x)
      return done(ports::located_file{{}, {}, config_.far->open(what.library, what.path, what.version, *x)});
    // What of it is kept here can be sent without anybody's help.
    auto last =
      is_away(x.error()) || x.error().code == errc::timeout ? config_.far->last(what.library, what.path) : nullptr;
    if (last)
      return done(ports::located_file{{}, {}, std::move(last)});
    done(std::move(x).error());
  };
  ask_coordinator<mesh::file_grant>(peers_.file_desk, std::move(message), ports::completion<far_grant>{answered},
                                    [this](mesh::file_grant& x) { return config_.address(x); });
}

result<std::string> mesh_backend::uploads_folder() {
  // Where the coordinator is beside it, no disk is asked.
  if (!config_.disks || !config_.watch)
    return config_.files->uploads();
  // The thread that asks is the network's.
  auto found = work::in_time<result<std::string>>(*config_.disks, "data", look_limit,
                                                  [files = config_.files] { return files->uploads(); },
                                                  {errc::timeout, "it has not answered"});
  if (found)
    return std::move(*found);
  error out{errc::unavailable,
            "the data folder, where uploads are written, does not answer this gateway at present: try "
            "again in a moment, or send the file to another gateway"};
  out.retry_after = found.error().retry_after;
  return out;
}

void mesh_backend::register_upload(ports::finished_upload upload, ports::request_context ctx,
                                   ports::completion<submit_receipt> done) {
  submit_checked(catalogue::ingest_upload_spec(config_.files->coordinators_uploads(), upload.path, upload.original_name,
                                               upload.category),
                 std::move(ctx), std::move(done));
}

// -- state ------------------------------------------------------------------------------------------------------------

bool mesh_backend::coordinator_away() noexcept {
  return config_.watch && config_.watch->away();
}

std::shared_ptr<const health_report> mesh_backend::health() noexcept {
  auto last = config_.health();
  // What is known by now need not wait for the next round.
  return coordinator_away() ? with_coordinator_away(*last, config_.watch->problem()) : last;
}

std::vector<cache_layer_stats> mesh_backend::cache_stats() noexcept {
  return config_.cache.stats();
}

bool mesh_backend::ready() noexcept {
  return ready_;
}

void mesh_backend::tree(ports::completion<std::vector<tree_node>> done) {
  ask<mesh::tree>(peers_.root, mesh::get_tree{}, std::move(done), [](mesh::tree& x) { return std::move(x.nodes); });
}

} // namespace troupe::gateway
