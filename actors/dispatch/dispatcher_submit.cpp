#include "actors/dispatch/dispatcher_parts.hpp"

#include <spdlog/spdlog.h>

#include <unordered_map>

namespace troupe::dispatch {

namespace {

using reply_type = caf::typed_response_promise<mesh::submitted>;
using receipts_ptr = std::shared_ptr<std::vector<submit_receipt>>;

/// Receipts of jobs that are archived: the queue knows that they ended, the history how.
void look_up_ends(dispatcher_ptr self, std::vector<size_t> left, receipts_ptr receipts, reply_type reply) {
  if (left.empty()) {
    reply.deliver(mesh::submitted{std::move(*receipts)});
    return;
  }
  auto at = left.back();
  left.pop_back();
  self->request(self->state.peers.history, history_timeout, mesh::get_job{(*receipts)[at].id})
    .then(
      [=](const mesh::job_with_children& x) mutable {
        (*receipts)[at].state = x.item.state;
        look_up_ends(self, std::move(left), receipts, reply);
      },
      [=](caf::error& e) mutable {
        // Submitted it is; how the old one ended is asked again by whoever needs it.
        spdlog::warn("dispatcher: how job {} ended can't be told: {}", (*receipts)[at].id.str(),
                     mesh::from_caf(e).message);
        look_up_ends(self, std::move(left), receipts, reply);
      });
}

void submit_now(dispatcher_ptr self, std::vector<job_spec> specs, const std::vector<job>& history, reply_type reply) {
  auto& st = self->state;
  if (!st.queue) {
    reply.deliver(mesh::to_caf(not_now(self->state)));
    return;
  }
  auto made = st.queue->submit(std::move(specs), history);
  if (!made) {
    reply.deliver(mesh::to_caf(made.error()));
    return;
  }
  auto receipts = std::make_shared<std::vector<submit_receipt>>(std::move(*made));
  std::vector<size_t> archived;
  for (size_t i = 0; i < receipts->size(); ++i)
    if ((*receipts)[i].existing && !st.queue->find((*receipts)[i].id))
      archived.push_back(i);
  when_committed(self, [self, receipts, archived = std::move(archived), reply](const error* err) mutable {
    if (err)
      reply.deliver(mesh::to_caf(*err));
    else
      look_up_ends(self, std::move(archived), receipts, reply);
  });
}

/// All or none: what is wrong with any of them refuses them together.
result<void> admit(const dispatcher_config& config, const job_queue& queue, std::vector<job_spec>& specs) {
  if (!config.admit)
    return {};
  error problems{errc::validation, {}};
  std::unordered_map<std::string_view, const job_spec*> of_this_call;
  auto open = [&](const std::string& key) -> std::optional<open_job> {
    if (auto* found = queue.find_unique(key))
      return open_job{found->id, found->spec.payload};
    auto i = of_this_call.find(key);
    return i == of_this_call.end() ? std::nullopt : std::optional{open_job{{}, i->second->payload}};
  };
  for (size_t i = 0; i < specs.size(); ++i) {
    auto admitted = config.admit(specs[i], open);
    if (admitted) {
      if (auto& key = specs[i].unique_key; !key.empty())
        of_this_call.emplace(key, &specs[i]);
      continue;
    }
    if (admitted.error().code != errc::validation)
      return admitted;
    problems.message += (problems.message.empty() ? "" : "; ") + admitted.error().message;
    auto prefix = specs.size() == 1 ? std::string{} : "jobs[" + std::to_string(i) + "].";
    for (auto& [field, reason] : admitted.error().fields)
      problems.fields.emplace_back(prefix + field, reason);
  }
  if (!problems.message.empty())
    return problems;
  return {};
}

} // namespace

caf::result<mesh::submitted> on_submit(dispatcher_ptr self, mesh::submit_jobs& x) {
  auto& st = self->state;
  if (!st.queue)
    return mesh::to_caf(not_now(self->state));
  if (auto admitted = admit(st.config, *st.queue, x.specs); !admitted)
    return mesh::to_caf(admitted.error());
  auto reply = self->make_response_promise<mesh::submitted>();
  auto unknown = st.queue->unknown_dependencies(x.specs);
  if (unknown.empty()) {
    submit_now(self, std::move(x.specs), {}, reply);
    return reply;
  }
  // One that exists nowhere is the submission's mistake, and the queue says so.
  auto specs = std::make_shared<std::vector<job_spec>>(std::move(x.specs));
  read_history(self, std::move(unknown), [=](result<std::vector<job>> found) mutable {
    if (found)
      submit_now(self, std::move(*specs), *found, reply);
    else
      reply.deliver(mesh::to_caf(found.error()));
  });
  return reply;
}

} // namespace troupe::dispatch
