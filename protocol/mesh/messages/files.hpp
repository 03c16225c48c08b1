#pragma once

// Files of other nodes.

#include "protocol/mesh/messages/inspect.hpp"
#include "protocol/model/catalogue.hpp"
#include "protocol/model/worker.hpp"

namespace troupe::mesh {

/// A file that an attempt reads. `library` none: of the data folder. `path`: relative to the library's root or the data
/// folder.
struct get_file {
  lease_token token;
  worker_id worker;
  library_id library;
  std::string path;
};
TROUPE_INSPECT(get_file, x.token, x.worker, x.library, x.path)

/// A file that a gateway sends to its clients. `node`: the gateway's name, who alone can use the address; `library` and
/// `path` as in get_file.
struct read_file {
  std::string node;
  library_id library;
  std::string path;
};
TROUPE_INSPECT(read_file, x.node, x.library, x.path)

/// A file, or a folder of files, that an attempt has made, under its name relative to the data folder.
struct put_file {
  lease_token token;
  worker_id worker;
  std::string path;
  bool folder = false;
};
TROUPE_INSPECT(put_file, x.token, x.worker, x.path, x.folder)

/// Where it is read or written: https://host:port/files/<ticket>, without certificates http.
struct file_grant {
  /// Empty: the coordinator's, as the worker knows it.
  std::string host;
  uint16_t port = 0;
  std::string ticket;
  /// The node's name, for people.
  std::string node;
  /// Of a file to read.
  file_version version;
};
TROUPE_INSPECT(file_grant, x.host, x.port, x.ticket, x.node, x.version)

} // namespace troupe::mesh
