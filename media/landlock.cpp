// Landlock: nothing of the file system, no TCP, no signals and no abstract sockets out of this process. Debian 12 has
// headers of an early version and no library, hence the numbers; see linux/landlock.h and landlock(7).

#include "media/sandbox.hpp"

#include <fcntl.h>
#include <sys/stat.h>
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

namespace {

struct path_beneath {
  uint64_t allowed = 0;
  int32_t parent = -1;
} __attribute__((packed));

constexpr uint32_t rule_path_beneath = 1;
constexpr uint64_t may_run = 1U << 0;
constexpr uint64_t may_write = 1U << 1;
constexpr uint64_t may_read = 1U << 2;
constexpr uint64_t may_list = 1U << 3;
/// From version 5.
constexpr uint64_t may_control = 1U << 15;

/// What is not there needs no rule.
void allow(int rules, const std::vector<std::string>& paths, uint64_t rights) {
  for (auto& path : paths) {
    path_beneath rule;
    rule.parent = ::open(path.c_str(), O_PATH | O_CLOEXEC);
    if (rule.parent < 0)
      continue;
    struct stat what {};
    // A file has no rights of folders.
    rule.allowed = ::fstat(rule.parent, &what) == 0 && S_ISDIR(what.st_mode) ? rights : rights & ~may_list;
    ::syscall(SYS_landlock_add_rule, rules, rule_path_beneath, &rule, 0);
    ::close(rule.parent);
  }
}

} // namespace

uint32_t restrict_files_and_network() {
  // A ruleset without a rule: all that it handles is refused.
  return restrict_to({}, {});
}

uint32_t restrict_to(const std::vector<std::string>& readable, const std::vector<std::string>& devices) {
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
  auto rules = static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attr, size_for(version), 0));
  if (rules < 0)
    return 0;
  allow(rules, readable, attr.files & (may_run | may_read | may_list));
  allow(rules, devices, attr.files & (may_read | may_write | may_control));
  bool entered = ::syscall(SYS_landlock_restrict_self, rules, 0) == 0;
  ::close(rules);
  return entered ? static_cast<uint32_t>(version) : 0;
}

} // namespace troupe::media
