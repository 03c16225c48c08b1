#pragma once

#include "protocol/model/result.hpp"
#include "protocol/model/time.hpp"
#include "protocol/ports/root_threads.hpp"

#include <functional>
#include <future>
#include <memory>
#include <system_error>
#include <thread>

namespace troupe::work {

/// What `ask` answers, or `late` if it has not within the limit: then it goes on by itself, on a thread for which
/// nobody waits, so it may hold nothing that its node needs back. For calls that a mount can keep for ever. Blocks for
/// the limit at most; errc::unavailable when there is no thread to be had.
template <class T>
result<T> in_time(milliseconds limit, std::function<result<T>()> ask, error late) {
  auto answered = std::make_shared<std::promise<result<T>>>();
  auto answer = answered->get_future();
  try {
    std::thread{[answered, ask = std::move(ask)] { answered->set_value(ask()); }}.detach();
  } catch (const std::system_error& e) {
    return {errc::unavailable, std::string{"no thread can be started: "} + e.what()};
  }
  if (answer.wait_for(limit) != std::future_status::ready)
    return late;
  return answer.get();
}

/// The same on one of the root's threads, so that what hangs there is no more than these.
template <class T>
result<T> in_time(ports::root_threads& disks, const std::string& root, milliseconds limit,
                  std::function<result<T>()> ask, error late) {
  auto answered = std::make_shared<std::promise<result<T>>>();
  auto answer = answered->get_future();
  TROUPE_TRY(disks.begin(root, [answered, ask = std::move(ask)] { answered->set_value(ask()); }));
  answered.reset();
  if (answer.wait_for(limit) != std::future_status::ready)
    return late;
  try {
    return answer.get();
  } catch (const std::future_error&) {
    // It was dropped: the node is being stopped.
    return late;
  }
}

} // namespace troupe::work
