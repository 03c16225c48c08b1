#define CAF_SUITE host.child_processes

#include "host/child_processes.hpp"

#include "tests/support/unit_test.hpp"

#include <caf/make_message.hpp>

#include <climits>
#include <condition_variable>
#include <csignal>
#include <fcntl.h>
#include <mutex>
#include <sys/mman.h>
#include <sys/resource.h>
#include <thread>

using namespace troupe;
using namespace std::chrono_literals;

namespace {

/// What one child said and how it ended. Shared with the callbacks, which may come after a test.
class witness {
  struct record {
    std::mutex mutex;
    std::condition_variable changed;
    std::vector<exec::frame> frames;
    ports::child_exit exit;
    int exits = 0;
  };
  std::shared_ptr<record> record_ = std::make_shared<record>();

public:
  ports::child_callbacks callbacks() {
    return {[r = record_](exec::frame x) {
              std::lock_guard guard{r->mutex};
              r->frames.push_back(std::move(x));
              r->changed.notify_all();
            },
            [r = record_](ports::child_exit x) {
              std::lock_guard guard{r->mutex};
              ++r->exits;
              r->exit = x;
              r->changed.notify_all();
            }};
  }
  bool wait_exit(std::chrono::milliseconds most = 20s) {
    std::unique_lock lock{record_->mutex};
    return record_->changed.wait_for(lock, most, [this] { return exits > 0; });
  }
  bool wait_frames(size_t n) {
    std::unique_lock lock{record_->mutex};
    return record_->changed.wait_for(lock, 20s, [&] { return frames.size() >= n; });
  }

  std::vector<exec::frame>& frames = record_->frames;
  ports::child_exit& exit = record_->exit;
  int& exits = record_->exits;
};

std::string child_program() {
  char self[PATH_MAX];
  auto n = ::readlink("/proc/self/exe", self, sizeof(self));
  std::string path{self, static_cast<size_t>(n)};
  return path.substr(0, path.rfind('/')) + "/host_test_child";
}

ports::child_spec spec(std::vector<std::string> arguments) {
  ports::child_spec out;
  out.program = child_program();
  out.arguments = std::move(arguments);
  return out;
}

struct fixture {
  fixture() {
    auto started = host::start_child_processes();
    CAF_REQUIRE(started.has_value());
    children = *started;
  }

  std::shared_ptr<ports::child> start(witness& w, std::vector<std::string> arguments) {
    auto child = children->spawn(spec(std::move(arguments)), w.callbacks());
    if (!child)
      CAF_FAIL(child.error().message);
    return *child;
  }

