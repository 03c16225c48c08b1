#pragma once

#include "protocol/model/byte_spans.hpp"
#include "protocol/model/result.hpp"
#include "protocol/ports/fd.hpp"

#include <memory>
#include <string>
#include <vector>

namespace troupe::ports {

/// One file of another node as far as it is here: a file with holes. While it is held it is not evicted. Any thread.
class cached_source {
public:
  virtual ~cached_source() = default;

  virtual uint64_t size() const noexcept = 0;
  /// Readable and writable; lives as long as this does.
  virtual int descriptor() const noexcept = 0;
  /// A descriptor of one's own, for reading only: what an executor is given.
  virtual result<unique_fd> open_for_reading() const = 0;
  /// What is here, in order, no two touching.
  virtual std::vector<byte_span> present() const = 0;
  /// These bytes were written through descriptor() and confirmed. Blocks at times: the disk is told of many marks at
  /// once, and at the end. After a crash some of them may be forgotten, but what is believed to be there is there.
  /// errc::storage_full and errc::io when the disk could not be told; the mark holds until the end of the process,
  /// unless the file is lost.
  virtual result<void> mark(byte_span there) = 0;
  /// All marks so far are written down. Errors as of mark. Blocks.
  virtual result<void> sync() = 0;
  /// The disk has failed to keep bytes of it, which is found out by mark and sync: any of them may be wrong by now. It
  /// is thrown away, and who opens its key gets a new one. Never waits.
  virtual bool lost() const noexcept = 0;
};

/// Files of other nodes that this one has fetched, whole or in part, by what they are (content key). Bounded by the
/// bytes that they take on the disk, and by what others leave free there; what was not used for longest goes first.
/// Blocks: own threads only.
class source_cache {
public:
  virtual ~source_cache() = default;

  /// The same key twice is the same object while somebody holds it. errc::storage_full when there is no room for even
  /// one byte more than what is held; errc::conflict when it is held with another size; errc::io.
  virtual result<std::shared_ptr<cached_source>> open(const std::string& key, uint64_t size) = 0;
  /// Makes room for so many further bytes by evicting what nobody holds; errc::storage_full when that is not enough. No
  /// reservation: several who ask at once may go over the bound by what they have asked for, until the next call.
  virtual result<void> make_room(uint64_t bytes) = 0;
  /// There was no room for so many bytes on the disk, whatever it says of itself: what nobody holds goes, so many bytes
  /// of it or all. errc::storage_full when there is none of it.
  virtual result<void> disk_full(uint64_t bytes) = 0;
  /// All of it is thrown away, even what is held: its content is not what it should be.
  virtual void drop(const std::string& key) = 0;
};

} // namespace troupe::ports
