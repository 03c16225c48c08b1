#include "net/process_figures.hpp"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <charconv>
#include <cmath>
#include <cstring>
#include <fstream>
#include <sstream>

namespace troupe::net {

namespace {

/// Fields of /proc/self/stat after the program's name, from the third (state) on.
std::istringstream stat_fields() {
  std::ifstream file{"/proc/self/stat"};
  std::string line;
  std::getline(file, line);
  auto end = line.rfind(')');
  return std::istringstream{end == std::string::npos ? std::string{} : line.substr(end + 2)};
}

double open_descriptors() {
  auto folder = opendir("/proc/self/fd");
  if (!folder)
    return 0;
  double n = 0;
  while (auto entry = readdir(folder))
    n += entry->d_name[0] != '.';
  closedir(folder);
  return n - 1; // The folder's own.
}

double boot_time() {
  std::ifstream file{"/proc/stat"};
  for (std::string word; file >> word;)
    if (word == "btime") {
      double seconds = 0;
      file >> seconds;
      return seconds;
    }
  return 0;
}

double soft_limit(int what) {
  rlimit limit{};
  getrlimit(static_cast<__rlimit_resource>(what), &limit);
  return limit.rlim_cur == RLIM_INFINITY ? -1 : static_cast<double>(limit.rlim_cur);
}

} // namespace

void append_metric(std::string& out, std::string_view name, std::string_view type, std::string_view help,
                   double value) {
  char text[32];
  auto end = std::to_chars(text, text + sizeof text, value).ptr;
  out.append("# HELP ").append(name).append(" ").append(help).append("\n# TYPE ").append(name).append(" ");
  out.append(type).append("\n").append(name).append(" ").append(text, end).append("\n");
}

void append_process_figures(std::string& out) {
  auto fields = stat_fields();
  std::string skipped;
  double user = 0, system = 0, threads = 0, start = 0, virtual_bytes = 0, resident_pages = 0;
  for (int i = 3; i < 14; ++i)
    fields >> skipped;
  fields >> user >> system;
  for (int i = 16; i < 20; ++i)
    fields >> skipped;
  fields >> threads >> skipped >> start >> virtual_bytes >> resident_pages;
  auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  auto page = static_cast<double>(sysconf(_SC_PAGESIZE));
  append_metric(out, "process_cpu_seconds_total", "counter", "User and system CPU time", (user + system) / ticks);
  append_metric(out, "process_open_fds", "gauge", "Open file descriptors", open_descriptors());
  append_metric(out, "process_max_fds", "gauge", "Most file descriptors", soft_limit(RLIMIT_NOFILE));
  append_metric(out, "process_virtual_memory_bytes", "gauge", "Virtual memory", virtual_bytes);
  append_metric(out, "process_virtual_memory_max_bytes", "gauge", "Most virtual memory; -1: no limit",
                soft_limit(RLIMIT_AS));
  append_metric(out, "process_resident_memory_bytes", "gauge", "Resident memory", resident_pages * page);
  append_metric(out, "process_start_time_seconds", "gauge", "Start, seconds since 1970", boot_time() + start / ticks);
  append_metric(out, "process_threads", "gauge", "Threads", threads);
}

} // namespace troupe::net
