#pragma once

#include "actors/media/remote_source.hpp"
#include "actors/media/transfer_retries.hpp"

#include <atomic>

namespace troupe::work {

/// A file of another node, for one attempt.
struct far_file {
  std::string url;
  /// The node's name, for people.
  std::string node;
  file_version version;
  /// That is the coordinator: nobody else has it. Its file server may be out of reach while it is there.
  bool at_coordinator = false;
};

/// Who gives addresses of files (the coordinator's file desk). Calls block, on any thread.
struct far_desk {
  /// `library` none: of the data folder.
  std::function<result<far_file>(const lease_token&, library_id library, const std::string& path)> to_read;
  std::function<result<far_file>(const lease_token&, const std::string& path, bool folder)> to_write;
  /// Whoever asked last got no answer from the coordinator; whatever it answers, it is there. Empty: never. Never
  /// waits. Any thread.
  std::function<bool()> away;
  /// Why its file server is out of reach of this node, as was found out before any attempt; empty: it is not, or nobody
  /// knows. Never waits. Any thread.
  std::function<std::string()> out_of_reach{};
};

/// What a worker does instead of opening files that it has not mounted and, without the coordinator's data folder,
/// instead of renaming what it has made. Used by attempts, on their own threads, where it blocks. Thread safe.
///
/// While the coordinator is away it tries again until the attempt is stopped (transfer_retries): the worker is told of
/// a lease that was lost as soon as it can be, and stops the attempt then. Where only the way to a file server fails,
/// the attempt says so in its progress, and is given up after a while: another node may have a way.
class far_files {
public:
  far_files(far_desk desk, std::shared_ptr<remote_sources> sources, std::shared_ptr<ports::peer_files> peers,
            std::shared_ptr<ports::files> disk, transfer_retries::settings retries = {},
            std::function<uint64_t()> random = machine_random());

  /// Read as it is needed.
  result<source> open(attempt& a, const located& where);
  /// A file of the data folder, all of it: `path` relative to it.
  result<source> fetch(attempt& a, const std::string& path);
  /// The file `from` of this node becomes `path` of the data folder. Again is success.
  result<void> push(attempt& a, const std::string& from, const std::string& path);
  /// The same for a folder with these files (names relative to it).
  result<void> push_folder(attempt& a, const std::string& from, const std::vector<std::string>& names,
                           const std::string& path);

private:
  /// How a try ended, and whose word that is.
  struct outcome {
    result<void> how;
    said_by whom = said_by::node;
  };
  using address_function = std::function<result<far_file>()>;
  /// What a transfer is about, for people.
  struct subject {
    std::string file;
    /// Who takes it.
    std::string node;
    /// The attempt was told that it waits.
    std::atomic<bool> waits{false};
  };

  result<source> open(attempt& a, library_id library, const std::string& path, const std::string& name);
  outcome push_to(attempt& a, const std::string& from, const address_function& address, std::atomic<uint64_t>& there,
                  subject& what);
  result<void> push_until_there(attempt& a, const std::string& from, const std::string& name,
                                const address_function& address);
  result<void> again(attempt& a, const std::string& name,
                     const std::function<outcome(transfer_retries&, subject&)>& step);
  bool coordinator_away() const {
    return desk_.away && desk_.away();
  }

  far_desk desk_;
  std::shared_ptr<remote_sources> sources_;
  std::shared_ptr<ports::peer_files> peers_;
  std::shared_ptr<ports::files> disk_;
  transfer_retries::settings retries_;
  std::function<uint64_t()> random_;
};

} // namespace troupe::work
