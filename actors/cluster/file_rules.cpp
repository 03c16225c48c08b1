#include "actors/cluster/file_rules.hpp"

#include "actors/media/chunk_payloads.hpp"
#include "actors/media/payloads.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace troupe::cluster {

namespace {

constexpr std::string_view library_prefix = "library:";

/// Kinds that make a part of their parent's film.
constexpr std::array<std::string_view, 2> kinds_of_parts{"encode_chunk", "encode_audio"};

template <class Payload>
result<job_film> of_video(const result<Payload>& asked) {
  if (!asked)
    return asked.error();
  return job_film{asked->video, {}};
}

/// Folders of the data folder whose files clients are sent.
constexpr std::array<std::string_view, 4> served{"uploads/", "downloads/", "renditions/", "artwork/"};

template <size_t N>
bool begins_with_any(std::string_view path, const std::array<std::string_view, N>& folders) {
  return std::ranges::any_of(folders, [&](auto folder) { return path.starts_with(folder); });
}

result<file_ticket> read_ticket(library_id library, const std::string& path, const file_version& there,
                                const std::string& node, const lease_token& token, timestamp now) {
  file_ticket out;
  out.action = file_action::read;
  out.root = root_name(library);
  out.path = path;
  out.node = node;
  out.token = token;
  out.content = there.str();
  out.size = there.size;
  out.expires = now + ticket_valid;
  TROUPE_TRY(check(out));
  return out;
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

bool is_built_in(library_id library) noexcept {
  return library == uploads_library || library == downloads_library;
}

std::optional<file_version> version_of_content(std::string_view content) {
  file_version out;
  const auto* at = content.data();
  const auto* end = at + content.size();
  auto number = [&](auto& to, bool last) {
    auto parsed = std::from_chars(at, end, to);
    if (parsed.ec != std::errc{} || (parsed.ptr == end) != last || (!last && *parsed.ptr != '-'))
      return false;
    at = parsed.ptr + (last ? 0 : 1);
    return true;
  };
  if (!number(out.size, false) || !number(out.mtime_ns, false) || !number(out.inode, true) || out.str() != content)
    return std::nullopt;
  return out;
}

std::string just_before(std::string path) {
  const auto last = static_cast<unsigned char>(path.back());
  path.pop_back();
  if (last > 0) {
    // No name in UTF-8 has such a byte, and none is greater.
    path += static_cast<char>(last - 1);
    path += '\xff';
  }
  return path;
}

result<void> check_attempt(const job& row, const lease_token& token, worker_id worker) {
  if (row.state == job_state::running && row.token() == token && row.lease_worker == worker)
    return {};
  return {errc::stale_lease,
          "attempt " + std::to_string(token.attempt) + " of job " + token.job.str() + " is not this worker's any more"};
}

job_id job_with_film(const job& row) {
  const bool is_part = std::ranges::find(kinds_of_parts, row.spec.kind) != kinds_of_parts.end();
  return is_part && row.spec.parent ? row.spec.parent : row.id;
}

result<job_film> film_of(const job& row) {
  const auto& kind = row.spec.kind;
  if (kind == "ingest") {
    auto asked = work::decode_ingest_payload(row.spec.payload);
    if (!asked)
      return std::move(asked).error();
    return job_film{{}, {asked->library, asked->relative_path}};
  }
  if (kind == "storyboard")
    return of_video(work::decode_storyboard_payload(row.spec.payload));
  if (kind == "transcode")
    return of_video(work::decode_transcode_payload(row.spec.payload));
  if (kind == "hls")
    return of_video(work::decode_hls_payload(row.spec.payload));
  return {errc::forbidden, "job " + row.id.str() + " reads no film"};
}

result<void> check_film(const mesh::get_file& asked, const film_place& film) {
  if (!asked.library || asked.library != film.library || asked.path != film.path)
    return {errc::forbidden, asked.path + ": not the film of job " + asked.token.job.str()};
  return {};
}

result<void> check_piece(const mesh::get_file& asked) {
  if (!asked.path.starts_with(work::pieces_folder(asked.token.job) + "/"))
    return {errc::forbidden, asked.path + ": no piece that job " + asked.token.job.str() + " reads"};
  auto like = read_ticket(asked, {}, {}, timestamp{ticket_valid});
  return like ? result<void>{} : std::move(like).error();
}

result<file_ticket> read_ticket(const mesh::get_file& asked, const file_version& there, const std::string& node,
                                timestamp now) {
  return read_ticket(asked.library, asked.path, there, node, asked.token, now);
}

result<void> check_readable(const mesh::read_file& asked) {
  if (!asked.library && asked.path != reach_file && !begins_with_any(asked.path, served))
    return {errc::forbidden, asked.path + ": no file that clients are sent"};
  auto like = read_ticket(asked, {}, timestamp{ticket_valid});
  return like ? result<void>{} : std::move(like).error();
}

result<file_ticket> read_ticket(const mesh::read_file& asked, const file_version& there, timestamp now) {
  return read_ticket(asked.library, asked.path, there, asked.node, {}, now);
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
