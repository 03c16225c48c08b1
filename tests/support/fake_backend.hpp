#pragma once

// A backend for tests of net/: answers from plain members, on a thread of its own as the real one does.

#include "protocol/ports/backend.hpp"

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>

namespace troupe::test {

class fake_backend : public ports::backend {
public:
  /// `folder`: data folder, existing.
  explicit fake_backend(std::string folder);
  ~fake_backend() override;

  // -- what it answers from; guarded by `mutex`
  std::mutex mutex;
  ports::rendered_ptr cached;
  ports::rendered_ptr page;
  std::map<video_id, video_detail> videos;
  std::map<job_id, ports::job_view> jobs;
  /// What was asked of list_jobs last.
  job_query listed;
  /// What explain says of every job.
  std::vector<std::string> reasons{"every slot of the queue is taken"};
  std::vector<library> all_libraries;
  std::vector<node_details> all_nodes;
  std::vector<refused_peer> refused;
  std::vector<ports::node_change> node_changes;
  ports::file_traffic moved;
  std::vector<job_spec> submitted;
  std::vector<ports::request_context> contexts;
  std::vector<ports::finished_upload> uploads;
  std::map<std::string, job_id> by_submission;
  /// Set: registering an upload fails so.
  std::optional<error> upload_error;
  /// Completions wait for release() while set.
  bool hold = false;
  std::map<std::string, int> followed;
  /// What catch_up tells of a topic.
  std::map<std::string, ports::replay> replays;
  health_report report;
  bool is_ready = true;
  /// The mesh can't be asked for its figures.
  bool away = false;
  /// The coordinator's files are on another node.
  bool no_files = false;
  /// Those of which more is known, by their path.
  std::map<std::string, std::shared_ptr<ports::far_file>> far_files;
  std::vector<media_profile> known_profiles = builtin_profiles();

  /// Lets held completions go.
  void release();
  /// As the notifier would: one batch to the sink.
  void publish(std::vector<event> batch);
  job_id add_job(job_state state);
  video_id add_video(const std::string& root, const std::string& path);

  // -- ports::backend
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
  bool coordinator_away() noexcept override;
  void register_upload(ports::finished_upload upload, ports::request_context ctx,
                       ports::completion<submit_receipt> done) override;
  std::shared_ptr<const health_report> health() noexcept override;
  std::vector<cache_layer_stats> cache_stats() noexcept override;
  bool ready() noexcept override;
  void tree(ports::completion<std::vector<tree_node>> done) override;
  void on_events(std::function<void(std::shared_ptr<const std::vector<event>>)> sink) override;
  void follow(const std::string& topic) override;
  void unfollow(const std::string& topic) override;
  void catch_up(event_position since, ports::completion<ports::replay> done) override;

private:
  /// Runs `task` on the backend's thread.
  void later(std::function<void()> task);
  template <class T>
  void reply(ports::completion<T> done, result<T> what) {
    later([done = std::move(done), what = std::move(what)] { done(what); });
  }
  /// With the mutex held.
  result<job> job_of(job_id id);
  void loop();

  std::string data_;
  std::string uploads_;
  std::function<void(std::shared_ptr<const std::vector<event>>)> sink_;
  std::mutex queue_mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> queue_;
  bool stopping_ = false;
  std::thread thread_;
};

} // namespace troupe::test
