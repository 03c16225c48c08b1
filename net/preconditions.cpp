#include "net/preconditions.hpp"

#include "net/validators.hpp"
#include "net/write_turns.hpp"

namespace troupe::net {

namespace {

/// A handler's stand-in for the connection: the same request and services, but its answer goes to `done`.
class inner_exchange final : public exchange {
public:
  using continuation = std::function<void(exchange&, response)>;

  inner_exchange(exchange& outer, continuation done) : outer_(outer.hold()), done_(std::move(done)) {
    req = outer.req;
    matched = outer.matched;
  }

  services& app() noexcept override {
    return outer_->app();
  }
  void answer(response what) override {
    if (auto done = std::exchange(done_, nullptr))
      done(*outer_, std::move(what));
  }

private:
  uint64_t generation() const noexcept override {
    return 0;
  }
  void post(uint64_t, std::function<void()> task) override {
    outer_.post([self = shared_from_this(), task = std::move(task)] { task(); });
  }

  ticket outer_;
  continuation done_;
};

/// `mine` ends with the answer, or when nobody is left who could give one.
void write(exchange& x, write_turns::turn mine) {
  auto inner =
    std::make_shared<inner_exchange>(x, [mine](exchange& outer, response what) { outer.answer(std::move(what)); });
  x.matched->write(*inner);
}

response precondition_failed(const request& req, std::string etag) {
  auto out = error_response(
    req, {errc::conflict, "it has changed since you read it: read it again, then send its new ETag in If-Match"});
  out.status = 412;
  out.etag = std::move(etag);
  return out;
}

void check(exchange& x, const std::string& wanted, write_turns::turn mine) {
  auto compare = [wanted, mine](exchange& outer, response now) {
    // Whatever keeps it from being read keeps it from being changed (13.2.1): the same answer.
    if (now.status != 200)
      return outer.answer(std::move(now));
    tag_answer(now);
    if (!if_match(wanted, now.etag))
      return outer.answer(precondition_failed(outer.req, std::move(now.etag)));
    write(outer, mine);
  };
  auto inner = std::make_shared<inner_exchange>(x, std::move(compare));
  x.matched->read(*inner);
}

void guarded(exchange& x) {
  auto wanted = x.req.header("if-match");
  auto run = [wanted = wanted ? std::optional<std::string>{*wanted} : std::nullopt](exchange& self,
                                                                                    write_turns::turn mine) {
    if (wanted)
      check(self, *wanted, std::move(mine));
    else
      write(self, std::move(mine));
  };
  x.app().turns->take(x.req.path, x, std::move(run));
}

bool is_write(verb method) noexcept {
  return method == verb::put || method == verb::post || method == verb::patch || method == verb::del;
}

bool is_read(const route& r) noexcept {
  return r.method == verb::get && !r.live && r.handle;
}

} // namespace

void guard_writes(std::vector<route>& routes) {
  for (auto& w : routes) {
    if (!is_write(w.method) || !w.handle || w.path.find('{') == std::string_view::npos)
      continue;
    for (auto& r : routes)
      if (is_read(r) && r.path == w.path) {
        w.read = r.handle;
        w.write = std::exchange(w.handle, guarded);
        w.parameters.push_back(
          {"If-Match", parameter::place::header, value_type::text, false, "ETag of what is to be changed", 0, 0, {}});
        w.answers.push_back({412, "It has changed since"});
        break;
      }
  }
}

} // namespace troupe::net
