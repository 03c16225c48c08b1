// Landlock: nothing of the file system, no TCP, no signals and no abstract sockets out of this process. Debian 12 has
// headers of an early version and no library, hence the numbers; see linux/landlock.h and landlock(7).

#include "media/sandbox.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace troupe::media {

namespace {

struct ruleset_attr {
  uint64_t files = 0;
  // From version 4.
  uint64_t network = 0;
  // From version 6.
  uint64_t scoped = 0;
};

constexpr uint32_t version_flag = 1;
/// Number of file rights that a version knows; a kernel refuses bits that it does not know.
constexpr std::array<int, 5> file_rights{13, 14, 15, 15, 16};
constexpr uint64_t tcp_bind_and_connect = 3;
constexpr uint64_t abstract_sockets_and_signals = 3;

size_t size_for(long version) {
  return (version >= 6 ? 3 : version >= 4 ? 2 : 1) * sizeof(uint64_t);
}

} // namespace

uint32_t restrict_files_and_network() {
  auto version = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, version_flag);
  if (version < 1)
    return 0;
  auto known = std::min<size_t>(static_cast<size_t>(version), file_rights.size());
  ruleset_attr attr;
  attr.files = (uint64_t{1} << file_rights[known - 1]) - 1;
  if (version >= 4)
    attr.network = tcp_bind_and_connect;
  if (version >= 6)
    attr.scoped = abstract_sockets_and_signals;
  // A ruleset without a rule: all that it handles is refused.
  auto rules = static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attr, size_for(version), 0));
  if (rules < 0)
    return 0;
  bool entered = ::syscall(SYS_landlock_restrict_self, rules, 0) == 0;
  ::close(rules);
  return entered ? static_cast<uint32_t>(version) : 0;
}

} // namespace troupe::media