  std::shared_ptr<ports::child_processes> children;
};

unique_fd memory_file(std::string_view text) {
  unique_fd fd{::memfd_create("text", MFD_CLOEXEC)};
  CAF_REQUIRE_EQUAL(::write(fd.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  return fd;
}

bool exists(pid_t pid) {
  return ::kill(pid, 0) == 0;
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(child_process_tests, fixture)

CAF_TEST(frames of every size go there and back in order) {
  witness w;
  auto child = start(w, {"echo"});
  std::vector<size_t> sizes{0, 1, 15, 16, 17, 65535, 65536, 1'000'000, exec::max_body_bytes, 3};
  for (size_t i = 0; i < sizes.size(); ++i)
    CAF_REQUIRE(
      child->send({exec::frame_type::request, i, std::string(sizes[i], static_cast<char>('a' + i))}, {}).has_value());
  CAF_REQUIRE(w.wait_frames(sizes.size()));
  for (size_t i = 0; i < sizes.size(); ++i) {
    CAF_CHECK_EQUAL(w.frames[i].operation, i);
    CAF_CHECK(w.frames[i].body == std::string(sizes[i], static_cast<char>('a' + i)));
  }
  CAF_CHECK(child->send({exec::frame_type::shutdown, 0, {}}, {}).has_value());
  CAF_REQUIRE(w.wait_exit());
  CAF_CHECK_EQUAL(w.exit.status, 0);
  CAF_CHECK_EQUAL(w.exit.describe(), "exited with status 0");
  CAF_CHECK(w.exit.peak_memory > 0);
}

CAF_TEST(descriptors arrive with their own frame and are closed here) {
  witness w;
  auto child = start(w, {"echo"});
  auto spare = memory_file("kept");
  for (uint64_t i = 0; i < 50; ++i) {
    std::vector<unique_fd> descriptors;
    for (uint64_t k = 0; k < i % 17; ++k)
      descriptors.push_back(memory_file(std::to_string(i * 100 + k)));
    CAF_REQUIRE(child->send({exec::frame_type::request, i, std::string(i * 3000, 'b')}, std::move(descriptors)));
  }
  CAF_REQUIRE(w.wait_frames(50));
  for (uint64_t i = 0; i < 50; ++i) {
    auto expected = std::string(i * 3000, 'b');
    for (uint64_t k = 0; k < i % 17; ++k)
      expected += "|" + std::to_string(i * 100 + k);
    CAF_CHECK(w.frames[i].body == expected);
  }
  // All numbers above the last one kept are free again.
  auto next = memory_file("next");
  CAF_CHECK(next.get() < 40);
}

CAF_TEST(too large a frame is refused and harms nothing) {
  witness w;
  auto child = start(w, {"echo"});
  auto refused = child->send({exec::frame_type::request, 1, std::string(exec::max_body_bytes + 1, 'x')}, {});
  CAF_REQUIRE(!refused);
  CAF_CHECK(refused.error().code == errc::too_large);
  CAF_CHECK(child->send({exec::frame_type::request, 2, "ok"}, {}).has_value());
  CAF_REQUIRE(w.wait_frames(1));
  CAF_CHECK_EQUAL(w.frames[0].body, "ok");
}

CAF_TEST(a child sees nothing but its channel its limits and a clean environment) {
  ::setenv("JWT_SECRET", "do not tell", 1);
  witness w;
  int leaked = ::open("/dev/null", O_RDONLY);
  auto what = spec({"surroundings"});
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  // A sanitizer's shadow memory is larger than any limit.
  what.limits = {0, 1 << 20, 77, 5, 0};
  const std::string memory = "as=18446744073709551615 data=18446744073709551615";
#else
  what.limits = {uint64_t{1} << 33, 1 << 20, 77, 5, uint64_t{1} << 34};
  const std::string memory = "as=8589934592 data=17179869184";
#endif
  auto child = children->spawn(what, w.callbacks());
  CAF_REQUIRE(child.has_value());
  CAF_CHECK((*child)->send({exec::frame_type::request, 0, {}}, {}).has_value());
  CAF_REQUIRE(w.wait_frames(1));
  ::close(leaked);
  // It is added to what this test runs at.
  auto nice = std::to_string(std::min(19, ::getpriority(PRIO_PROCESS, 0) + 5));
  CAF_CHECK_EQUAL(w.frames[0].body,
                  "fd0 fd1 fd2 fd3 " + memory + " nofile=77 nice=" + nice + " leader=1 secret=hidden path=seen");
}

CAF_TEST(every way to end is told once with its cause) {
  witness exited;
  start(exited, {"exit", "7"});
  CAF_REQUIRE(exited.wait_exit());
  CAF_CHECK_EQUAL(exited.exit.describe(), "exited with status 7");
  witness aborted;
  start(aborted, {"abort"});
  CAF_REQUIRE(aborted.wait_exit());
  CAF_CHECK_EQUAL(aborted.exit.describe(), "killed by signal 6 (SIGABRT)");
  witness killed;
  auto child = start(killed, {"pause"});
  child->kill();
  CAF_REQUIRE(killed.wait_exit());
  CAF_CHECK_EQUAL(killed.exit.signal, SIGKILL);
  CAF_CHECK(!exists(child->pid()));
  // Too late for anything, and no error.
  child->kill();
  CAF_CHECK(child->send({exec::frame_type::request, 0, "x"}, {}).has_value());
  std::this_thread::sleep_for(50ms);
  CAF_CHECK_EQUAL(killed.exits, 1);
}

CAF_TEST(what a child says before it ends is heard before its exit) {
  witness w;
  start(w, {"last-words"});
  CAF_REQUIRE(w.wait_exit());
  CAF_CHECK_EQUAL(w.frames.size(), 200u);
}

CAF_TEST(broken framing is killed) {
  for (auto mode : {"too-long", "bad-type", "lying-descriptors"}) {
    witness w;
    start(w, {mode});
    CAF_REQUIRE(w.wait_exit());
    CAF_CHECK_EQUAL(w.exit.signal, SIGKILL);
    CAF_CHECK(w.frames.empty());
  }
  witness half;
  start(half, {"half"});
  CAF_REQUIRE(half.wait_exit());
  CAF_CHECK_EQUAL(half.exit.status, 0);
  CAF_CHECK(half.frames.empty());
}

CAF_TEST(a child that closes its channel and stays is killed) {
  witness w;
  start(w, {"close"});
  CAF_REQUIRE(w.wait_exit(5s));
  CAF_CHECK_EQUAL(w.exit.signal, SIGKILL);
}

CAF_TEST(the whole process group goes) {
  witness w;
  start(w, {"grandchild"});
  CAF_REQUIRE(w.wait_exit());
  CAF_REQUIRE_EQUAL(w.frames.size(), 1u);
  auto grandchild = std::stoi(w.frames[0].body);
  // Adopted by init, who reaps it in its own time; a zombie has no command line.
  for (int i = 0; i < 200 && exists(grandchild); ++i) {
    std::string line(64, '\0');
    unique_fd fd{::open(("/proc/" + std::to_string(grandchild) + "/cmdline").c_str(), O_RDONLY | O_CLOEXEC)};
    if (!fd || ::read(fd.get(), line.data(), line.size()) == 0)
      return;
    std::this_thread::sleep_for(10ms);
  }
  CAF_CHECK(!exists(grandchild));
}

CAF_TEST(a stopped child that does not read blocks nobody) {
  witness w;
  auto child = start(w, {"echo"});
  ::kill(child->pid(), SIGSTOP);
  int refused = 0;
  for (int i = 0; i < 3000; ++i)
    refused += !child->send({exec::frame_type::request, 0, std::string(10'000, 'x')}, {});
  witness other;
  auto healthy = start(other, {"echo"});
  CAF_CHECK(healthy->send({exec::frame_type::request, 0, "hello"}, {}).has_value());
  CAF_REQUIRE(other.wait_frames(1));
  child->kill();
  CAF_REQUIRE(w.wait_exit());
}

CAF_TEST(a program that is not there is an error that names it) {
  witness w;
  for (auto [program, code] : {std::pair{"/nowhere/troupe-executor", errc::not_found},
                               std::pair{"/etc/passwd", errc::forbidden}, std::pair{"relative", errc::validation}}) {
    ports::child_spec what;
    what.program = program;
    auto child = children->spawn(what, w.callbacks());
    CAF_REQUIRE(!child);
    CAF_CHECK(child.error().code == code);
    CAF_CHECK(child.error().message.find(program) != std::string::npos);
  }
  CAF_CHECK_EQUAL(w.exits, 0);
}

CAF_TEST(destroying the factory kills and reaps all) {
  std::vector<std::unique_ptr<witness>> witnesses;
  std::vector<pid_t> pids;
  for (int i = 0; i < 20; ++i) {
    witnesses.push_back(std::make_unique<witness>());
    pids.push_back(start(*witnesses.back(), {i % 2 == 0 ? "pause" : "echo"})->pid());
  }
  children.reset();
  for (auto& w : witnesses)
    CAF_CHECK_EQUAL(w->exits, 1);
  for (auto pid : pids)
    CAF_CHECK(!exists(pid));
}

CAF_TEST(no descriptor is lost over many children) {
  auto before = memory_file("x").get();
  for (int i = 0; i < 100; ++i) {
    witness w;
    auto child = start(w, {"echo"});
    CAF_REQUIRE(child->send({exec::frame_type::request, 1, "x"}, {}).has_value());
    if (i % 2 == 0)
      CAF_REQUIRE(w.wait_frames(1));
    child->kill();
    CAF_REQUIRE(w.wait_exit());
  }
  CAF_CHECK_EQUAL(memory_file("x").get(), before);
}

CAF_TEST_FIXTURE_SCOPE_END()
