#pragma once

#include "media/task.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace fuzz {

/// One file in memory that holds what is fuzzed, as a worker would hand it over: a descriptor.
class source_file {
public:
  source_file();
  /// Its name hint is a byte's worth of what files are called, taken from the last byte.
  void hold(const uint8_t* data, size_t size);

  int fd() const noexcept {
    return fd_;
  }
  const char* name_hint() const noexcept {
    return hint_;
  }

private:
  int fd_;
  const char* hint_ = "";
};

/// What a probe or thumbnail runs with. Pictures are limited to what one input can be decoded in, well below a second.
troupe::media::task surroundings();

} // namespace fuzz
