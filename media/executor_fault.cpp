#include "media/executor_fault.hpp"

#include <chrono>
#include <cstdlib>
#include <cstring>
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

} // namespace

result<void> run_fault(const std::string& name) {
  if (name == "abort")
    std::abort();
  if (name == "hang")
    hang();
  if (name == "bloat")
    bloat();
  return {errc::protocol, "unknown fault \"" + name + "\": abort, hang or bloat"};
}

} // namespace troupe::media
