#define CAF_SUITE net.hung_disks

// A root whose disk does not answer, beside others that do.

#include "tests/unit/net/peer_fixture.hpp"

#include "net/digest.hpp"
#include "tests/support/raw_http.hpp"

#include <sys/stat.h>

#include <atomic>
#include <deque>

using namespace troupe;
using namespace troupe::test;

namespace {

using steady = std::chrono::steady_clock;

/// A node with a library that hangs as a mount does: in the kernel. Opening a FIFO waits for who writes.
struct fixture {
  file_node node;
  std::string fifo = node.folder / "hung.fifo";
  std::shared_ptr<std::atomic<bool>> well = std::make_shared<std::atomic<bool>>(false);
  std::string text = random_text(300'000);

  fixture() {
    CAF_REQUIRE_EQUAL(::mkfifo(fifo.c_str(), 0600), 0);
    put_file(node.folder / "film", text);
    node.options.disk_deadline = milliseconds{500};
    host::root_threads_options how;
    how.patience = milliseconds{1'500};
    how.most_waiting = 10;
    node.threads = std::make_shared<host::root_threads>(how);
    node.find = [this](const file_ticket& x) -> net::file_opener {
      if (x.root == "data")
        return [disk = node.disk, path = node.folder / x.path] { return disk->open_source(path); };
      return [path = fifo, well = well]() -> result<ports::opened_file> {
        unique_fd fd{*well ? -1 : ::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
        return {errc::not_found, "it was well after all"};
      };
    };
    node.start();
  }
  ~fixture() {
    get_well();
  }

  /// Whoever waits in the kernel comes back.
  void get_well() const {
    *well = true;
    for (int i = 0; i < 200; ++i) {
      unique_fd fd{::open(fifo.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC)};
      if (fd)
        std::this_thread::sleep_for(milliseconds{20});
      else if (i > 20)
        return;
      else
        std::this_thread::sleep_for(milliseconds{5});
    }
  }
  std::string hung_request() {
    auto x = node.ticket(file_action::read, "film");
    x.root = "library:01hf0000000000000000000009";
    return "GET " + node.path(x) + " HTTP/1.1\r\nHost: a\r\n\r\n";
  }
  std::string good_request() {
    return "HEAD " + node.path(node.ticket(file_action::read, "film")) + " HTTP/1.1\r\nHost: a\r\n\r\n";
  }
  int good_status() {
    raw_client client{node.port};
    client.send(good_request());
    auto answer = client.read(true);
    return answer ? answer->status : 0;
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(hung_disk_tests, fixture)

CAF_TEST(what else is served goes on and who waits is told) {
  std::deque<raw_client> waiting;
  for (int i = 0; i < 30; ++i) {
    waiting.emplace_back(node.port);
    waiting.back().send(hung_request());
  }
  const auto begin = steady::now();
  for (int i = 0; i < 10; ++i)
    CAF_CHECK_EQUAL(good_status(), 200);
  CAF_CHECK(steady::now() - begin < std::chrono::seconds{3});
  for (auto& x : waiting) {
    auto answer = x.read();
    CAF_REQUIRE(answer.has_value());
    CAF_CHECK_EQUAL(answer->status, 503);
    CAF_CHECK_EQUAL(answer->header("retry-after"), "5");
    CAF_CHECK_EQUAL(answer->header("error-code"), "unavailable");
    CAF_CHECK(answer->body.find("this node can't use library:01hf0000000000000000000009 at present: ")
              != std::string::npos);
  }
  // Two of the library, two of the data folder, whatever is asked for.
  CAF_CHECK_LESS_OR_EQUAL(node.threads->count(), 4u);
  // Known to hang: nobody is kept waiting for it.
  std::this_thread::sleep_for(milliseconds{1'500});
  const auto again = steady::now();
  for (int i = 0; i < 20; ++i) {
    auto answer = raw_client{node.port}.ask(hung_request());
    CAF_REQUIRE(answer.has_value());
    CAF_CHECK_EQUAL(answer->status, 503);
    CAF_CHECK(answer->body.find("has not answered for 1 s") != std::string::npos);
  }
  CAF_CHECK(steady::now() - again < std::chrono::seconds{3});
  CAF_CHECK_EQUAL(good_status(), 200);
  // And when it is well, it is served.
  get_well();
  CAF_CHECK(soon([&] {
    auto answer = raw_client{node.port}.ask(hung_request());
    return answer && answer->status == 404;
  }));
}

CAF_TEST(no ticket no disk) {
  std::deque<raw_client> waiting;
  for (int i = 0; i < 30; ++i) {
    waiting.emplace_back(node.port);
    waiting.back().send("GET /files/forged.ticket HTTP/1.1\r\nHost: a\r\n\r\n");
  }
  for (auto& x : waiting)
    CAF_CHECK_EQUAL(x.read()->status, 403);
  CAF_CHECK_EQUAL(node.threads->count(), 0u);
}

CAF_TEST(the server stops while a disk hangs and what comes back later harms nobody) {
  std::deque<raw_client> waiting;
  for (int i = 0; i < 5; ++i) {
    waiting.emplace_back(node.port);
    waiting.back().send(hung_request());
  }
  CAF_REQUIRE(soon([&] { return node.threads->count() == 2; }));
  const auto begin = steady::now();
  node.server.reset();
  node.threads.reset();
  CAF_CHECK(steady::now() - begin < std::chrono::seconds{3});
  get_well();
}

CAF_TEST_FIXTURE_SCOPE_END()

namespace {

/// A node's threads, of which some do nothing: what is done with whole files is kept, or everything new is refused.
class slow_threads final : public ports::root_threads {
public:
  std::atomic<bool> refuses{false};
  std::atomic<int> further_steps{0};

  result<void> begin(const std::string& root, std::function<void()> task) override {
    if (refuses)
      return {errc::unavailable, "its disk has not answered for 10 s"};
    return inner_.begin(root, std::move(task));
  }
  result<void> go_on(const std::string& root, std::function<void()> task) override {
    ++further_steps;
    if (!root.ends_with("(whole files)"))
      return inner_.go_on(root, std::move(task));
    std::lock_guard guard{mutex_};
    kept_.push_back(std::move(task));
    return {};
  }
  /// They come back from the disk at last.
  void go_on() {
    std::unique_lock lock{mutex_};
    auto all = std::exchange(kept_, {});
    lock.unlock();
    for (auto& x : all)
      x();
  }

private:
  std::mutex mutex_;
  std::vector<std::function<void()>> kept_;
  host::root_threads inner_;
};

struct slow_fixture {
  file_node node;
  std::shared_ptr<slow_threads> threads = std::make_shared<slow_threads>();
  std::string text = random_text(100'000);

  slow_fixture() {
    put_file(node.folder / "film", text);
    node.options.whole_file_deadline = milliseconds{300};
    node.options.still_at_work = milliseconds{100};
    node.server = std::make_unique<net::file_server>(node.options, node.hooks(), node.disk, threads);
    auto started = node.server->start();
    CAF_REQUIRE(started.has_value());
    node.port = *started;
  }
  std::string writing(const std::string& name) {
    return node.path(node.ticket(file_action::write, name)) + " HTTP/1.1\r\nHost: a\r\n";
  }
  int status(const std::string& request, bool head_only) const {
    raw_client client{node.port};
    client.send(request);
    auto answer = client.read(head_only);
    return answer ? answer->status : 0;
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(slow_disk_tests, slow_fixture)

CAF_TEST(a file that is still checked when its client is told so is let go of by nobody else) {
  net::sha256 hash;
  hash.add(text);
  {
    raw_client client{node.port};
    client.send("PATCH " + writing("out") + "Upload-Offset: 0\r\nUpload-Complete: ?1\r\nRepr-Digest: " + hash.field()
                + "\r\nContent-Length: " + std::to_string(text.size()) + "\r\n\r\n" + text);
    auto told = client.read_until("not done with the file after");
    CAF_REQUIRE(told.find("HTTP/1.1 503 ") != std::string::npos);
    CAF_CHECK(told.find("Retry-After: 5\r\n") != std::string::npos);
  }
  CAF_CHECK_EQUAL(status("HEAD " + writing("out") + "\r\n", true), 423);
  CAF_CHECK(!fs::exists(node.folder / "out"));
  threads->go_on();
  CAF_CHECK(soon([&] { return content_of(node.folder / "out") == text; }));
  CAF_CHECK(soon([&] { return status("HEAD " + writing("out") + "\r\n", true) == 204; }));
}

CAF_TEST(who is refused leaves nothing for a root that hangs) {
  threads->refuses = true;
  auto reading = node.path(node.ticket(file_action::read, "film")) + " HTTP/1.1\r\nHost: a\r\n\r\n";
  for (int i = 0; i < 5; ++i) {
    CAF_CHECK_EQUAL(status("GET " + reading, false), 503);
    CAF_CHECK_EQUAL(status("HEAD " + writing("out") + "\r\n", true), 503);
    CAF_CHECK_EQUAL(status("PATCH " + writing("out") + "Upload-Offset: 0\r\nContent-Length: 0\r\n\r\n", false), 503);
  }
  node.server->stop();
  CAF_CHECK_EQUAL(threads->further_steps.load(), 0);
}

CAF_TEST_FIXTURE_SCOPE_END()
