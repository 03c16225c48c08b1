#pragma once

// What a handler works with: the request, the services, and the one answer it owes.

#include "net/message.hpp"
#include "net/server_config.hpp"

#include "protocol/ports/backend.hpp"

#include <functional>

namespace troupe::net {

class metrics;
class file_cache;
class live_hub;
class write_turns;
struct route;
class ticket;

/// The request's trace context: its own when it has exactly one that is valid, otherwise a new one.
std::string trace_context_of(const request& req);

/// What all handlers share; outlives every exchange.
struct services {
  ports::backend& backend;
  const server_config& config;
  metrics& stats;
  file_cache& files;
  live_hub& live;
  std::shared_ptr<write_turns> turns;
  /// True once drain() was called. Any thread.
  std::function<bool()> draining;
  /// Runs what blocks (files) on the file threads.
  std::function<void(std::function<void()>)> run_blocking;
};

/// One request and its answer. Lives on one I/O thread; elsewhere only its ticket may be used.
class exchange : public std::enable_shared_from_this<exchange> {
public:
  virtual ~exchange() = default;

  request req;
  const route* matched = nullptr;

  virtual services& app() noexcept = 0;
  /// Exactly once, on the exchange's thread. A second answer is ignored.
  virtual void answer(response what) = 0;
  /// For what answers later, from elsewhere. On the exchange's thread.
  ticket hold();

  void answer_error(const error& what) {
    answer(error_response(req, what));
  }

  /// For calls of the backend: request id, trace context, and the Idempotency-Key prefixed with the route.
  ports::request_context context() const;

protected:
  friend class ticket;
  /// Which of the connection's requests this is.
  virtual uint64_t generation() const noexcept = 0;
  /// Runs `task` on the exchange's thread, or never when that request is over. Any thread.
  virtual void post(uint64_t generation, std::function<void()> task) = 0;
};

/// One request, held while its answer is made elsewhere. An exchange serves one request after another: the ticket keeps
/// a late answer from going to the next one. Any thread may copy it and post; the exchange itself is for its thread.
class ticket {
public:
  explicit ticket(exchange& x) : exchange_(x.shared_from_this()), generation_(x.generation()) {
  }
  /// Runs `task` on the exchange's thread, or never when the request was given up in between.
  void post(std::function<void()> task) const {
    exchange_->post(generation_, std::move(task));
  }
  exchange& operator*() const noexcept {
    return *exchange_;
  }
  exchange* operator->() const noexcept {
    return exchange_.get();
  }

private:
  std::shared_ptr<exchange> exchange_;
  uint64_t generation_;
};

inline ticket exchange::hold() {
  return ticket{*this};
}

/// A completion for the backend which runs `handle(exchange&, result<T>)` on the exchange's thread. Errors are answered
/// here; `handle` gets the value only.
template <class T, class F>
ports::completion<T> then(exchange& x, F handle) {
  return [self = x.hold(), handle = std::move(handle)](result<T> outcome) {
    auto shared = std::make_shared<result<T>>(std::move(outcome));
    self.post([self, handle, shared] {
      if (!*shared)
        self->answer_error(shared->error());
      else if constexpr (std::is_void_v<T>)
        handle(*self);
      else
        handle(*self, std::move(**shared));
    });
  };
}

/// Takes a request body that is not kept in memory. Calls never overlap; write and finish run on a file thread, the
/// rest on the I/O thread. Destroyed without a finish (client gone, refused): leaves nothing behind.
class body_sink {
public:
  virtual ~body_sink() = default;
  virtual result<void> write(std::string_view piece) = 0;
  /// After the last byte: everything is on the disk when it returns.
  virtual result<void> finish() = 0;
  /// After a successful finish: answers.
  virtual void complete(exchange& x, std::unique_ptr<body_sink> self) = 0;
};

} // namespace troupe::net
