#include "tests/fuzz/source_file.hpp"

#include "media/log_capture.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

namespace fuzz {

namespace {

constexpr std::array hints{"",    "mp4", "mkv", "avi", "ts",  "mpg", "mp3",  "aac", "h264", "hevc",
                           "flv", "ogg", "wav", "m4v", "vob", "mov", "webm", "ac3", "dts",  "obu"};

} // namespace

source_file::source_file() : fd_(::memfd_create("source", MFD_CLOEXEC)) {
  if (fd_ < 0)
    std::abort();
  troupe::media::log_capture::install({});
}

void source_file::hold(const uint8_t* data, size_t size) {
  if (::ftruncate(fd_, 0) != 0 || ::pwrite(fd_, data, size, 0) != static_cast<ssize_t>(size))
    std::abort();
  hint_ = size == 0 ? "" : hints[data[size - 1] % hints.size()];
}

troupe::media::task surroundings() {
  static const std::atomic<bool> never = false;
  troupe::media::task job{never};
  job.limits.max_pixels = 1024 * 1024;
  return job;
}

} // namespace fuzz
