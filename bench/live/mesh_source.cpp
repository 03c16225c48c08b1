#include "bench/live/reports.hpp"

#include "nodes/link/mesh_access.hpp"

#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>

namespace troupe::bench {

namespace {

[[noreturn]] void give_up(const char* what, const error& e) {
  std::fprintf(stderr, "live_load: %s: %s\n", what, e.message.c_str());
  std::_Exit(1);
}

/// Empty: plain, as nodes without certificates speak.
std::optional<identity::node_papers> papers_in(const std::string& folder) {
  if (folder.empty())
    return std::nullopt;
  auto papers = identity::load_papers(folder, system_clocks{}.wall());
  if (!papers)
    give_up("papers", papers.error());
  return *std::move(papers);
}

/// What the dispatcher has given us; filled by the link's actor, waited for by the main thread.
struct assigned_jobs {
  std::mutex mutex;
  std::condition_variable more;
  std::vector<lease_token> tokens;
};

mesh::worker_link::behavior_type link_actor(mesh::worker_link::pointer, std::shared_ptr<assigned_jobs> jobs) {
  return {
    [jobs](const mesh::assign& x) {
      std::lock_guard guard{jobs->mutex};
      for (auto& job : x.jobs)
        jobs->tokens.push_back(job.token);
      jobs->more.notify_all();
    },
    [](const mesh::revoke&) {
      std::fprintf(stderr, "live_load: a lease was lost: the figures would be of fewer jobs\n");
      std::_Exit(1);
    },
  };
}

class mesh_source : public report_source {
public:
  mesh_source(uint16_t port, size_t count, const std::string& identity) : access_(papers_in(identity), time_) {
    mesh::register_messages(config_);
    if (auto ready = access_.configure(config_); !ready) {
      std::fprintf(stderr, "live_load: %s\n", ready.error().message.c_str());
      std::_Exit(1);
    }
    config_.set("scheduler.max-threads", size_t{2});
    // Who is silent is left.
    config_.set("middleman.heartbeat-interval", caf::timespan{std::chrono::seconds{1}});
    system_ = std::make_unique<caf::actor_system>(config_);
    system_->await_actors_before_shutdown(false);
    id_ = worker_id{random_id()};
    join(port, count);
    wait_for_jobs(count);
  }

  const std::vector<std::string>& topics() const override {
    return topics_;
  }

  void report(size_t job, double fraction) override {
    progress_report x{jobs_->tokens[job], {}};
    x.progress.fraction = fraction;
    x.progress.stage = "encode";
    x.progress.message = "t=" + std::to_string(now_ns()) + ";";
    caf::anon_send(handles_.jobs, mesh::report_progress{id_, {std::move(x)}});
  }

  void keep_alive() override {
    caf::anon_send(handles_.jobs, mesh::renew_leases{id_, jobs_->tokens});
  }

private:
  template <class Answer, class Handle, class... Ts>
  Answer ask(const Handle& whom, const char* what, Ts&&... xs) {
    Answer out;
    caf::scoped_actor self{*system_};
    self->request(whom, std::chrono::seconds{30}, std::forward<Ts>(xs)...)
      .receive([&](Answer& x) { out = std::move(x); }, [&](caf::error& e) { give_up(what, mesh::from_caf(e)); });
    return out;
  }

  void join(uint16_t port, size_t count) {
    constexpr std::chrono::seconds limit{10};
    auto worker = access_.enter_as_worker(*system_, "127.0.0.1", port, "live_load", limit);
    if (!worker)
      give_up("no coordinator", worker.error());
    handles_ = *std::move(worker);
    auto admin = access_.enter_as_admin(*system_, "127.0.0.1", port, "live_load", limit);
    if (!admin)
      give_up("no coordinator", admin.error());
    worker_hello hello;
    hello.id = id_;
    hello.node_name = "live_load";
    hello.kinds = {"noop"};
    hello.credit = {{"default", static_cast<uint32_t>(count)}};
    link_ = system_->spawn(link_actor, jobs_);
    ask<worker_welcome>(handles_.jobs, "hello", std::move(hello), link_);
    mesh::submit_jobs work;
    work.specs.resize(count);
    for (auto& spec : work.specs)
      spec.kind = "noop";
    ask<mesh::submitted>(admin->jobs, "submit", std::move(work));
  }

  void wait_for_jobs(size_t count) {
    std::unique_lock guard{jobs_->mutex};
    if (!jobs_->more.wait_for(guard, std::chrono::seconds{30}, [&] { return jobs_->tokens.size() >= count; })) {
      std::fprintf(stderr, "live_load: only %zu of %zu jobs were assigned\n", jobs_->tokens.size(), count);
      std::_Exit(1);
    }
    for (auto& token : jobs_->tokens)
      topics_.push_back("job:" + token.job.str());
  }

  system_clocks time_;
  node::mesh_access access_;
  caf::actor_system_config config_;
  std::unique_ptr<caf::actor_system> system_;
  worker_id id_;
  std::shared_ptr<assigned_jobs> jobs_ = std::make_shared<assigned_jobs>();
  std::vector<std::string> topics_;
  mesh::worker_handles handles_;
  mesh::worker_link link_;
};

} // namespace

std::unique_ptr<report_source> make_mesh_source(uint16_t port, size_t jobs, const std::string& identity) {
  return std::make_unique<mesh_source>(port, jobs, identity);
}

} // namespace troupe::bench
