#pragma once

#include "actors/media/remote_source.hpp"

namespace troupe::work {

/// A file of another node, for one attempt.
struct far_file {
  std::string url;
  /// The node's name, for people.
  std::string node;
  file_version version;
};

/// Who gives addresses of files (the coordinator's file desk). Calls block, on any thread.
struct far_desk {
  /// `library` none: of the data folder.
  std::function<result<far_file>(const lease_token&, library_id library, const std::string& path)> to_read;
  std::function<result<far_file>(const lease_token&, const std::string& path, bool folder)> to_write;
};

/// What a worker does instead of opening files that it has not mounted and, without the coordinator's data folder,
/// instead of renaming what it has made. Used by attempts, on their own threads, where it blocks. Thread safe.
class far_files {
public:
  far_files(far_desk desk, std::shared_ptr<remote_sources> sources, std::shared_ptr<ports::peer_files> peers,
            std::shared_ptr<ports::files> disk);

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
  result<source> open(attempt& a, library_id library, const std::string& path, const std::string& name);
  result<void> push_to(attempt& a, const std::string& from, const std::function<result<std::string>()>& address);
  result<void> again(attempt& a, const std::string& name, const std::function<result<void>()>& step);

  far_desk desk_;
  std::shared_ptr<remote_sources> sources_;
  std::shared_ptr<ports::peer_files> peers_;
  std::shared_ptr<ports::files> disk_;
};

} // namespace troupe::work
