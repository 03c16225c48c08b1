#include "media/processor_time.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <csignal>

namespace troupe::media {

namespace {

/// The kernel repeats the signal each second.
constexpr int seconds_of_grace = 2;

std::atomic<std::atomic<bool>*> flag = nullptr;
std::atomic<int> signals = 0;

void on_limit(int) {
  if (auto* cancelled = flag.load())
    *cancelled = true;
  if (signals.fetch_add(1) >= seconds_of_grace) {
    ::signal(SIGXCPU, SIG_DFL);
    ::raise(SIGXCPU);
  }
}

rlim_t used() {
  rusage own{};
  ::getrusage(RUSAGE_SELF, &own);
  return static_cast<rlim_t>(own.ru_utime.tv_sec + own.ru_stime.tv_sec) + 1;
}

void limit(rlim_t seconds) {
  rlimit now{};
  if (::getrlimit(RLIMIT_CPU, &now) != 0)
    return;
  now.rlim_cur = std::min(seconds, now.rlim_max);
  ::setrlimit(RLIMIT_CPU, &now);
}

} // namespace

processor_time::processor_time(uint64_t seconds, std::atomic<bool>& cancelled) {
  signals = 0;
  flag = &cancelled;
  ::signal(SIGXCPU, &on_limit);
  if (seconds > 0)
    limit(used() + seconds);
}

processor_time::~processor_time() {
  limit(RLIM_INFINITY);
  flag = nullptr;
}

bool processor_time::spent() const noexcept {
  return signals.load() > 0;
}

} // namespace troupe::media
