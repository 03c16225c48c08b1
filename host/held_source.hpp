#pragma once

#include "host/cache_folder.hpp"

#include <atomic>

namespace troupe::host {

/// A file of the cache in somebody's hands.
class held_source final : public ports::cached_source {
public:
  held_source(std::shared_ptr<cache_folder> folder, std::string stem, std::string key, uint64_t size, unique_fd fd,
              const std::vector<byte_span>& present);
  ~held_source() override;

  uint64_t size() const noexcept override {
    return size_;
  }
  int descriptor() const noexcept override {
    return fd_.get();
  }
  result<unique_fd> open_for_reading() const override;
  std::vector<byte_span> present() const override;
  result<void> mark(byte_span there) override;
  result<void> sync() override;
  bool lost() const noexcept override {
    return lost_;
  }

  const std::string& stem() const noexcept {
    return stem_;
  }
  /// From now on nothing of it is written down.
  void disown();

private:
  result<void> write_down();
  result<void> write_once();

  std::shared_ptr<cache_folder> folder_;
  const std::string stem_;
  const std::string key_;
  const uint64_t size_;
  unique_fd fd_;
  /// Taken behind the folder's mutex, and before `mutex_`.
  std::mutex writing_;
  bool disowned_ = false;
  std::atomic<bool> lost_{false};
  mutable std::mutex mutex_;
  byte_spans present_;
  /// Bytes of marks since the last map.
  uint64_t unwritten_ = 0;
};

} // namespace troupe::host
