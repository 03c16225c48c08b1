#include "net/peer_files.hpp"

#include "net/peer_fetch.hpp"
#include "net/peer_push.hpp"

namespace troupe::net {

namespace {

/// Enough for the ranges that a node fetches at once.
constexpr long kept_connections = 64;
/// Requests to one node: fewer than the connections that its file server takes of one caller, and of one address those
/// that have not asked for anything yet (file_server_options). One more would be refused, or end another one.
constexpr size_t most_at_once = 60;

class curl_peer_files final : public ports::peer_files {
public:
  curl_peer_files(peer_papers papers, const clock& time) :
    papers_(std::move(papers)), clock_(&time), loop_(time, {kept_connections, most_at_once}) {
  }

  std::shared_ptr<ports::transfer> fetch(ports::range_fetch what, std::function<void(uint64_t)> moved,
                                         std::function<void(fetched)> done) override {
    return loop_.start(
      std::make_shared<peer_fetch>(std::move(what), std::move(moved), std::move(done), papers_, *clock_));
  }

  std::shared_ptr<ports::transfer> push(ports::file_push what, std::function<void(uint64_t)> moved,
                                        std::function<void(result<void>)> done) override {
    return loop_.start(
      std::make_shared<peer_push>(std::move(what), std::move(moved), std::move(done), papers_, *clock_));
  }

  std::shared_ptr<ports::transfer> publish_folder(std::string url, std::function<void(result<void>)> done) override {
    return loop_.start(std::make_shared<peer_publish>(std::move(url), std::move(done), papers_, *clock_));
  }

private:
  /// Outlives the loop, whose requests refer to it.
  const peer_papers papers_;
  const clock* clock_;
  curl_loop loop_;
};

} // namespace

std::unique_ptr<ports::peer_files> make_peer_files(peer_papers papers, const clock& time) {
  return std::make_unique<curl_peer_files>(std::move(papers), time);
}

} // namespace troupe::net
