#include "nodes/troupe/connection.hpp"

#include "nodes/config/settings.hpp"

#include <caf/io/all.hpp>

namespace troupe::cli {

namespace {

config::host_port split_address(const std::string& address) {
  if (auto where = config::parse_host_port(address))
    return *std::move(where);
  throw failure(exit_code::usage, "'" + address + "' is not HOST:PORT; for example --node 127.0.0.1:3002");
}

/// What to do where nobody answered.
std::string advice(const std::string& host, const std::string& address) {
  if (host == "localhost" || host == "::1" || host.starts_with("127."))
    return "; start a trouped with ./run, or name it with --node HOST:PORT";
  return "; --node names the coordinator and its mesh.port. 'troupe cert check " + address
         + "' with the same --identity says what is between";
}

/// Passes events on and notices when the notifier's node is gone.
mesh::event_subscriber::behavior_type subscriber(mesh::event_subscriber::pointer self,
                                                 std::shared_ptr<event_queue> queue, mesh::notifier source) {
  self->monitor(source);
  self->set_down_handler([queue](const caf::down_msg&) { queue->close(); });
  return {[queue](const mesh::event_batch& batch) { queue->push(batch.events); }};
}

} // namespace

void event_queue::push(const std::vector<event>& events) {
  std::lock_guard guard{mutex_};
  events_.insert(events_.end(), events.begin(), events.end());
  filled_.notify_one();
}

void event_queue::close() {
  std::lock_guard guard{mutex_};
  closed_ = true;
  filled_.notify_one();
}

std::vector<event> event_queue::pop(milliseconds wait) {
  std::unique_lock guard{mutex_};
  filled_.wait_for(guard, wait, [&] { return closed_ || !events_.empty(); });
  if (events_.empty() && closed_)
    throw failure(exit_code::unreachable, "the connection to trouped broke off; what runs on its workers goes on");
  std::vector<event> out{std::make_move_iterator(events_.begin()), std::make_move_iterator(events_.end())};
  events_.clear();
  return out;
}

connection::connection(const std::string& address, const std::string& papers) {
  auto [host, port] = split_address(address);
  std::optional<identity::node_papers> own;
  if (!papers.empty()) {
    auto read = identity::load_papers(papers, time_.wall());
    if (!read)
      throw failure(read.error());
    own = std::move(*read);
  }
  const auto name = own ? own->facts.name : "troupe";
  access_ = std::make_unique<node::mesh_access>(std::move(own), time_);
  mesh::register_messages(config_);
  if (auto ready = access_->configure(config_); !ready)
    throw failure(ready.error());
  // Two threads are plenty for a command, and start faster than one for each processor.
  config_.set("scheduler.max-threads", size_t{2});
  // CAF's default policy asks for work again and again, which a command that only follows has none of.
  config_.set("scheduler.policy", caf::atom("sharing"));
  config_.set("middleman.heartbeat-interval", caf::timespan{std::chrono::seconds{1}});
  config_.set("middleman.connection-timeout", caf::timespan{std::chrono::seconds{5}});
  system_ = std::make_unique<caf::actor_system>(config_);
  // A command ends when its work is done; subscribers, which have no end of their own, must not hold it up.
  system_->await_actors_before_shutdown(false);
  scope_ = std::make_unique<caf::scoped_actor>(*system_);
  self_ = scope_->ptr();
  auto entered = access_->enter_as_admin(*system_, host, port, name, std::chrono::seconds{5});
  if (!entered && entered.error().code == errc::unavailable)
    throw failure(exit_code::unreachable, entered.error().message + advice(host, address));
  if (!entered)
    throw failure(exit_code::unreachable,
                  "trouped at " + address + " does not let this command in: " + entered.error().message);
  handles_ = std::move(*entered);
}

connection::~connection() {
  // The system waits for its actors, and these have no end of their own.
  for (auto& x : subscribers_)
    caf::anon_send_exit(x, caf::exit_reason::user_shutdown);
  subscribers_.clear();
  // The handles keep proxies of the other node alive: they go before the system.
  handles_ = mesh::admin_handles{};
  scope_.reset();
}

std::shared_ptr<event_queue> connection::follow(std::vector<std::string> topics) {
  auto queue = std::make_shared<event_queue>();
  auto actor = system_->spawn(subscriber, queue, handles_.notifier);
  subscribers_.push_back(caf::actor_cast<caf::actor>(actor));
  ask<mesh::done>(handles_.notifier, mesh::follow_topics{std::move(topics)}, actor);
  return queue;
}

} // namespace troupe::cli
