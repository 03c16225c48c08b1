#define CAF_SUITE host.service_manager

#include "host/service_manager.hpp"

#include "tests/support/temporary_folder.hpp"
#include "tests/support/unit_test.hpp"

#include "protocol/ports/fd.hpp"

#include <caf/make_message.hpp>

#include <array>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

using namespace troupe;
using host::service_manager;

namespace {

/// Listens as systemd does.
struct fixture {
  void listen(const std::string& name) {
    fd = unique_fd{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    std::memcpy(at.sun_path, name.data(), name.size());
    const bool abstract = name[0] == '@';
    if (abstract)
      at.sun_path[0] = '\0';
    auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size() + (abstract ? 0 : 1));
    CAF_REQUIRE_EQUAL(::bind(fd.get(), reinterpret_cast<sockaddr*>(&at), size), 0);
  }
  std::string heard() {
    std::array<char, 512> buffer;
    auto n = ::recv(fd.get(), buffer.data(), buffer.size(), 0);
    return n < 0 ? "" : std::string(buffer.data(), static_cast<size_t>(n));
  }
  static result<service_manager> started(const char* socket, const char* usec = nullptr, const char* pid = nullptr) {
    auto set = [](const char* name, const char* value) {
      value == nullptr ? ::unsetenv(name) : ::setenv(name, value, 1);
    };
    set("NOTIFY_SOCKET", socket);
    set("WATCHDOG_USEC", usec);
    set("WATCHDOG_PID", pid);
    return service_manager::from_environment();
  }

  test::temporary_folder folder;
  unique_fd fd;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(service_manager_tests, fixture)

CAF_TEST(nobody asks) {
  auto x = started(nullptr, "1000000");
  CAF_REQUIRE(x);
  CAF_CHECK_EQUAL(x->watchdog().count(), 0);
  CAF_CHECK(x->ready("fine"));
  CAF_CHECK(x->alive());
  CAF_CHECK(x->stopping());
}

CAF_TEST(a socket by its path) {
  auto path = folder / "notify";
  listen(path);
  auto x = started(path.c_str(), "2500000");
  CAF_REQUIRE(x);
  CAF_CHECK_EQUAL(x->watchdog().count(), 2500);
  CAF_CHECK(std::getenv("NOTIFY_SOCKET") == nullptr && std::getenv("WATCHDOG_USEC") == nullptr);
  CAF_CHECK(x->ready("two\nlines"));
  CAF_CHECK_EQUAL(heard(), "READY=1\nSTATUS=two lines");
  CAF_CHECK(x->alive());
  CAF_CHECK_EQUAL(heard(), "WATCHDOG=1");
  CAF_CHECK(x->stopping());
  CAF_CHECK_EQUAL(heard(), "STOPPING=1");
}

CAF_TEST(an abstract socket) {
  auto name = "@troupe-test-" + std::to_string(::getpid());
  listen(name);
  auto x = started(name.c_str());
  CAF_REQUIRE(x);
  CAF_CHECK_EQUAL(x->watchdog().count(), 0);
  CAF_CHECK(x->alive());
  CAF_CHECK_EQUAL(heard(), "WATCHDOG=1");
}

CAF_TEST(a watchdog for another process) {
  auto path = folder / "notify";
  auto mine = std::to_string(::getpid());
  CAF_CHECK_EQUAL(started(path.c_str(), "1000", "1")->watchdog().count(), 0);
  CAF_CHECK_EQUAL(started(path.c_str(), "1000", mine.c_str())->watchdog().count(), 1);
}

CAF_TEST(nonsense is refused) {
  for (auto socket : {"notify", "@", "/"})
    CAF_CHECK(!started(socket));
  CAF_CHECK(!started(("/" + std::string(200, 'x')).c_str()));
  for (auto usec : {"0", "-1", "1s", "99999999999999999999", " 5"})
    CAF_CHECK(!started("/run/notify", usec));
  CAF_CHECK(!started("/run/notify", "1000", "me"));
}

CAF_TEST(a manager that is gone or does not read) {
  auto path = folder / "notify";
  auto x = started(path.c_str());
  CAF_REQUIRE(x);
  auto sent = x->alive();
  CAF_REQUIRE(!sent);
  CAF_CHECK_EQUAL(sent.error().code, errc::not_found);
  listen(path);
  int accepted = 0;
  while (accepted < 100'000 && x->alive())
    ++accepted;
  CAF_CHECK(accepted > 0 && accepted < 100'000);
}

CAF_TEST_FIXTURE_SCOPE_END()
