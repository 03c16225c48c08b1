#include "net/key_value.hpp"

#include "net/redis_connection.hpp"

#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <deque>
#include <mutex>
#include <random>
#include <thread>

namespace troupe::net {

namespace {

using steady = std::chrono::steady_clock;
using time_point = steady::time_point;

/// Told of the reply, or why there is none. Never with an error reply.
using reply_function = std::function<void(result<redis_reply>)>;

struct call {
  std::string bytes;
  time_point deadline;
  reply_function done;
};

troupe::error unavailable(std::string what) {
  return {errc::unavailable, std::move(what)};
}

/// Redis's own words may quote a command: only the code at their start is passed on.
troupe::error refused(const redisReply& x) {
  std::string_view text{x.str, x.len};
  auto code = std::string{text.substr(0, text.find(' '))};
  if (code == "WRONGPASS" || code == "NOAUTH" || code == "NOPERM" || text.find("AUTH") != std::string_view::npos)
    return unavailable("Redis refuses the user or password (" + code + "); check redis.url");
  return unavailable("Redis refused a command (" + code + ")");
}

class redis_client final : public ports::key_value {
public:
  explicit redis_client(redis_options options) :
    options_(std::move(options)), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), random_(std::random_device{}()),
    thread_([this] { run(); }) {
  }

  ~redis_client() override {
    {
      std::lock_guard guard{mutex_};
      stopping_ = true;
    }
    wake();
    thread_.join();
  }

  void get(std::string key, std::function<void(result<std::optional<std::string>>)> done) override {
    submit({"GET", key}, [done = std::move(done)](result<redis_reply> x) {
      if (!x)
        done(std::move(x).error());
      else if ((*x)->type == REDIS_REPLY_NIL)
        done(std::optional<std::string>{});
      else if ((*x)->type == REDIS_REPLY_STRING)
        done(std::optional<std::string>{std::in_place, (*x)->str, (*x)->len});
      else
        done(troupe::error{errc::protocol, "Redis answered GET with another type"});
    });
  }

  void set(std::string key, std::string value, milliseconds ttl, std::function<void(result<void>)> done) override {
    auto life = std::to_string(std::max<int64_t>(1, ttl.count()));
    submit({"SET", key, value, "PX", life}, without_value(std::move(done)));
  }

  void erase(std::string key, std::function<void(result<void>)> done) override {
    submit({"DEL", key}, without_value(std::move(done)));
  }

  void publish(std::string channel, std::string message) override {
    submit({"PUBLISH", channel, message}, [](const result<redis_reply>&) {});
  }

  void ping(std::function<void(result<milliseconds>)> done) override {
    submit({"PING"}, [done = std::move(done), began = steady::now()](result<redis_reply> x) {
      if (!x)
        done(std::move(x).error());
      else
        done(std::chrono::duration_cast<milliseconds>(steady::now() - began));
    });
  }

  ports::key_value_stats stats() const override {
    std::lock_guard guard{mutex_};
    return {state_ == state::up, connects_ > 0 ? connects_ - 1 : 0};
  }

private:
  enum class state { down, connecting, greeting, up };

  static reply_function without_value(std::function<void(result<void>)> done) {
    return [done = std::move(done)](result<redis_reply> x) {
      if (x)
        done({});
      else
        done(std::move(x).error());
    };
  }

  // -- any thread

  void submit(const std::vector<std::string_view>& words, reply_function done) {
    auto bytes = format_redis_command(words);
    {
      std::lock_guard guard{mutex_};
      if (state_ != state::up) {
        refused_.emplace_back(std::move(done), unavailable(problem_));
      } else if (calls_ >= options_.max_calls || bytes_ + bytes.size() > options_.max_bytes) {
        refused_.emplace_back(std::move(done), unavailable("Redis is too slow: too many calls wait for it"));
      } else {
        ++calls_;
        bytes_ += bytes.size();
        queue_.push_back({std::move(bytes), steady::now() + options_.command_timeout, std::move(done)});
      }
    }
    wake();
  }

  void wake() {
    // Can only fail when a wake-up is pending already.
    (void)::eventfd_write(wake_.get(), 1);
  }

  // -- the thread

  void run() {
    while (!stopped()) {
      answer_refused();
      send_queued();
      step(wait());
    }
    drop(unavailable("Redis is not used any more: the program ends"));
    answer_refused();
  }

  bool stopped() {
    std::lock_guard guard{mutex_};
    return stopping_;
  }

  void enter(state next) {
    std::lock_guard guard{mutex_};
    state_ = next;
  }

  void answer_refused() {
    decltype(refused_) all;
    {
      std::lock_guard guard{mutex_};
      all.swap(refused_);
    }
    for (auto& [done, why] : all)
      done(std::move(why));
  }

  void send_queued() {
    std::deque<call> fresh;
    {
      std::lock_guard guard{mutex_};
      fresh.swap(queue_);
    }
    for (auto& x : fresh) {
      connection_->queue(x.bytes);
      in_flight_.push_back(std::move(x));
    }
  }

  /// Until when nothing has to be done unless a descriptor says so.
  time_point deadline() const {
    if (state_ == state::down)
      return retry_at_;
    if (state_ != state::up)
      return connect_by_;
    return in_flight_.empty() ? steady::now() + std::chrono::minutes{1} : in_flight_.front().deadline;
  }

