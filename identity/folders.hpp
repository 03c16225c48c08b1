#pragma once

#include "identity/authority.hpp"

namespace troupe::identity {

/// A node's papers, as 'troupe cert issue' makes them: a folder with ca.pem, node.pem and node.key.
struct node_papers {
  std::string folder;
  /// The authority's certificate, PEM.
  std::string authority;
  credentials own;
  certificate_facts facts;
};

/// Reads and checks them. The message of an error names the file and what to do: one that is missing, a key that others
/// may read, a certificate that has expired or is another cluster's.
result<node_papers> load_papers(const std::string& folder, timestamp now);

/// A cluster's authority on disk: ca.pem, ca.key, and nodes/NAME with the papers of each node, to be copied to it.
/// Writes are synced, and a node's papers appear and change as a whole. One process at a time.
class authority_folder {
public:
  /// errc::conflict when there is an authority already: a second one would shut out all nodes.
  static result<authority_folder> create(const std::string& folder, const std::string& cluster, timestamp now);
  /// errc::not_found with the advice to make one.
  static result<authority_folder> open(const std::string& folder);

  /// The folder with the new papers. errc::conflict when the node has some.
  result<std::string> issue(const certificate_order& order, timestamp now);
  /// New key, new certificate for the same name; roles and hosts that the order leaves empty are those of the old one.
  /// errc::not_found for an unknown node.
  result<std::string> renew(certificate_order order, timestamp now);
  /// All certificates, the authority's own first, then by name. Those that can't be read are left out.
  result<std::vector<certificate_facts>> list() const;

private:
  authority_folder(std::string folder, authority ca);
  std::string place_of(const std::string& name) const;

  std::string folder_;
  authority ca_;
};

} // namespace troupe::identity
