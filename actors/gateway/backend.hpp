#pragma once

#include "actors/cache/cache.hpp"
#include "actors/gateway/coordinator_watch.hpp"
#include "actors/gateway/far_reader.hpp"
#include "actors/gateway/live_positions.hpp"
#include "actors/gateway/near_files.hpp"
#include "actors/media/executor_pool.hpp"
#include "protocol/mesh/local.hpp"
#include "protocol/ports/backend.hpp"
#include "protocol/ports/root_threads.hpp"

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>

namespace troupe::gateway {

/// What the gateway talks to: stable addresses of this node, behind which the coordinator's actors are.
struct gateway_peers {
  mesh::job_client jobs;
  mesh::job_admin queues;
  mesh::librarian librarian;
  mesh::catalogue_reader catalogue;
  mesh::event_source notifier;
  mesh::node_admin nodes;
  /// The coordinator's.
  mesh::node_info node;
  mesh::file_reader file_desk{};
  /// Of this node.
  mesh::supervisor root;
  /// Of this node; invalid where there is no worker.
  work::executor_pool executors{};
};

template <class T>
class once;

struct gateway_config {
  std::shared_ptr<near_files> files;
  /// nullptr: the coordinator is in this process, and never away.
  std::shared_ptr<coordinator_watch> watch;
  /// For each question into the mesh.
  milliseconds timeout{10'000};
  /// The last round of checks, without a message.
  std::function<std::shared_ptr<const health_report>()> health;
  cache::node_cache cache;
  /// How long a page is fresh, and how long after that it may be given out while a new one is made.
  milliseconds fresh_for{300'000};
  milliseconds stale_for{300'000};
  /// As the coordinator's configuration says; on another node, until the coordinator was found.
  std::vector<media_profile> profiles = builtin_profiles();
  /// Outlives the backend.
  const clock* time = nullptr;
  /// What this node's file server has moved, without a message. May be empty.
  std::function<std::optional<ports::file_traffic>()> traffic{};
  /// What looks for near ones, which a mount that hangs may keep; nullptr: in place.
  std::shared_ptr<ports::root_threads> disks{};
  /// How a near file is sent whose mount may come to hang, by its root as these threads know it; empty: as it is.
  /// Blocks.
  std::function<ports::located_file(ports::located_file, const std::string& root)> guarded{};
  /// Files that are not near; nullptr: there are none.
  std::shared_ptr<far_reader> far{};
  /// This node's, for the addresses of those; empty without certificates.
  std::string certified_name{};
  /// A grant of the coordinator's as this node can use it.
  std::function<far_grant(const mesh::file_grant&)> address{};
};

/// ports::backend on the mesh. One actor asks on behalf of the network's threads; what the cache can answer never gets
/// there.
class mesh_backend final : public ports::backend {
public:
  /// `address` is the stable address of the actor that spawn_actor makes.
  mesh_backend(gateway_config config, gateway_peers peers, caf::actor address);

  /// Role: the `gateway` actor. Thread: the scheduler's thread. Supervisor: the gateway's, permanent; a new one follows
  /// all topics again, requests of the old one end with errc::unavailable or by their timeout.
  caf::actor spawn_actor(caf::actor_system& system);

  /// Requests are taken (true) or the node starts or drains (false).
  void set_ready(bool ready) noexcept {
    ready_ = ready;
  }
  /// The notifier has been started anew and knows nobody: follows every topic again, and tells of each what was missed
  /// since its last event, or how it is now.
  void refollow();
  /// The coordinator on another node was found: takes over what it says, forgets what may be older, and follows again.
  void joined(const mesh::gateway_welcome& welcome);

  void submit(job_spec spec, ports::request_context ctx, ports::completion<submit_receipt> done) override;
  void find_job(job_id id, ports::completion<ports::job_view> done) override;
  void list_jobs(job_query query, ports::completion<job_page> done) override;
  void explain(job_id id, ports::completion<ports::explanation> done) override;
  void cancel(job_id id, ports::completion<job> done) override;
  void retry(job_id id, ports::completion<job> done) override;
  void promote(job_id id, ports::completion<job> done) override;
  void remove_job(job_id id, ports::completion<void> done) override;
  void queues(ports::completion<std::vector<queue_stats>> done) override;
  void change_queue(ports::queue_change change, ports::completion<queue_stats> done) override;
  void workers(ports::completion<std::vector<worker_info>> done) override;
  void nodes(ports::completion<std::vector<node_details>> done) override;
  void change_node(ports::node_change change, ports::completion<node_details> done) override;
  void refused_peers(ports::completion<std::vector<refused_peer>> done) override;
  std::optional<ports::file_traffic> traffic() noexcept override;
  void executors(ports::completion<ports::executor_figures> done) override;

  std::shared_ptr<const std::vector<media_profile>> profiles() const noexcept override;
  ports::rendered_ptr cached_videos(const video_query& query) noexcept override;
  void list_videos(video_query query, ports::completion<ports::rendered_ptr> done) override;
  void find_video(video_id id, ports::completion<video_detail> done) override;
  void remove_video(video_id id, bool delete_file, ports::request_context ctx, ports::completion<void> done) override;
  void edit_video(video_id id, std::optional<std::string> title, std::optional<std::string> category,
                  ports::completion<video_detail> done) override;
  void categories(ports::completion<ports::rendered_ptr> done) override;
  void libraries(ports::completion<std::vector<library>> done) override;
  void add_library(library what, ports::completion<library> done) override;
  void edit_library(library what, ports::completion<library> done) override;
  void remove_library(library_id id, ports::completion<void> done) override;
  void scan_library(library_id id, ports::request_context ctx, ports::completion<scan> done) override;
  void scans(ports::completion<std::vector<scan>> done) override;
  void find_scan(scan_id id, ports::completion<scan> done) override;

  void find_file(ports::wanted_file what, ports::completion<ports::located_file> done) override;
  result<std::string> uploads_folder() override;
  void register_upload(ports::finished_upload upload, ports::request_context ctx,
                       ports::completion<submit_receipt> done) override;

  bool coordinator_away() noexcept override;
  std::shared_ptr<const health_report> health() noexcept override;
  std::vector<cache_layer_stats> cache_stats() noexcept override;
  bool ready() noexcept override;
  void tree(ports::completion<std::vector<tree_node>> done) override;

  void on_events(std::function<void(std::shared_ptr<const std::vector<event>>)> sink) override;
  void follow(const std::string& topic) override;
  void unfollow(const std::string& topic) override;
  void catch_up(event_position since, ports::completion<ports::replay> done) override;

private:
  using act_self = caf::event_based_actor*;

  /// Runs `f` in the gateway actor.
  void post(std::function<void(act_self)> f);
  /// Asks `target`; `convert` makes the completion's value of the answer.
  template <class Answer, class T, class Target, class Message, class Convert>
  void ask(Target target, Message message, ports::completion<T> done, Convert convert);
  /// The same for a peer that is the coordinator's: while that is away, nobody is asked.
  template <class Answer, class T, class Target, class Message, class Convert>
  void ask_coordinator(Target target, Message message, ports::completion<T> done, Convert convert);
  /// Of whatever kind: for jobs that the gateway itself makes.
  void submit_checked(job_spec spec, ports::request_context ctx, ports::completion<submit_receipt> done);
  bool is_followed(const std::string& topic);
  void follow_topic(const std::string& topic);
  /// The catalogue has changed, or we can't know that it has not.
  void forget_catalogue();
  /// For the time without a coordinator.
  void keep_page(const std::string& key, const ports::rendered_ptr& page);
  /// In the gateway actor: what the notifier sent goes on to the sink.
  void pass_on(std::vector<event> batch);
  void follow_later(act_self self);
  /// In the gateway actor: one more topic is caught up with, if there is one.
  void recover_next(uint64_t round);
  void recovered(act_self self, const std::string& topic, result<ports::replay> outcome);
  void catch_up_from(event_position since, ports::completion<ports::replay> done);
  cache::load_spec rendered_load(std::string key) const;
  /// How to come by a page of videos, or the list of categories.
  cache::load_spec videos_load(const video_query& query);
  cache::load_spec categories_load();
  /// For changes of the catalogue: who made one on another node than the coordinator's and looks at once, sees it.
  template <class T>
  ports::completion<T> changing(ports::completion<T> done) {
    if (!config_.watch)
      return done;
    return [this, done = std::move(done)](result<T> x) {
      forget_catalogue();
      done(std::move(x));
    };
  }
  /// `further_looks`: how often it comes back while the disk is busy.
  void find_near_file(const ports::wanted_file& what, const once<ports::located_file>& answer, int further_looks);
  /// One that is not near.
  void find_far_file(ports::wanted_file what, ports::completion<ports::located_file> done);
  void get_rendered(cache::load_spec spec, ports::completion<ports::rendered_ptr> done);
  void act(job_id id, mesh::job_action action, ports::completion<job> done);
  /// All nodes, for a client of the topic that has missed too much, or asks for the first time.
  void nodes_snapshot(event_position position, ports::completion<ports::replay> done);
  /// A snapshot of a job for a client that has missed too much, or asks for the first time.
  void snapshot(job_id id, event_position position, ports::completion<ports::replay> done);

  gateway_config config_;
  gateway_peers peers_;
  mutable std::mutex profiles_mutex_;
  std::shared_ptr<const std::vector<media_profile>> profiles_;
  /// What was answered last, for the time in which the coordinator is away; on another node only.
  cache::lru_cache<ports::rendered_ptr> last_pages_;
  cache::lru_cache<std::shared_ptr<const video_detail>> last_videos_;
  std::atomic<bool> ready_{false};
  caf::actor address_;
  std::shared_ptr<std::function<void(std::shared_ptr<const std::vector<event>>)>> sink_;
  std::mutex topics_mutex_;
  /// Followed topics with their counts.
  std::unordered_map<std::string, size_t> topics_;
  /// Of the gateway actor, whichever lives; kept while it restarts.
  live_positions positions_;
  uint64_t round_ = 0;
};

/// The cache key of a page: every field of the query, in order.
std::string cache_key(const video_query& query);

} // namespace troupe::gateway
