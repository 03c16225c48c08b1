#pragma once

// Files that come in from other nodes, as far as they are here. No sockets; every call blocks. Any thread.

#include "net/digest.hpp"

#include "protocol/model/file_ticket.hpp"
#include "protocol/ports/files.hpp"

#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <set>

namespace troupe::net {

/// Where what a ticket allows to write goes. Absolute paths on one file system.
struct upload_place {
  /// The attempt's own temporary folder ("<data>/tmp/<token>"): what is not complete; goes with the attempt.
  std::string partial;
  /// What becomes visible.
  std::string target;
};

/// How far the hash of a partial file has come, for the next request.
struct upload_hash {
  sha256 sum;
  uint64_t bytes = 0;
};

/// Partial files are "<partial>/in-<hash of the ticket's path>…": a file, or a folder of complete files beside one of
/// those that are not. Nothing is visible before all of it is there, agrees with its digest, and is synced. Always
/// owned by a std::shared_ptr.
class file_uploads : public std::enable_shared_from_this<file_uploads> {
public:
  file_uploads(std::shared_ptr<ports::files> disk, std::function<result<upload_place>(const file_ticket&)> place);

  /// One file that is being written by one connection; destroying it lets the next one in. One thread at a time.
  class upload {
  public:
    ~upload();
    upload(const upload&) = delete;
    upload& operator=(const upload&) = delete;

    /// Bytes that are here.
    uint64_t offset() const noexcept {
      return offset_;
    }
    /// It is complete already: only its digest can still be compared.
    bool complete() const noexcept {
      return complete_;
    }
    /// At the end. errc::too_large over the ticket's most_bytes; errc::storage_full, with what fitted kept.
    result<void> append(std::string_view bytes);
    /// `digest`: a Repr-Digest with SHA-256. errc::io when another file has arrived: it is removed, to be sent again.
    /// errc::conflict when there is another file under the name. The same file under the name is success.
    result<void> finish(std::string_view digest);

  private:
    friend class file_uploads;
    upload(std::shared_ptr<file_uploads> all, std::string key, const file_ticket& ticket);

    result<void> open(const std::string& partial, const std::string& target);

    std::shared_ptr<file_uploads> all_;
    /// Of the lock and the hash that is kept.
    std::string key_;
    uint64_t most_bytes_;
    std::string partial_;
    std::string target_;
    unique_fd fd_;
    uint64_t offset_ = 0;
    /// Handed to the kernel for writing back, so that the last sync is short.
    uint64_t flushed_ = 0;
    bool complete_ = false;
    upload_hash hash_;
  };

  /// `name`: of the file in a folder; empty for a file. errc::unavailable while another connection writes it.
  result<std::unique_ptr<upload>> open(const file_ticket& ticket, const std::string& name);
  /// Makes the folder visible with all that is complete. Again is success. errc::conflict when nothing was sent, when
  /// a file is not complete, or when there is another folder.
  result<void> publish_folder(const file_ticket& ticket);

private:
  struct paths;
  result<paths> paths_of(const file_ticket& ticket, const std::string& name) const;
  bool lock(const std::string& key);
  void unlock(const std::string& key);
  void keep(const std::string& key, upload_hash hash);
  upload_hash take(const std::string& key);

  const std::shared_ptr<ports::files> disk_;
  std::function<result<upload_place>(const file_ticket&)> place_;
  std::mutex mutex_;
  std::set<std::string> locked_;
  /// Oldest first.
  std::list<std::pair<std::string, upload_hash>> hashes_;
};

} // namespace troupe::net
