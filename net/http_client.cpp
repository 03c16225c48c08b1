#include "net/http_client.hpp"

#include "net/http_transfer.hpp"

namespace troupe::net {

namespace {

class curl_client final : public ports::http_client {
public:
  explicit curl_client(const clock& time) : clock_(&time), loop_(time, {}) {
  }

  std::shared_ptr<ports::transfer> download(ports::http_download what,
                                            std::function<void(ports::transfer_progress)> progress,
                                            std::function<void(result<ports::http_response>)> done) override {
    return loop_.start(std::make_shared<http_transfer>(std::move(what), std::move(progress), std::move(done), *clock_));
  }

private:
  const clock* clock_;
  curl_loop loop_;
};

} // namespace

std::unique_ptr<ports::http_client> make_http_client(const clock& time) {
  return std::make_unique<curl_client>(time);
}

} // namespace troupe::net
