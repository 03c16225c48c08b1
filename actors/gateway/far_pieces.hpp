#pragma once

#include "actors/gateway/far_reader.hpp"

#include <atomic>
#include <mutex>

namespace troupe::gateway {

/// Which file it is: for the coordinator, and with its library for keys and people.
struct file_place {
  library_id library;
  std::string path;
  std::string name;
};

/// A file of another node in one version, and the address at which all who read it find it. Thread safe.
class known_file {
public:
  known_file(file_place place, file_version version) : place_(std::move(place)), version_(version) {
  }

  const file_place& place() const noexcept {
    return place_;
  }
  const file_version& version() const noexcept {
    return version_;
  }
  void granted(const far_grant& x, mono_time fresh_until);
  /// An address that can be used at `now` and is another one than `refused`; else an empty one.
  std::string address(const std::string& refused, mono_time now) const;
  /// Who serves it, as was said last.
  std::string node() const;
  bool at_coordinator() const;

private:
  const file_place place_;
  const file_version version_;
  mutable std::mutex mutex_;
  far_grant grant_;
  mono_time fresh_until_{};
};

/// What the streams of one gateway share: the cache, the threads, and how much is read at once. Thread safe.
class far_pieces : public std::enable_shared_from_this<far_pieces> {
public:
  /// `threads` until stop().
  far_pieces(far_reader_config config, work::work_threads* threads);

  const far_reader_config& config() const noexcept {
    return config_;
  }
  uint64_t piece_of(uint64_t offset) const noexcept {
    return offset / config_.piece_bytes;
  }
  /// A piece of the file. Blocks. `begun`: a byte of what the client asked for was sent; before, it is told at once
  /// that the file is away.
  result<std::unique_ptr<work::remote_source>> open(const std::shared_ptr<known_file>& file, uint64_t piece,
                                                    std::shared_ptr<const std::atomic<bool>> begun);
  /// On a thread that may block; nowhere after stop().
  void run(std::function<void()> what);
  void stop();

  /// Room in the cache for a reading; false: there is none. What was reserved is given back.
  bool reserve(uint64_t bytes);
  void give_back(uint64_t bytes);

private:
  result<std::shared_ptr<work::remote_sources>> sources();
  result<work::file_address> address(known_file& file, std::string& used, bool begun) const;

  const far_reader_config config_;
  std::mutex mutex_;
  work::work_threads* threads_;
  uint64_t reserved_ = 0;
  /// Held while the cache is opened.
  std::mutex opening_;
  std::shared_ptr<work::remote_sources> sources_;
};

} // namespace troupe::gateway
