#pragma once

#include "actors/cache/lru_cache.hpp"
#include "actors/media/remote_source.hpp"
#include "actors/media/work_threads.hpp"
#include "protocol/ports/far_file.hpp"

namespace troupe::gateway {

/// What the coordinator says of a file that this node does not have.
struct far_grant {
  std::string url;
  /// Who serves it, for people.
  std::string node;
  file_version version;
  /// That is the coordinator itself: while it is away, so is the file.
  bool at_coordinator = true;
};

/// Where pieces are kept, and who fetches them.
struct far_means {
  std::shared_ptr<ports::source_cache> cache;
  std::shared_ptr<ports::peer_files> peers;
};

struct far_reader_config {
  /// A fresh address of a file. Blocks, on threads of the reader's. errc::unavailable at once while the coordinator is
  /// away; whatever does not pass ends the reading (work::address_source).
  std::function<result<far_grant>(library_id library, const std::string& path)> ask;
  /// Blocks; called at the first need, and again after it has failed.
  std::function<result<far_means>()> open;
  /// What the cache may hold: clients that read at once have room in it, or are refused.
  uint64_t cache_bytes = uint64_t{10} << 30;
  /// Outlives the reader and all that it has opened.
  const clock* time = nullptr;
  std::function<uint64_t()> random;
  /// The coordinator can't be asked now. Never waits.
  std::function<bool()> away;
  uint64_t piece_bytes = uint64_t{16} << 20;
  /// An address serves everybody for so long: less than its ticket is valid.
  milliseconds address_fresh{480'000};
  work::remote_settings reading = for_clients();

  /// A client reads on, most likely, and waits less patiently than a job.
  static work::remote_settings for_clients();
};

class far_pieces;
class known_file;

/// Files of other nodes as this gateway's clients are sent them. Each is read in pieces, and each piece is a source of
/// its own in the node's cache (work::remote_sources): a film that is larger than the cache passes through it, what is
/// watched often or by several at once is fetched once, and what was watched stays until there is no room. Thread safe.
/// Its files and streams may outlive it; then they give nothing.
class far_reader {
public:
  explicit far_reader(far_reader_config config);
  /// Waits for pieces that are being opened.
  ~far_reader();
  far_reader(const far_reader&) = delete;
  far_reader& operator=(const far_reader&) = delete;

  /// As the coordinator has just said. `wanted`: as the catalogue knows it, if it does; so one content has one version
  /// here, whatever inode and time the node has that serves it. Never waits.
  std::shared_ptr<ports::far_file> open(library_id library, const std::string& path,
                                        const std::optional<file_version>& wanted, const far_grant& granted);
  /// As it was said last, for the time without a coordinator; nullptr when it never was. Never waits.
  std::shared_ptr<ports::far_file> last(library_id library, const std::string& path);

private:
  std::shared_ptr<ports::far_file> reading_of(std::shared_ptr<known_file> file);

  std::shared_ptr<far_pieces> pieces_;
  cache::lru_cache<std::shared_ptr<known_file>> known_;
  /// For what blocks: opening and letting go.
  work::work_threads threads_;
};

} // namespace troupe::gateway
