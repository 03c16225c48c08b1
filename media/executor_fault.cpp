#include "media/executor_fault.hpp"

#include "media/escape.hpp"
#include "media/faults.hpp"

#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <future>
#include <thread>
#include <vector>

namespace troupe::media {

namespace {

constexpr size_t step_bytes = 16 * 1024 * 1024;
/// Enough to pass any sensible limit, not enough to take a large machine down.
constexpr size_t bloat_bytes = size_t{6} * 1024 * 1024 * 1024;

[[noreturn]] void hang() {
  for (;;)
    std::this_thread::sleep_for(std::chrono::hours(1));
}

[[noreturn]] void bloat() {
  std::vector<void*> held;
  while (held.size() * step_bytes < bloat_bytes) {
    auto* piece = std::malloc(step_bytes);
    if (!piece)
      std::abort();
    std::memset(piece, 1, step_bytes);
    held.push_back(piece);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  hang();
}

result<void> make_output(const std::string& name, const task& job) {
  auto file = job.create(name);
  if (!file)
    return file.error();
  if (::write(file->get(), name.data(), name.size()) != static_cast<ssize_t>(name.size()))
    return system_error(errno, name + " can't be written");
  return {};
}

result<void> make_outputs(const task& job) {
  auto other = std::async(std::launch::async, [&] { return make_output("two/b.txt", job); });
  auto one = make_output("a.txt", job);
  auto two = other.get();
  return one ? two : one;
}

void spin(const task& job, bool deaf) {
  while (deaf || !job.cancelled) {}
}

} // namespace

result<void> run_fault(const std::string& name, const task& job) {
  constexpr std::string_view outputs = "outputs-";
  constexpr std::string_view escape = "escape-";
  if (name == "abort")
    std::abort();
  if (name == "hang")
    hang();
  if (name == "bloat")
    bloat();
  if (name == "outputs")
    return make_outputs(job);
  if (name.starts_with(outputs))
    return make_output(name.substr(outputs.size()), job);
  if (name.starts_with(escape))
    return try_to_escape(name.substr(escape.size()));
  if (name.starts_with("spin")) {
    spin(job, name == "spin-deaf");
    return cancelled_error();
  }
  return {errc::protocol, "unknown fault \"" + name + "\": abort, hang, bloat, outputs, escape or spin"};
}

} // namespace troupe::media
