#include "actors/library/job_intake.hpp"

#include <spdlog/spdlog.h>

namespace troupe::catalogue {

namespace {

using self_ptr = mesh::job_client::stateful_pointer<job_intake_state>;
using submission_ptr = std::shared_ptr<placed_submission>;

void pass_on(self_ptr self) {
  auto& st = self->state;
  while (!st.held.empty() && st.held.front()->left.empty()) {
    auto x = std::move(st.held.front());
    st.held.pop_front();
    x->reply.delegate(st.peers.jobs, std::move(x->what));
  }
}

/// One after the other, so that others who read the catalogue have their turn.
void look_up(self_ptr self, submission_ptr x) {
  auto& st = self->state;
  const auto now = system_clocks{}.mono();
  if (now >= x->until)
    x->left.clear();
  if (x->left.empty())
    return pass_on(self);
  const auto id = x->left.begin()->first;
  self->request(st.peers.catalogue, x->until - now, mesh::get_video{id})
    .then(
      [self, x, id](const video_detail& found) {
        for (auto i : x->left[id])
          work::place_by(self->state.config.policy, x->what.specs[i], found.item);
        x->left.erase(id);
        look_up(self, x);
      },
      [self, x, id](caf::error& e) {
        const auto why = mesh::from_caf(e);
        if (why.code != errc::not_found) {
          spdlog::warn("jobs: submitted without a word on where video {} is, for the catalogue did not tell: {}",
                       id.str(), why.message);
          x->left.clear();
        }
        x->left.erase(id);
        look_up(self, x);
      });
}

caf::result<mesh::submitted> on_submit(self_ptr self, mesh::submit_jobs& what) {
  auto& st = self->state;
  auto x = std::make_shared<placed_submission>();
  for (size_t i = 0; i < what.specs.size(); ++i)
    if (auto id = work::video_of(what.specs[i]))
      x->left[*id].push_back(i);
  if (x->left.empty() && st.held.empty())
    return self->delegate(st.peers.jobs, std::move(what));
  x->what = std::move(what);
  x->until = system_clocks{}.mono() + st.config.patience;
  x->reply = self->make_response_promise<mesh::submitted>();
  auto reply = x->reply;
  st.held.push_back(x);
  if (!x->left.empty())
    look_up(self, std::move(x));
  return reply;
}

} // namespace

mesh::job_client::behavior_type job_intake(self_ptr self, job_intake_config config, job_intake_peers peers) {
  self->state.config = std::move(config);
  self->state.peers = std::move(peers);
  return {
    [self](mesh::submit_jobs& x) { return on_submit(self, x); },
    [self](const mesh::act_on_job& x) { return self->delegate(self->state.peers.jobs, x); },
    [self](const mesh::get_job& x) { return self->delegate(self->state.peers.jobs, x); },
    [self](const mesh::explain_job& x) { return self->delegate(self->state.peers.jobs, x); },
  };
}

} // namespace troupe::catalogue
