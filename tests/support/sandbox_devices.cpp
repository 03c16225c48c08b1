// A driver's view of the sandbox: a device that is open goes on working, and nothing else does. The machine's source of
// randomness stands in for a graphics card: it is a device file that answers to ioctl. Status 0, or a line that says
// what was not as it should be.

#include "media/sandbox.hpp"

#include <fcntl.h>
#include <linux/random.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <thread>

using namespace troupe;

namespace {

constexpr const char* device = "/dev/urandom";

void expect(bool good, const char* what) {
  if (good)
    return;
  std::printf("not so: %s\n", what);
  std::fflush(stdout);
  std::_Exit(1);
}

bool opens(const char* path, int flags = O_RDONLY) {
  int fd = ::open(path, flags | O_CLOEXEC);
  if (fd >= 0)
    ::close(fd);
  return fd >= 0;
}

bool controls(int fd) {
  int entropy = 0;
  return ::ioctl(fd, RNDGETENTCNT, &entropy) == 0;
}

} // namespace

int main() {
  // Before there are threads.
  media::allow_drivers({device});
  expect(opens("/usr/lib/os-release"), "drivers read their files");
  expect(!opens("/etc/passwd"), "other files are closed to drivers");
  expect(!opens("/tmp/sandbox-devices", O_WRONLY | O_CREAT), "drivers write nothing");
  int card = ::open(device, O_RDWR | O_CLOEXEC);
  int other = ::open("/usr/lib/os-release", O_RDONLY | O_CLOEXEC);
  expect(card >= 0 && controls(card), "drivers use their device");
  // As drivers do.
  std::atomic<int> stage = 0;
  std::thread thread([&] {
    while (stage == 0)
      std::this_thread::yield();
    expect(controls(card), "the driver's thread uses its device inside");
    expect(!opens("/usr/lib/os-release"), "the driver's thread opens nothing inside");
    stage = 2;
  });
  auto layers = media::enter_sandbox(true, {card});
  expect(layers.has_value(), layers ? "" : layers.error().message.c_str());
  expect(layers->seccomp && layers->landlock > 0, "both layers are in force");
  expect(controls(card), "the device works inside");
  errno = 0;
  expect(!controls(other) && errno == EPERM, "ioctl on anything else is refused");
  expect(!opens("/usr/lib/os-release") && !opens(device, O_RDWR), "nothing is opened inside");
  stage = 1;
  while (stage != 2)
    std::this_thread::yield();
  thread.join();
  // Without what runs at an exit: a sanitizer looks for leaks by ptrace, which the sandbox kills.
  std::_Exit(0);
}
