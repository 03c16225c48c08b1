#pragma once

#include "actors/media/attempt.hpp"

#include <mutex>

namespace troupe::work {

/// What a download has fetched so far: tmp/<job>.part, and beside it in tmp/<job>.part.state what it is a part of, so
/// that the next attempt goes on from there, also after a kill or a power cut.
///
/// One attempt at a time writes it: who has it open holds a lock on it, which ends with the process at the latest. An
/// attempt that finds it locked (the one before has lost its lease and does not know yet) writes a file of its own,
/// tmp/<job>-<attempt>.part, that nobody goes on from.
class partial_file {
public:
  partial_file(const workshop& shop, const lease_token& token, std::string url);

  result<void> open();

  /// ETag or Last-Modified of what arrives. Any thread.
  void learn(const std::string& validator);
  /// Makes durable what is there. Blocks; not at once with keep() and drop().
  void checkpoint();
  /// For the next attempt: a checkpoint. Nothing stays when there is nothing to go on from, or when the part was
  /// removed meanwhile, because its job has ended.
  void keep();
  void drop();

  int descriptor() const {
    return fd_.get();
  }
  /// Bytes when it was opened.
  uint64_t size() const {
    return size_;
  }
  /// With what has arrived since; 0 when it can't be told.
  uint64_t size_now() const;
  std::string validator();
  const std::string& path() const {
    return path_;
  }

private:
  result<bool> open_shared();
  result<void> open_own();
  /// Takes the validator out of "<url>\n<bytes synced>\n<validator>"; how many bytes can be gone on from.
  uint64_t read_state();
  /// Is the open file the one that has this name now?
  bool has_name() const;
  std::string state_path() const {
    return path_ + ".state";
  }
  void remove(const std::string& path);

  std::shared_ptr<ports::files> files_;
  std::string path_;
  /// Of this attempt alone.
  std::string own_path_;
  std::string url_;
  bool shared_ = false;
  unique_fd fd_;
  uint64_t size_ = 0;
  /// What the last checkpoint wrote.
  std::string saved_;
  bool warned_ = false;
  std::mutex mutex_;
  std::string validator_;
};

} // namespace troupe::work
