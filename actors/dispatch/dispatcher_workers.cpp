#include "actors/dispatch/dispatcher_parts.hpp"

#include <spdlog/spdlog.h>

namespace troupe::dispatch {

namespace {

void append(ports::catalogue_changes& to, ports::catalogue_changes&& from) {
  auto move_all = [](auto& dst, auto& src) { std::move(src.begin(), src.end(), std::back_inserter(dst)); };
  move_all(to.found, from.found);
  move_all(to.added, from.added);
  move_all(to.ingested, from.ingested);
  move_all(to.states, from.states);
  move_all(to.renditions, from.renditions);
  move_all(to.storyboards, from.storyboards);
}

result<consequences> completed(const dispatcher_state& st, const job& item, const std::string& text) {
  try {
    return st.config.on_completed(item, text);
  } catch (const std::exception& e) {
    return {errc::internal, std::string{"the worker's answer can't be used: "} + e.what()};
  }
}

void fail(attempt_outcome& outcome, error why, error_class cls) {
  outcome.end = attempt_end::failed;
  outcome.failure = std::move(why);
  outcome.cls = cls;
}

/// Publishes what a completed attempt made; turns the outcome into a failure when its result makes no sense.
void publish(dispatcher_ptr self, const job& item, attempt_outcome& outcome) {
  auto& st = self->state;
  // A result that is too large fails the attempt (job_queue): nothing of it may be published.
  if (!st.config.on_completed || outcome.result.size() > max_result_bytes)
    return;
  auto made = completed(st, item, outcome.result);
  if (!made)
    return fail(outcome, made.error(), error_class::permanent);
  if (!made->follow_ups.empty()) {
    auto receipts = st.queue->submit(std::move(made->follow_ups));
    // A full queue: the work is done again later rather than lost.
    if (!receipts)
      return fail(outcome, receipts.error(), default_class(receipts.error().code));
  }
  for (auto& spec : made->when_room) {
    auto kind = spec.kind;
    if (auto receipt = st.queue->submit({std::move(spec)}); !receipt)
      spdlog::warn("dispatcher: no {} after job {}: {}", kind, item.id.str(), receipt.error().message);
  }
  append(st.catalogue, std::move(made->catalogue));
}

} // namespace

caf::result<worker_welcome> on_hello(dispatcher_ptr self, const worker_hello& hello, const mesh::worker_link& link) {
  auto& st = self->state;
  if (hello.protocol_version != worker_protocol_version)
    return mesh::to_caf({errc::protocol, "worker " + hello.node_name + " speaks protocol version "
                                           + std::to_string(hello.protocol_version) + ", this coordinator "
                                           + std::to_string(worker_protocol_version)
                                           + "; install the same version of Troupe on both"});
  if (!link)
    return mesh::to_caf({errc::protocol, "worker " + hello.node_name + " said hello without a handle to answer to"});
  if (!st.queue)
    return mesh::to_caf(not_now(self->state));
  if (auto old = st.links.find(hello.id); old != st.links.end())
    st.link_owners.erase(old->second.address());
  st.links[hello.id] = link;
  st.link_owners[link.address()] = hello.id;
  self->monitor(link);
  worker_welcome welcome;
  welcome.revoked = st.queue->join(hello);
  welcome.term = st.queue->term();
  welcome.lease = st.config.queue.lease;
  welcome.data_folder = st.config.data_folder;
  welcome.data_id = st.config.data_id;
  welcome.ticket_key = st.config.ticket_key;
  spdlog::info("dispatcher: worker {} ({}) joined, holds {}", hello.node_name, hello.id.str(), hello.held.size());
  auto reply = self->make_response_promise<worker_welcome>();
  answer_when_committed(self, reply, std::move(welcome));
  return reply;
}

caf::result<mesh::leases_renewed> on_renew(dispatcher_ptr self, const mesh::renew_leases& x) {
  auto& st = self->state;
  if (!st.queue)
    return mesh::to_caf(not_now(self->state));
  auto renewed = st.queue->renew(x.worker, x.held);
  // One that was silent for too long gets work again.
  queue_flush(self);
  return mesh::leases_renewed{std::move(renewed.revoked), renewed.known};
}

void on_progress(dispatcher_ptr self, const mesh::report_progress& x) {
  auto& st = self->state;
  if (!st.queue)
    return;
  mesh::publish_events events;
  for (auto& report : x.reports) {
    if (!st.queue->progress(x.worker, report))
      continue;
    if (auto* item = st.queue->find(report.token.job))
      for (auto& e : progress_events_of(*item, st.config.wanted))
        events.events.push_back(std::move(e));
  }
  add_moved_parents(st, events);
  if (!events.events.empty() && st.peers.notifier)
    self->send(st.peers.notifier, std::move(events));
  if (st.queue->dirty())
    queue_flush(self);
}

caf::result<mesh::handed_in> on_hand_in(dispatcher_ptr self, mesh::hand_in& x) {
  auto& st = self->state;
  if (!st.queue)
    return mesh::to_caf(not_now(self->state));
  mesh::handed_in answer;
  for (auto& outcome : x.outcomes) {
    auto token = outcome.token;
    auto* item = st.queue->holds(x.worker, token) ? st.queue->find(token.job) : nullptr;
    if (item && outcome.end == attempt_end::completed)
      publish(self, *item, outcome);
    if (!item || !st.queue->hand_in(x.worker, outcome))
      answer.stale.push_back(token);
  }
  auto reply = self->make_response_promise<mesh::handed_in>();
  answer_when_committed(self, reply, std::move(answer));
  return reply;
}

void on_change_offer(dispatcher_ptr self, mesh::change_offer& x) {
  // A worker says what it likes; people read it.
  constexpr size_t most = 1'000;
  constexpr size_t longest = 1'000;
  if (x.capabilities.size() > most)
    x.capabilities.resize(most);
  if (x.problems.size() > most)
    x.problems.resize(most);
  std::erase_if(x.capabilities, [](auto& text) { return text.size() > longest; });
  for (auto& text : x.problems)
    text.resize(std::min(text.size(), longest));
  if (!self->state.queue)
    return;
  self->state.queue->set_capabilities(x.worker, std::move(x.capabilities), std::move(x.problems));
  queue_flush(self);
}

caf::result<mesh::done> on_leave(dispatcher_ptr self, const mesh::leave& x) {
  auto& st = self->state;
  if (!st.queue)
    return mesh::to_caf(not_now(self->state));
  st.queue->leave(x.worker);
  // It gets nothing more, and the end of its link is no news.
  if (auto link = st.links.find(x.worker); link != st.links.end()) {
    st.link_owners.erase(link->second.address());
    st.links.erase(link);
  }
  auto reply = self->make_response_promise<mesh::done>();
  answer_when_committed(self, reply, mesh::done{});
  return reply;
}

void on_link_down(dispatcher_ptr self, const caf::down_msg& x) {
  auto& st = self->state;
  auto i = st.link_owners.find(x.source);
  if (i == st.link_owners.end())
    return;
  auto worker = i->second;
  st.link_owners.erase(i);
  st.links.erase(worker);
  spdlog::warn("dispatcher: the link to worker {} is down; its leases run on", worker.str());
  if (st.queue) {
    st.queue->unreachable(worker);
    queue_flush(self);
  }
}

} // namespace troupe::dispatch
