#include "host/resources.hpp"

#include "host/posix.hpp"
#include "host/system_error.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <sstream>
#include <sys/resource.h>
#include <thread>

namespace troupe::host {

namespace {

result<std::string> read_proc(const std::string& path) {
  unique_fd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!fd)
    return system_error(errno, "read", path);
  return read_all(fd.get(), 256 * 1024, path);
}

/// The number after `key` in a "Key:   value kB" table, in bytes; 0 if it is not there.
uint64_t kilobytes(const std::string& table, std::string_view key) {
  auto at = table.find(key);
  return at == std::string::npos ? 0 : std::strtoull(table.c_str() + at + key.size(), nullptr, 10) * 1024;
}

/// Boot time, seconds since 1970.
result<int64_t> boot_time() {
  auto stat = read_proc("/proc/stat");
  if (!stat)
    return std::move(stat).error();
  auto at = stat->find("btime ");
  if (at == std::string::npos)
    return {errc::io, "/proc/stat has no btime"};
  return static_cast<int64_t>(std::strtoll(stat->c_str() + at + 6, nullptr, 10));
}

uint32_t count_descriptors() {
  uint32_t n = 0;
  dir_ptr dir{::opendir("/proc/self/fd")};
  if (!dir)
    return 0;
  while (auto entry = ::readdir(dir.get()))
    n += entry->d_name[0] != '.';
  // The one that is counting.
  return n - 1;
}

} // namespace

result<process_usage> read_process_usage() {
  auto stat = read_proc("/proc/self/stat");
  if (!stat)
    return std::move(stat).error();
  auto boot = boot_time();
  if (!boot)
    return std::move(boot).error();
  // Fields are counted from behind the name, which may hold anything (proc(5): field 3 follows the last ')').
  auto end = stat->rfind(')');
  if (end == std::string::npos)
    return {errc::io, "/proc/self/stat can't be read"};
  std::istringstream in{stat->substr(end + 1)};
  std::string skipped;
  for (int field = 3; field < 14; ++field)
    in >> skipped;
  uint64_t user = 0, system = 0, started = 0, pages = 0;
  int64_t other = 0;
  process_usage out;
  in >> user >> system >> other >> other >> other >> other >> out.threads >> other >> started >> out.virtual_size
    >> pages;
  if (!in)
    return {errc::io, "/proc/self/stat can't be read"};
  auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  out.cpu_seconds = static_cast<double>(user + system) / ticks;
  out.resident = pages * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  out.started = from_ms(*boot * 1000 + static_cast<int64_t>(static_cast<double>(started) * 1000 / ticks));
  out.open_descriptors = count_descriptors();
  struct rlimit limit {};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0)
    out.max_descriptors = limit.rlim_cur;
  return out;
}

result<machine_usage> read_machine_usage() {
  auto memory = read_proc("/proc/meminfo");
  if (!memory)
    return std::move(memory).error();
  machine_usage out;
  out.memory_total = kilobytes(*memory, "MemTotal:");
  out.memory_available = kilobytes(*memory, "MemAvailable:");
  out.cores = std::max(1u, std::thread::hardware_concurrency());
  double loads[1];
  if (::getloadavg(loads, 1) == 1)
    out.load = loads[0];
  return out;
}

bool has_graphics_card() {
  std::error_code failed;
  if (std::filesystem::exists("/dev/nvidiactl", failed))
    return true;
  for (auto& entry : std::filesystem::directory_iterator("/dev/dri", failed))
    if (entry.path().filename().string().starts_with("renderD"))
      return true;
  return false;
}

} // namespace troupe::host
