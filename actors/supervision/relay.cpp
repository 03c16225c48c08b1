#include "actors/supervision/relay.hpp"

#include "actors/supervision/messages.hpp"

#include <algorithm>
#include <utility>

namespace troupe::supervision {

relay::relay(caf::actor_config& cfg, std::string child_name, relay_limits limits) :
  caf::monitorable_actor(cfg), child_name_(std::move(child_name)), limits_(limits) {
}

relay::~relay() = default;

const char* relay::name() const {
  return "relay";
}

void relay::enqueue(caf::mailbox_element_ptr what, caf::execution_unit* context) {
  if (what->content().match_elements<waiting_is_over>())
    return expire();
  if (what->mid.is_request() && pass_answer(what, context))
    return;
  // No question, but what would end an actor that has not asked: an answer too late, or from who means harm.
  if (what->content().match_elements<caf::error>())
    return;
  caf::strong_actor_ptr child;
  {
    std::lock_guard guard{lock_};
    if (state_ == state::connected) {
      if (what->mid.is_request())
        track(*what);
      child = child_;
    } else if (state_ == state::waiting && waiting_.size() < limits_.max_waiting
               && !what->content().match_elements<caf::exit_msg>()) {
      auto until = home_system().clock().now() + limits_.max_wait;
      waiting_.push_back({std::move(what), until});
      schedule_expiry(until);
      return;
    }
  }
  if (child)
    child->enqueue(std::move(what), context);
  else
    refuse(std::move(what));
}

bool relay::pass_answer(caf::mailbox_element_ptr& what, caf::execution_unit* context) {
  // A request that comes by a second time (the child delegated it to its own address) still has this relay ahead.
  auto self = ctrl();
  auto& ahead = what->stages;
  if (std::any_of(ahead.begin(), ahead.end(), [&](auto& stage) { return stage.get() == self; }))
    return false;
  {
    std::lock_guard guard{lock_};
    if (in_flight_.erase({what->sender.get(), what->mid.integer_value()}) == 0)
      return false;
  }
  if (!ahead.empty()) {
    auto next = std::move(ahead.back());
    ahead.pop_back();
    next->enqueue(std::move(what), context);
    return true;
  }
  auto receiver = std::move(what->sender);
  what->sender = caf::strong_actor_ptr{self};
  what->mid = what->mid.response_id();
  if (receiver)
    receiver->enqueue(std::move(what), context);
  return true;
}

void relay::track(caf::mailbox_element& what) {
  auto self = caf::strong_actor_ptr{ctrl()};
  auto again = std::any_of(what.stages.begin(), what.stages.end(), [&](auto& stage) { return stage == self; });
  if (again || in_flight_.size() >= limits_.max_in_flight)
    return;
  in_flight_.insert_or_assign(request_key{what.sender.get(), what.mid.integer_value()},
                              in_flight_request{what.sender, what.mid, what.stages, life_});
  what.stages.push_back(std::move(self));
}

void relay::connect(const caf::actor& child) {
  uint64_t life = 0;
  {
    std::lock_guard guard{lock_};
    if (getf(is_terminated_flag))
      return;
    life = ++life_;
    child_ = caf::actor_cast<caf::strong_actor_ptr>(child);
    state_ = state::connected;
    // Under the lock, so that nobody's later message overtakes an earlier one.
    for (auto& message : waiting_) {
      if (message.what->mid.is_request())
        track(*message.what);
      child_->enqueue(std::move(message.what), nullptr);
    }
    waiting_.clear();
  }
  // At once and in the thread that ends it: a DOWN would leave a long gap in which messages are lost. What comes
  // between the closing of the child's mailbox and this bounces all the same (caf::sec::request_receiver_down).
  child->attach_functor(
    [self = caf::strong_actor_ptr{ctrl()}, life] { static_cast<relay*>(self->get())->child_died(life); });
}

void relay::disconnect() {
  std::lock_guard guard{lock_};
  child_ = nullptr;
  if (state_ == state::connected)
    state_ = state::waiting;
}

void relay::child_died(uint64_t life) {
  std::vector<in_flight_request> lost;
  {
    std::lock_guard guard{lock_};
    if (life == life_ && state_ == state::connected) {
      state_ = state::waiting;
      child_ = nullptr;
    }
    for (auto it = in_flight_.begin(); it != in_flight_.end();) {
      if (it->second.life == life) {
        lost.push_back(std::move(it->second));
        it = in_flight_.erase(it);
      } else {
        ++it;
      }
    }
  }
  for (auto& request : lost)
    answer_unavailable(request.sender, request.id, std::move(request.stages));
}

void relay::retire() {
  std::deque<waiting_message> refused;
  {
    std::lock_guard guard{lock_};
    state_ = state::retired;
    child_ = nullptr;
    refused.swap(waiting_);
  }
  for (auto& message : refused)
    refuse(std::move(message.what));
}

void relay::close() {
  retire();
  cleanup(caf::exit_reason::user_shutdown, nullptr);
}

void relay::on_cleanup(const caf::error&) {
}

void relay::schedule_expiry(clock_time at) {
  if (std::exchange(expiry_scheduled_, true))
    return;
  home_system().clock().schedule_message(
    at, caf::strong_actor_ptr{ctrl()},
    caf::make_mailbox_element(nullptr, caf::make_message_id(), {}, waiting_is_over{}));
}

void relay::expire() {
  std::vector<caf::mailbox_element_ptr> over;
  {
    std::lock_guard guard{lock_};
    expiry_scheduled_ = false;
    auto now = home_system().clock().now();
    while (!waiting_.empty() && waiting_.front().until <= now) {
      over.push_back(std::move(waiting_.front().what));
      waiting_.pop_front();
    }
    if (!waiting_.empty())
      schedule_expiry(waiting_.front().until);
  }
  for (auto& message : over)
    refuse(std::move(message));
}

void relay::refuse(caf::mailbox_element_ptr what) {
  if (what->mid.is_request())
    answer_unavailable(what->sender, what->mid, std::move(what->stages));
}

void relay::answer_unavailable(const caf::strong_actor_ptr& sender, caf::message_id id,
                               caf::mailbox_element::forwarding_stack stages) {
  auto err = mesh::to_caf({errc::unavailable, child_name_ + " is restarting or has ended; try again in a moment"});
  if (!stages.empty()) {
    auto next = std::move(stages.back());
    stages.pop_back();
    next->enqueue(caf::make_mailbox_element(sender, id, std::move(stages), std::move(err)), nullptr);
  } else if (sender) {
    sender->enqueue(caf::make_mailbox_element(caf::strong_actor_ptr{ctrl()}, id.response_id(), {}, std::move(err)),
                    nullptr);
  }
}

} // namespace troupe::supervision
