#pragma once

// Which files an attempt may read and write from afar. Actor-free.

#include "protocol/mesh/messages.hpp"
#include "protocol/model/file_ticket.hpp"

namespace troupe::cluster {

/// A ticket holds for so long; whoever needs longer asks again.
inline constexpr milliseconds ticket_valid{600'000};
/// No file that an attempt makes is larger.
inline constexpr uint64_t most_output_bytes = uint64_t{4} << 40;
/// Of the data folder, and no secret: what a node reads to see whether it reaches the coordinator's file server.
inline constexpr std::string_view reach_file = "node.id";

/// "data", or "library:<id>".
std::string root_name(library_id library);
/// The library of a root's name; nothing for "data". errc::forbidden for another text.
result<std::optional<library_id>> library_of_root(std::string_view root);

/// Uploads and downloads: folders of the coordinator's data folder, which nobody else serves.
bool is_built_in(library_id library) noexcept;

/// The version that a ticket's content names (file_version::str). Nothing for another text.
std::optional<file_version> version_of_content(std::string_view content);

/// A name that no file has, and that comes before `path` but behind all files that come before it (in byte order, of
/// names in UTF-8): whoever asks for what comes behind it gets `path`, if it is there. `path` is not empty.
std::string just_before(std::string path);

/// That it is the present attempt of a running job, held by this worker. errc::stale_lease.
result<void> check_attempt(const job& row, const lease_token& token, worker_id worker);

/// Where a film is: in which library, and there.
struct film_place {
  library_id library;
  std::string path;
};

/// The film that a job is about. Its place is only known to the catalogue when `video` is set.
struct job_film {
  video_id video;
  film_place place;
};

/// The job whose payload names the film that this one reads: its own, or that of the transcode it makes a part of.
job_id job_with_film(const job& row);
/// errc::forbidden for a kind that reads no film, errc::validation for a payload that names none.
result<job_film> film_of(const job& row);

/// That it is the film of the attempt's job. errc::forbidden.
result<void> check_film(const mesh::get_file& asked, const film_place& film);
/// For the data folder, of which an attempt reads the pieces that its own parts have made: that it is one of them.
/// errc::forbidden, errc::validation.
result<void> check_piece(const mesh::get_file& asked);
/// What the ticket for reading says.
result<file_ticket> read_ticket(const mesh::get_file& asked, const file_version& there, const std::string& node,
                                timestamp now);
/// The same for a gateway, for files that clients are sent: originals, and what jobs have published. And `reach_file`.
result<void> check_readable(const mesh::read_file& asked);
result<file_ticket> read_ticket(const mesh::read_file& asked, const file_version& there, timestamp now);
/// What the ticket for writing says: names that carry the attempt, in the folders for what jobs make.
/// `parent`: of the job, whose pieces it may make. errc::forbidden for any other name.
result<file_ticket> write_ticket(const mesh::put_file& asked, job_id parent, const std::string& node, timestamp now);

} // namespace troupe::cluster
