#include "media/byte_requests.hpp"

#include "media/faults.hpp"

#include <algorithm>
#include <chrono>

namespace troupe::media {

namespace {

/// An operation over its processor time is cancelled by a signal handler, which can wake nobody.
constexpr std::chrono::milliseconds longest_sleep{250};

} // namespace

void byte_requests::begin(uint64_t operation, uint64_t size) {
  std::lock_guard lock(mutex_);
  operation_ = operation;
  size_ = size;
  known_.clear();
  refusal_.reset();
}

result<size_t> byte_requests::provide(uint64_t offset, size_t wanted) {
  std::unique_lock lock(mutex_);
  if (offset >= size_ || wanted == 0)
    return size_t{0};
  if (known_.around(offset).end == offset) {
    // Up to what is here behind it.
    const auto gap = known_.missing({offset, offset + std::min<uint64_t>(wanted, size_ - offset)}).front();
    const exec::need_request asked{++last_id_, offset, gap.end - offset};
    if (!refusal_) {
      wanted_.emplace(asked.id, asked);
      lock.unlock();
      channel_.send(exec::frame_type::need, operation_, exec::encode(asked));
      lock.lock();
      while (!cancelled_ && !refusal_ && wanted_.contains(asked.id))
        changed_.wait_for(lock, longest_sleep);
      wanted_.erase(asked.id);
    }
    if (cancelled_)
      return cancelled_error();
    if (refusal_)
      return {refusal_->code, refusal_->message};
  }
  return static_cast<size_t>(std::min<uint64_t>(wanted, known_.around(offset).end - offset));
}

void byte_requests::expect(const std::vector<byte_span>& coming) {
  std::unique_lock lock(mutex_);
  const auto operation = operation_;
  lock.unlock();
  channel_.send(exec::frame_type::coming, operation, exec::encode(exec::coming_notice{coming}));
}

std::optional<exec::failure> byte_requests::refusal() const {
  std::lock_guard lock(mutex_);
  return refusal_;
}

bool byte_requests::answers(const exec::need_request& asked, const exec::have_answer& answer) const noexcept {
  return answer.length <= size_ && answer.offset <= asked.offset && answer.offset <= size_ - answer.length
         && answer.offset + answer.length >= asked.offset + asked.length;
}

result<void> byte_requests::have(const received_frame& got) {
  auto answer = exec::decode_have_answer(got.frame.body);
  if (!answer)
    return answer.error();
  if (!got.descriptors.empty())
    return {errc::protocol, "the worker sent descriptors with bytes of a source"};
  std::lock_guard lock(mutex_);
  auto found = wanted_.find(answer->id);
  if (found == wanted_.end())
    return {};
  if (answer->refusal)
    refusal_ = std::move(answer->refusal);
  else if (answers(found->second, *answer))
    known_.add({answer->offset, answer->offset + answer->length});
  else
    return {errc::protocol, "the worker answered for other bytes of a source than it was asked for"};
  wanted_.erase(found);
  changed_.notify_all();
  return {};
}

void byte_requests::wake() {
  std::lock_guard lock(mutex_);
  changed_.notify_all();
}

} // namespace troupe::media