  /// The events of the connection's descriptor.
  short wait() {
    if (connection_ && state_ != state::connecting && connection_->wants_write())
      if (auto x = connection_->flush(); !x) {
        lost(x.error());
        return 0;
      }
    pollfd fds[2] = {{wake_.get(), POLLIN, 0}, {connection_ ? connection_->fd() : -1, POLLIN, 0}};
    if (connection_ && (state_ == state::connecting || connection_->wants_write()))
      fds[1].events |= POLLOUT;
    auto left = std::chrono::ceil<milliseconds>(deadline() - steady::now()).count();
    ::poll(fds, 2, static_cast<int>(std::clamp<int64_t>(left, 0, 60'000)));
    eventfd_t count = 0;
    if (fds[0].revents)
      (void)::eventfd_read(wake_.get(), &count);
    return fds[1].revents;
  }

  void step(short events) {
    bool late = steady::now() >= deadline();
    switch (state_) {
    case state::down:
      if (late)
        connect();
      break;
    case state::connecting:
      if (events)
        greet();
      else if (late)
        lost(unavailable("Redis can't be reached: no answer in time"));
      break;
    default:
      if (events & (POLLIN | POLLERR | POLLHUP))
        read();
      else if (late)
        lost({errc::timeout, "Redis did not answer in time"});
    }
  }

  void connect() {
    connect_by_ = steady::now() + options_.connect_timeout;
    auto x = redis_connection::open(options_.address);
    if (!x) {
      lost(x.error());
      return;
    }
    connection_.emplace(std::move(*x));
    enter(state::connecting);
  }

  /// Credentials, database and a PING, whose answer makes it up.
  void greet() {
    if (auto x = connection_->connected(); !x) {
      lost(x.error());
      return;
    }
    enter(state::greeting);
    auto& a = options_.address;
    auto database = std::to_string(a.database);
    if (!a.user.empty())
      greet_with({"AUTH", a.user, a.password}, false);
    else if (!a.password.empty())
      greet_with({"AUTH", a.password}, false);
    if (a.database != 0)
      greet_with({"SELECT", database}, false);
    greet_with({"PING"}, true);
  }

  void greet_with(const std::vector<std::string_view>& words, bool is_last) {
    auto bytes = format_redis_command(words);
    connection_->queue(bytes);
    in_flight_.push_back({{}, connect_by_, [this, is_last](result<redis_reply> x) {
                            if (!x)
                              greeting_problem_ = greeting_problem_ ? greeting_problem_ : std::move(x).error();
                            else if (is_last && !greeting_problem_)
                              up();
                          }});
  }

  void up() {
    backoff_ = milliseconds{0};
    std::lock_guard guard{mutex_};
    ++connects_;
    state_ = state::up;
  }

  void read() {
    // What came before the end of a connection still counts.
    auto received = connection_->receive();
    while (connection_) {
      auto reply = connection_->next_reply();
      if (!reply) {
        lost(reply.error());
        return;
      }
      if (!*reply)
        break;
      answer(std::move(*reply));
    }
    if (!connection_)
      return;
    if (greeting_problem_)
      lost(*std::exchange(greeting_problem_, std::nullopt));
    else if (!received)
      lost(received.error());
  }

  void answer(redis_reply reply) {
    if (in_flight_.empty()) {
      lost({errc::protocol, "Redis answered more than it was asked"});
      return;
    }
    auto x = std::move(in_flight_.front());
    in_flight_.pop_front();
    settle(x);
    if (reply->type == REDIS_REPLY_ERROR)
      x.done(refused(*reply));
    else
      x.done(std::move(reply));
  }

  /// Takes a call off the bounds; those of the greeting are not counted.
  void settle(const call& x) {
    if (x.bytes.empty())
      return;
    std::lock_guard guard{mutex_};
    --calls_;
    bytes_ -= x.bytes.size();
  }

  /// The connection is of no more use: everybody is told, and it is tried again later.
  void lost(const troupe::error& why) {
    drop(why);
    backoff_ = std::clamp(backoff_ * 2, options_.first_backoff, options_.last_backoff);
    auto jitter = std::uniform_int_distribution<int64_t>{0, backoff_.count() / 2}(random_);
    retry_at_ = steady::now() + backoff_ - milliseconds{jitter};
  }

  void drop(const troupe::error& why) {
    connection_.reset();
    std::deque<call> all;
    {
      std::lock_guard guard{mutex_};
      state_ = state::down;
      problem_ = why.message;
      all.swap(queue_);
    }
    std::move(all.begin(), all.end(), std::back_inserter(in_flight_));
    for (auto& x : std::exchange(in_flight_, {})) {
      settle(x);
      x.done(why);
    }
    greeting_problem_.reset();
  }

  const redis_options options_;
  unique_fd wake_;
  std::minstd_rand random_;
  mutable std::mutex mutex_;
  bool stopping_ = false;
  /// Written by the thread under the mutex, so that it may read it without.
  state state_ = state::down;
  std::string problem_ = "Redis is not connected yet";
  uint64_t connects_ = 0;
  std::deque<call> queue_;
  std::vector<std::pair<reply_function, troupe::error>> refused_;
  size_t calls_ = 0;
  size_t bytes_ = 0;
  // The thread's own.
  std::optional<redis_connection> connection_;
  /// In the order of their answers.
  std::deque<call> in_flight_;
  std::optional<troupe::error> greeting_problem_;
  milliseconds backoff_{0};
  time_point connect_by_;
  time_point retry_at_;
  /// Last: it starts when all the rest is there.
  std::thread thread_;
};

} // namespace

std::unique_ptr<ports::key_value> make_redis(redis_options options) {
  return std::make_unique<redis_client>(std::move(options));
}

} // namespace troupe::net
