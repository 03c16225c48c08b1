#pragma once

// The JSON messages that WebSocket clients send and get (contract.md, "Live events").

#include "protocol/model/event.hpp"
#include "protocol/ports/backend.hpp"

namespace troupe::net {

std::string established_message();
std::string subscribed_message(const event_position& position);
/// Empty topic: about the message itself.
std::string error_message(std::string_view topic, const error& why);

/// What the protocol needs of its session; on the session's thread.
class live_peer {
public:
  virtual ~live_peer() = default;
  virtual void send_text(const std::string& text) = 0;
  virtual void subscribe(event_position since) = 0;
  virtual void unsubscribe(const std::string& topic) = 0;
  virtual size_t topics() = 0;
  virtual size_t max_topics() = 0;
  virtual ports::backend& backend() = 0;
  /// Runs a task on the session's thread while the session is there. The function itself may be called on any thread
  /// and outlive the session.
  virtual std::function<void(std::function<void()>)> poster() = 0;
};

class live_protocol {
public:
  explicit live_protocol(live_peer& peer) : peer_(peer) {
  }
  void handle(std::string_view message);

private:
  void fail(std::string_view topic, errc code, std::string message);
  void subscribe(std::string topic, std::string_view since);
  void answer_job(std::string_view id_text, bool cancel);

  live_peer& peer_;
};

} // namespace troupe::net
