#include "media/sandbox.hpp"

#include "media/faults.hpp"

#include <sys/prctl.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <iterator>

namespace troupe::media {

namespace {

/// The socket, the descriptors of waiting requests and outputs, and room to spare.
constexpr rlim_t open_files = 1024;

#if defined(__SANITIZE_THREAD__)
/// The thread sanitizer has a thread of its own.
constexpr std::ptrdiff_t own_threads = 2;
#else
constexpr std::ptrdiff_t own_threads = 1;
#endif

std::ptrdiff_t threads() {
  std::error_code failed;
  std::filesystem::directory_iterator tasks("/proc/self/task", failed);
  return failed ? own_threads : std::distance(tasks, {});
}

/// Lowers a limit; never raises one that the worker has set.
bool cap(__rlimit_resource what, rlim_t most) {
  rlimit now{};
  if (::getrlimit(what, &now) != 0)
    return false;
  const rlimit lower{std::min(now.rlim_max, most), std::min(now.rlim_max, most)};
  return ::setrlimit(what, &lower) == 0;
}

// Memory and file size are the worker's to set: it knows the configuration. Processor time is set for each operation
// (operation_clock). The number of processes is not a limit here but a rule of the filter: RLIMIT_NPROC counts all
// processes of the user, and none for root.
bool cap_all() {
  // A core file would hold the media.
  return cap(RLIMIT_CORE, 0) && cap(RLIMIT_NOFILE, open_files) && cap(RLIMIT_MEMLOCK, 0) && cap(RLIMIT_MSGQUEUE, 0);
}

/// Set once, before other threads run.
bool drivers_allowed = false;

} // namespace

void allow_drivers(const std::vector<std::string>& devices) {
  drivers_allowed = true;
  // What else is in /etc is nobody's here. /sys and /proc tell drivers which card and which version there is.
  static const std::vector<std::string> readable{
    "/usr",       "/lib",        "/lib64", "/opt", "/etc/ld.so.cache", "/etc/nvidia", "/etc/libva.conf",
    "/etc/drirc", "/etc/OpenCL", "/sys",   "/proc"};
  // Landlock asks for it.
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)
    restrict_to(readable, devices);
}

result<exec::sandbox_layers> enter_sandbox(bool require_all, const std::vector<int>& devices) {
  if (!drivers_allowed && threads() > own_threads)
    return {errc::unavailable, "something that was loaded has left a thread behind, which could not be sandboxed"};
  if (!cap_all() || ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    return system_error(errno, "limits can't be lowered");
  exec::sandbox_layers layers;
  // The filter last: it refuses the calls that make a Landlock domain.
  layers.landlock = restrict_files_and_network();
  layers.seccomp = filter_system_calls(devices);
  if (auto missing = exec::missing_layers(layers); require_all && !missing.empty())
    return {errc::unavailable, "this machine lacks " + missing + ", which the sandbox needs"};
  return layers;
}

} // namespace troupe::media
