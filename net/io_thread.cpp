#include "net/io_thread.hpp"

#include "net/headers.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>

namespace troupe::net {

namespace {

/// A quarter of the shortest deadline, so that none is missed by much; at most half a second.
steady::duration sweep_interval(const server_config& c) {
  auto shortest = std::min(
    {c.header_deadline, c.body_deadline, c.write_deadline, c.idle_deadline, c.linger_deadline, c.live_keepalive});
  return std::clamp(shortest / 4, milliseconds{10}, milliseconds{500});
}

/// For the loop to run out of work, once all its connections are gone.
constexpr milliseconds end_grace{500};

} // namespace

io_thread::io_thread(core& shared) :
  core_(shared), work_(asio::make_work_guard(context_)), sweep_timer_(context_),
  live_(
    shared.live, [this](std::function<void()> task) { asio::post(context_, std::move(task)); },
    [this](std::chrono::microseconds how_long) { gather(how_long); }),
  gather_timer_(context_) {
}

io_thread::~io_thread() {
  stop();
}

void io_thread::start() {
  core_.live.add(live_);
  thread_ = std::thread{[this, ended = std::move(ended_)]() mutable {
    context_.run();
    ended.set_value();
  }};
}

void io_thread::stop() {
  core_.live.remove(live_);
  if (!thread_.joinable())
    return;
  // What is on its way comes to its end: a coroutine that is never resumed would keep this object, and it the
  // coroutine.
  asio::post(context_, [this] {
    work_.reset();
    sweep_timer_.cancel();
    gather_timer_.cancel();
  });
  if (has_ended_.wait_for(end_grace) != std::future_status::ready)
    context_.stop();
  thread_.join();
}

void io_thread::add(peer& x) {
  x.slot_ = peers_.size();
  peers_.push_back(&x);
  arm_sweep();
}

void io_thread::remove(peer& x) {
  auto last = peers_.back();
  last->slot_ = x.slot_;
  peers_[x.slot_] = last;
  peers_.pop_back();
}

void io_thread::drain_all() {
  // A peer may leave the list while it is told.
  for (auto* x : std::vector<peer*>{peers_})
    if (std::find(peers_.begin(), peers_.end(), x) != peers_.end())
      x->drain();
}

void io_thread::abort_all() {
  for (auto* x : std::vector<peer*>{peers_})
    if (std::find(peers_.begin(), peers_.end(), x) != peers_.end())
      x->abort();
}

void io_thread::gather(std::chrono::microseconds how_long) {
  gather_timer_.expires_after(how_long);
  gather_timer_.async_wait([this](const boost::system::error_code& ec) {
    if (!ec)
      live_.deliver_gathered();
  });
}

void io_thread::arm_sweep() {
  // With nobody connected there is nothing to sweep: an idle server does not wake up.
  if (sweeping_ || peers_.empty())
    return;
  sweeping_ = true;
  sweep_timer_.expires_after(sweep_interval(core_.config));
  sweep_timer_.async_wait([this](const boost::system::error_code& ec) {
    sweeping_ = false;
    if (ec)
      return;
    sweep();
    arm_sweep();
  });
}

void io_thread::sweep() {
  auto now = steady::now();
  for (size_t i = peers_.size(); i-- > 0;) {
    if (i >= peers_.size() || peers_[i]->deadline > now)
      continue;
    auto* x = peers_[i];
    x->deadline = steady::time_point::max();
    x->on_deadline();
  }
}

const std::string& io_thread::date() {
  auto now = std::time(nullptr);
  if (now != date_of_) {
    date_of_ = now;
    date_ = http_date(now);
  }
  return date_;
}

} // namespace troupe::net
