#include "actors/cluster/file_rules.hpp"

#include <array>

namespace troupe::cluster {

namespace {

constexpr std::string_view library_prefix = "library:";

/// Folders of the data folder whose files attempts read.
constexpr std::array<std::string_view, 5> readable{"pieces/", "uploads/", "downloads/", "renditions/", "artwork/"};

bool begins_with_any(std::string_view path) {
  for (auto folder : readable)
    if (path.starts_with(folder))
      return true;
  return false;
}

/// The rest of the name after "<job>-<attempt>".
bool carries(std::string_view name, const lease_token& token) {
  const auto own = token.job.str() + "-" + std::to_string(token.attempt);
  if (!name.starts_with(own))
    return false;
  name.remove_prefix(own.size());
  return (name.empty() || name.front() == '.' || name.front() == '-') && name.find('/') == std::string_view::npos;
}

/// "renditions/<own>", "artwork/<xx>/<own>", "pieces/<parent>/<own>"
bool is_own(std::string_view path, const lease_token& token, job_id parent) {
  if (path.starts_with("renditions/"))
    return carries(path.substr(11), token);
  if (path.starts_with("artwork/") && path.size() > 11 && path[10] == '/')
    return path.substr(8, 2).find_first_not_of("0123456789abcdefghijklmnopqrstuvwxyz") == std::string_view::npos
           && carries(path.substr(11), token);
  const auto pieces = "pieces/" + parent.str() + "/";
  return parent && path.starts_with(pieces) && carries(path.substr(pieces.size()), token);
}

} // namespace

std::string root_name(library_id library) {
  return library ? std::string{library_prefix} + library.str() : "data";
}

result<std::optional<library_id>> library_of_root(std::string_view root) {
  if (root == "data")
    return std::optional<library_id>{};
  auto id = root.starts_with(library_prefix) ? library_id::parse(root.substr(library_prefix.size())) : std::nullopt;
  if (!id)
    return {errc::forbidden, "the ticket is for a root that this node does not know"};
  return id;
}

result<void> check_attempt(const job& row, const lease_token& token, worker_id worker) {
  if (row.state == job_state::running && row.token() == token && row.lease_worker == worker)
    return {};
  return {errc::stale_lease,
          "attempt " + std::to_string(token.attempt) + " of job " + token.job.str() + " is not this worker's any more"};
}

result<void> check_readable(const mesh::get_file& asked) {
  if (!asked.library && !begins_with_any(asked.path))
    return {errc::forbidden, asked.path + ": no file that attempts read"};
  auto like = read_ticket(asked, {}, {}, timestamp{ticket_valid});
  return like ? result<void>{} : std::move(like).error();
}

result<file_ticket> read_ticket(const mesh::get_file& asked, const file_version& there, const std::string& node,
                                timestamp now) {
  file_ticket out;
  out.action = file_action::read;
  out.root = root_name(asked.library);
  out.path = asked.path;
  out.node = node;
  out.token = asked.token;
  out.content = there.str();
  out.size = there.size;
  out.expires = now + ticket_valid;
  TROUPE_TRY(check(out));
  return out;
}

result<file_ticket> write_ticket(const mesh::put_file& asked, job_id parent, const std::string& node, timestamp now) {
  if (!is_own(asked.path, asked.token, parent))
    return {errc::forbidden, asked.path + ": not a name that attempt " + std::to_string(asked.token.attempt)
                               + " of job " + asked.token.job.str() + " may give"};
  file_ticket out;
  out.action = asked.folder ? file_action::write_folder : file_action::write;
  out.root = "data";
  out.path = asked.path;
  out.node = node;
  out.token = asked.token;
  out.most_bytes = most_output_bytes;
  out.expires = now + ticket_valid;
  TROUPE_TRY(check(out));
  return out;
}

} // namespace troupe::cluster
