#include "net/live_session.hpp"

#include "net/live_protocol.hpp"
#include "net/live_socket.hpp"
#include "net/websocket_frame.hpp"

namespace troupe::net {

namespace {

/// A WebSocket client: frames in, frames out. What the messages mean is live_protocol's.
class websocket_session final : public live_socket, private ws::reader::handler, private live_peer {
public:
  websocket_session(std::shared_ptr<core> shared, std::shared_ptr<io_thread> thread, tcp::socket socket) :
    live_socket(shared, std::move(thread), std::move(socket), outbox::transport::websocket),
    reader_(shared->config.max_live_message_bytes), protocol_(*this) {
  }

  void drain() override {
    close(ws::close_code::going_away, "the server is stopping");
  }
  void on_subscribed(const event_position& position) override {
    send_text(subscribed_message(position));
  }
  void on_subscribe_failed(const std::string& topic, const error& why) override {
    send_text(error_message(topic, why));
  }
  void on_topic_end(const std::string&) override {
  }

private:
  void on_start() override {
    send_text(established_message());
  }
  void on_bytes(std::string_view data) override {
    silent_rounds_ = 0;
    reader_.feed(data, *this);
  }
  void on_silence() override {
    if (++silent_rounds_ > 2)
      return abort();
    send(ws::frame(ws::opcode::ping, {}));
  }
  void on_overflow() override {
    close(ws::close_code::try_again_later, "too slow, resume with since");
  }

  void on_text(std::string_view message) override {
    protocol_.handle(message);
  }
  void on_ping(std::string_view payload) override {
    send(ws::frame(ws::opcode::pong, payload));
  }
  void on_pong() override {
  }
  void on_close(uint16_t code) override {
    close(code == 1005 ? ws::close_code::normal : code, {});
  }
  void on_violation(uint16_t code, std::string_view reason) override {
    close(code, reason);
  }
  void close(uint16_t code, std::string_view reason) {
    if (finishing())
      return;
    send(ws::close_frame(code, reason));
    finish();
  }

  void send_text(const std::string& text) override {
    send(ws::text_frame(text));
  }
  void subscribe(event_position since) override {
    live().subscribe(*this, std::move(since));
  }
  void unsubscribe(const std::string& topic) override {
    live().unsubscribe(*this, topic);
  }
  size_t topics() override {
    return live().topics_of(*this);
  }
  size_t max_topics() override {
    return shared().config.max_live_topics;
  }
  ports::backend& backend() override {
    return shared().app.backend;
  }
  std::function<void(std::function<void()>)> poster() override {
    auto weak = weak_from_this();
    return [weak](std::function<void()> task) {
      auto self = std::static_pointer_cast<websocket_session>(weak.lock());
      if (!self)
        return;
      auto run = [raw = self.get(), task = std::move(task)] {
        task();
        raw->flush();
      };
      self->post(std::move(run));
    };
  }

  ws::reader reader_;
  live_protocol protocol_;
  int silent_rounds_ = 0;
};

/// Server-sent events (WHATWG HTML, 9.2). Ends when all of its topics have.
class sse_session final : public live_socket {
public:
  sse_session(std::shared_ptr<core> shared, std::shared_ptr<io_thread> thread, tcp::socket socket, stream_start what) :
    live_socket(std::move(shared), std::move(thread), std::move(socket), outbox::transport::sse),
    what_(std::move(what)), open_topics_(what_.topics.size()) {
  }

  void drain() override {
    finish();
  }
  void on_subscribed(const event_position&) override {
  }
  void on_subscribe_failed(const std::string& topic, const error& why) override {
    send("event: error\ndata: " + error_message(topic, why) + "\n\n");
    on_topic_end(topic);
  }
  void on_topic_end(const std::string&) override {
    if (--open_topics_ == 0)
      finish();
  }

private:
  void on_start() override {
    send("retry: 2000\n\n");
    // A topic that fails or ends at once may end the session while they are gone through.
    auto topics = what_.topics;
    for (auto& topic : topics)
      if (auto since = parse_position(topic, what_.since))
        live().subscribe(*this, *std::move(since));
  }
  void on_bytes(std::string_view) override {
  }
  void on_silence() override {
    send(": \n\n");
  }
  void on_overflow() override {
    // The client reconnects with Last-Event-ID.
    finish();
  }

  stream_start what_;
  size_t open_topics_;
};

} // namespace

void start_live_session(std::shared_ptr<core> shared, std::shared_ptr<io_thread> thread, tcp::socket socket,
                        stream_start what, std::string rest) {
  std::shared_ptr<live_socket> session;
  if (what.kind == stream_kind::websocket)
    session = std::make_shared<websocket_session>(std::move(shared), std::move(thread), std::move(socket));
  else
    session = std::make_shared<sse_session>(std::move(shared), std::move(thread), std::move(socket), std::move(what));
  session->start(std::move(rest));
}

} // namespace troupe::net
