// What `troupe tree` shows of a supervisor.

#include "actors/supervision/supervisor_state.hpp"

namespace troupe::supervision {

namespace {

/// A sub-supervisor that does not answer in time is shown without its children.
constexpr milliseconds subtree_timeout{1'000};

/// A tree that is being put together.
struct collection {
  caf::typed_response_promise<mesh::tree> promise;
  std::vector<mesh::tree> parts;
  size_t missing = 0;

  void deliver() {
    mesh::tree whole;
    for (auto& part : parts)
      for (auto& line : part.nodes)
        whole.nodes.push_back(std::move(line));
    promise.deliver(std::move(whole));
  }
};

/// The parent knows a sub-supervisor's restarts and errors, it itself all the rest.
void graft(mesh::tree& part, const mesh::tree& subtree) {
  if (subtree.nodes.empty())
    return;
  part.nodes.front().policy += "; " + subtree.nodes.front().policy;
  for (size_t i = 1; i < subtree.nodes.size(); ++i) {
    part.nodes.push_back(subtree.nodes[i]);
    ++part.nodes.back().depth;
  }
}

} // namespace

tree_node supervisor_state::own_line() const {
  tree_node line;
  line.name = config_.name;
  line.state = plan_->ending() ? (plan_->escalated() ? "failed" : "stopped") : "running";
  line.policy = std::string{to_string(config_.strategy)} + ", " + std::to_string(config_.intensity.max_restarts)
                + " restarts in " + std::to_string(config_.intensity.window.count() / 1000) + " s";
  line.uptime = std::chrono::duration_cast<milliseconds>(now() - since_);
  return line;
}

std::string_view supervisor_state::state_of(size_t child) const {
  switch (plan_->phase(child)) {
  case child_phase::pending:
    return "restarting";
  case child_phase::starting:
  case child_phase::running:
    return "running";
  case child_phase::stopping:
    return plan_->ending() ? "stopped" : "restarting";
  case child_phase::off:
    return children_[child].last_error.empty() ? "stopped" : "failed";
  }
  return "failed";
}

tree_node supervisor_state::line_of(size_t child) const {
  auto& record = children_[child];
  tree_node line;
  line.name = config_.children[child].name;
  line.state = state_of(child);
  line.policy = to_string(config_.children[child].kind);
  line.restarts = plan_->restarts(child);
  if (record.present)
    line.uptime = std::chrono::duration_cast<milliseconds>(now() - record.since);
  line.last_error = record.last_error;
  line.depth = 1;
  return line;
}

caf::result<mesh::tree> supervisor_state::collect_tree() {
  auto work = std::make_shared<collection>();
  work->promise = self_->make_response_promise<caf::typed_response_promise<mesh::tree>>();
  work->parts.push_back({{own_line()}});
  for (size_t i = 0; i < children_.size(); ++i) {
    work->parts.push_back({{line_of(i)}});
    if (!config_.children[i].is_supervisor || !children_[i].present)
      continue;
    ++work->missing;
    auto received = [work, at = i + 1](const mesh::tree* subtree) {
      if (subtree)
        graft(work->parts[at], *subtree);
      if (--work->missing == 0)
        work->deliver();
    };
    self_->request(children_[i].present, subtree_timeout, mesh::get_tree{})
      .then([received](const mesh::tree& subtree) { received(&subtree); },
            [received](const caf::error&) { received(nullptr); });
  }
  if (work->missing == 0)
    work->deliver();
  return work->promise;
}

} // namespace troupe::supervision
