#include "actors/dispatch/dispatcher_parts.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <set>
#include <unordered_set>

namespace troupe::dispatch {

namespace {

// A worker says what it likes; people read it, and it is looked through for each placement.
constexpr size_t most_said = 1'000;
constexpr size_t longest_said = 1'000;
/// Attempts that it still works on, or whose outcomes it keeps.
constexpr size_t most_held = 100'000;

void keep_bounded(std::vector<std::string>& names) {
  std::erase_if(names, [](auto& text) { return text.size() > longest_said; });
  if (names.size() > most_said)
    names.resize(most_said);
}

void keep_bounded(worker_hello& x) {
  keep_bounded(x.kinds);
  keep_bounded(x.capabilities);
  if (x.credit.size() > most_said)
    x.credit.resize(most_said);
  if (x.held.size() > most_held)
    x.held.resize(most_held);
  for (auto* text : {&x.software, &x.file_address})
    text->resize(std::min(text->size(), longest_said));
}

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

/// Ids are made at random, but who has heard of one must not get what its worker holds, or held and comes back with.
result<void> check_name(dispatcher_state& st, const worker_hello& hello) {
  auto theirs = st.queue->node_of(hello.id);
  if (theirs.empty())
    theirs = st.names.of(hello.id);
  if (!theirs.empty() && theirs != hello.node_name)
    return {errc::conflict, "worker " + hello.id.str() + " is one of node " + theirs + ", not of " + hello.node_name
                              + "; start it anew"};
  st.names.note(hello.id, hello.node_name);
  return {};
}

} // namespace

caf::result<worker_welcome> on_hello(dispatcher_ptr self, worker_hello& hello, const mesh::worker_link& link) {
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
  if (auto good = check_name(st, hello); !good) {
    spdlog::warn("dispatcher: {}: refused", good.error().message);
    return mesh::to_caf(good.error());
  }
  keep_bounded(hello);
  if (auto old = st.links.find(hello.id); old != st.links.end())
    st.link_owners.erase(old->second.address());
  st.links[hello.id] = link;
  st.link_owners[link.address()] = hello.id;
  self->monitor(link);
  worker_welcome welcome;
  welcome.revoked = st.queue->join(hello);
  figures_changed(st, st.reports.said(hello, [&st](worker_id id) { return st.links.contains(id); }));
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
  if (renewed.known)
    figures_changed(st, st.reports.said(st.queue->node_of(x.worker), x.worker, x.figures));
  // What has ended in memory only may run again when its commit fails, and then needs what the worker has kept of it.
  if (st.commit_in_flight || st.queue->dirty())
    renewed.revoked.clear();
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

namespace {

/// Of the data folder, by outcome.
using named_outputs = std::vector<std::vector<std::string>>;

named_outputs outputs_of(const dispatcher_state& st, const mesh::hand_in& x) {
  named_outputs out(x.outcomes.size());
  std::set<lease_token> known;
  for (size_t i = 0; i < out.size(); ++i) {
    auto& outcome = x.outcomes[i];
    // Once each, and only what it may hand in: looking takes time.
    const bool its = outcome.end == attempt_end::completed && st.queue->holds(x.worker, outcome.token)
                     && known.insert(outcome.token).second;
    auto* item = its ? st.queue->find(outcome.token.job) : nullptr;
    if (!item || outcome.result.size() > max_result_bytes)
      continue;
    try {
      out[i] = st.config.outputs_of(*item, outcome.result);
    } catch (const std::exception&) {
      // An answer that can't be used: `publish` fails the attempt.
      continue;
    }
  }
  return out;
}

error not_seen(const std::string& name, const std::string& node) {
  return {errc::unavailable, name + " is not in the coordinator's data folder, though node " + node
                               + " says that it has put it there; look at what is mounted as the data folder there"};
}

/// `missing`: what the coordinator does not see of all that is named.
void take_in(dispatcher_ptr self, mesh::hand_in& x, const named_outputs& named, const std::vector<std::string>& missing,
             caf::typed_response_promise<mesh::handed_in> reply) {
  auto& st = self->state;
  const std::unordered_set<std::string_view> absent(missing.begin(), missing.end());
  if (!st.queue) {
    reply.deliver(mesh::to_caf(not_now(st)));
    return;
  }
  mesh::handed_in answer;
  for (size_t i = 0; i < x.outcomes.size(); ++i) {
    auto& outcome = x.outcomes[i];
    auto token = outcome.token;
    auto* item = st.queue->holds(x.worker, token) ? st.queue->find(token.job) : nullptr;
    auto lost = std::ranges::find_if(named[i], [&](auto& name) { return absent.contains(name); });
    if (item && lost != named[i].end())
      fail(outcome, not_seen(*lost, item->worker_name), error_class::transient);
    if (item && outcome.end == attempt_end::completed)
      publish(self, *item, outcome);
    if (!item || !st.queue->hand_in(x.worker, outcome))
      answer.stale.push_back(token);
  }
  answer_when_committed(self, reply, std::move(answer));
}

} // namespace

caf::result<mesh::handed_in> on_hand_in(dispatcher_ptr self, mesh::hand_in& x) {
  auto& st = self->state;
  if (!st.queue)
    return mesh::to_caf(not_now(self->state));
  auto reply = self->make_response_promise<mesh::handed_in>();
  const bool looks = st.peers.outputs && st.config.outputs_of;
  auto named = looks ? outputs_of(st, x) : named_outputs(x.outcomes.size());
  look_at_outputs question;
  for (auto& names : named)
    question.names.insert(question.names.end(), names.begin(), names.end());
  if (question.names.empty()) {
    take_in(self, x, named, {}, reply);
    return reply;
  }
  // Nobody's memory: the queue may be read anew meanwhile, and the lease lost.
  auto kept = std::make_shared<std::pair<mesh::hand_in, named_outputs>>(std::move(x), std::move(named));
  self->request(st.peers.outputs, st.config.output_timeout, std::move(question))
    .then([self, kept,
           reply](const outputs_missing& found) { take_in(self, kept->first, kept->second, found.names, reply); },
          [reply](caf::error& e) mutable { reply.deliver(std::move(e)); });
  return reply;
}

void on_change_offer(dispatcher_ptr self, mesh::change_offer& x) {
  keep_bounded(x.capabilities);
  if (x.problems.size() > most_said)
    x.problems.resize(most_said);
  for (auto& text : x.problems)
    text.resize(std::min(text.size(), longest_said));
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
