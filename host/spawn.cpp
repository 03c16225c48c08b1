#include "host/spawn.hpp"

#include "host/system_error.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

namespace troupe::host {

namespace {

/// Owns the attributes and file actions of one posix_spawn.
class spawn_setup {
public:
  spawn_setup() {
    ::posix_spawnattr_init(&attributes);
    ::posix_spawn_file_actions_init(&actions);
  }
  ~spawn_setup() {
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
  }
  spawn_setup(const spawn_setup&) = delete;
  spawn_setup& operator=(const spawn_setup&) = delete;

  /// 0 or an errno.
  int prepare(int channel) {
    sigset_t none;
    sigset_t all;
    ::sigemptyset(&none);
    ::sigfillset(&all);
    // The channel first: its number may be that of a standard stream of a process started without them.
    for (int rc : {::posix_spawn_file_actions_adddup2(&actions, channel, exec::channel_descriptor),
                   ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0),
                   ::posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0),
                   ::posix_spawn_file_actions_addclosefrom_np(&actions, exec::channel_descriptor + 1),
                   ::posix_spawnattr_setpgroup(&attributes, 0), ::posix_spawnattr_setsigmask(&attributes, &none),
                   ::posix_spawnattr_setsigdefault(&attributes, &all),
                   ::posix_spawnattr_setflags(&attributes,
                                              POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF)})
      if (rc != 0)
        return rc;
    return 0;
  }

  posix_spawnattr_t attributes;
  posix_spawn_file_actions_t actions;
};

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> out;
  out.reserve(texts.size() + 1);
  for (auto& text : texts)
    out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

int limit(pid_t pid, __rlimit_resource what, uint64_t value) {
  if (value == 0)
    return 0;
  struct rlimit both {
    value, value
  };
  return ::prlimit(pid, what, &both, nullptr) == 0 ? 0 : errno;
}

int apply(pid_t pid, const ports::child_limits& limits) {
  struct rlimit no_core {
    0, 0
  };
  if (::prlimit(pid, RLIMIT_CORE, &no_core, nullptr) != 0)
    return errno;
  for (int rc : {limit(pid, RLIMIT_AS, limits.address_space), limit(pid, RLIMIT_DATA, limits.data),
                 limit(pid, RLIMIT_FSIZE, limits.file_size),
                 limit(pid, RLIMIT_NOFILE, limits.descriptors)})
    if (rc != 0)
      return rc;
  // By group: on Linux a process's own value is its first thread's only.
  if (limits.nice != 0
      && ::setpriority(PRIO_PGRP, static_cast<id_t>(pid), ::getpriority(PRIO_PROCESS, 0) + limits.nice) != 0)
    return errno;
  return 0;
}

} // namespace

std::vector<std::string> child_environment(char* const* ours) {
  constexpr std::array<std::string_view, 12> names{
    "PATH",       "HOME",         "LANG",          "TZ",           "TMPDIR",          "LD_LIBRARY_PATH",
    "LD_PRELOAD", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "FONTCONFIG_PATH", "FONTCONFIG_FILE"};
  // What a test preloads into a node is not always for its children.
  bool preload = true;
  for (auto entry = ours; entry != nullptr && *entry != nullptr; ++entry)
    preload = preload && !std::string_view{*entry}.starts_with("TROUPE_TEST_NO_PRELOAD=");
  std::vector<std::string> out;
  for (auto entry = ours; entry != nullptr && *entry != nullptr; ++entry) {
    std::string_view line{*entry};
    auto name = line.substr(0, line.find('='));
    bool wanted = name.starts_with("LC_") || name.starts_with("TROUPE_TEST_");
    for (auto known : names)
      wanted = wanted || (known == name && (preload || name != "LD_PRELOAD"));
    if (wanted)
      out.emplace_back(line);
  }
  return out;
}

result<spawned> spawn_process(const ports::child_spec& spec) {
  if (!spec.program.starts_with('/'))
    return {errc::validation, "the program to start has to be an absolute path, not '" + spec.program + "'"};
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    return system_error(errno, "make a channel to", spec.program);
  unique_fd ours{ends[0]};
  unique_fd theirs{ends[1]};
  if (::fcntl(ours.get(), F_SETFL, O_NONBLOCK) != 0)
    return system_error(errno, "prepare the channel to", spec.program);
  spawn_setup setup;
  if (int rc = setup.prepare(theirs.get()); rc != 0)
    return system_error(rc, "prepare", spec.program);
  auto environment = child_environment(environ);
  std::vector<std::string> arguments{spec.program};
  arguments.insert(arguments.end(), spec.arguments.begin(), spec.arguments.end());
  spawned out;
  if (int rc = ::posix_spawn(&out.pid, spec.program.c_str(), &setup.actions, &setup.attributes,
                             pointers_to(arguments).data(), pointers_to(environment).data());
      rc != 0)
    return system_error(rc, "start", spec.program);
  int failed = apply(out.pid, spec.limits);
  if (failed == 0) {
    out.pidfd = unique_fd{static_cast<int>(::syscall(SYS_pidfd_open, out.pid, 0))};
    failed = out.pidfd ? 0 : errno;
  }
  if (failed != 0) {
    ::kill(-out.pid, SIGKILL);
    while (::waitpid(out.pid, nullptr, 0) < 0 && errno == EINTR) {}
    return system_error(failed, "limit", spec.program);
  }
  out.channel = std::move(ours);
  return out;
}

} // namespace troupe::host
