#include "media/output_requests.hpp"

#include "media/faults.hpp"

namespace troupe::media {

result<owned_fd> output_requests::create(uint64_t operation, const std::string& name) {
  if (!exec::valid_output_name(name))
    return {errc::protocol, "no output can be called \"" + name + "\""};
  std::unique_lock lock(mutex_);
  // Ids are never used again, so that a late answer to one operation can't be taken for another's.
  const auto id = ++last_id_;
  wanted_.emplace(id, std::nullopt);
  lock.unlock();
  channel_.send(exec::frame_type::open, operation, exec::encode(exec::open_request{id, name}));
  lock.lock();
  changed_.wait(lock, [&] { return cancelled_ || wanted_.at(id).has_value(); });
  auto answer = std::move(wanted_.extract(id).mapped());
  if (!answer)
    return cancelled_error();
  return std::move(*answer);
}

result<void> output_requests::opened(received_frame got) {
  auto answer = exec::decode_open_answer(got.frame.body);
  if (!answer)
    return answer.error();
  if (got.descriptors.size() != (answer->refusal ? 0u : 1u))
    return {errc::protocol,
            "the worker answered for an output with " + std::to_string(got.descriptors.size()) + " descriptors"};
  std::lock_guard lock(mutex_);
  auto found = wanted_.find(answer->id);
  if (found == wanted_.end())
    return {};
  if (answer->refusal)
    found->second.emplace(error{answer->refusal->code, answer->refusal->message});
  else
    found->second.emplace(std::move(got.descriptors.front()));
  changed_.notify_all();
  return {};
}

void output_requests::wake() {
  std::lock_guard lock(mutex_);
  changed_.notify_all();
}

} // namespace troupe::media
