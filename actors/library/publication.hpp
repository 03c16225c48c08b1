#pragma once

// Between jobs and the catalogue: which job a file leads to, and what the end of a job writes. Actor-free; the
// dispatcher commits what the functions here return together with the end of the job.

#include "actors/dispatch/dispatcher.hpp"
#include "actors/media/media_jobs.hpp"
#include "protocol/model/catalogue.hpp"

namespace troupe::catalogue {

/// The row of a file that a scan found; a new one gets its id here.
video video_of_found(const library& home, const known_file& file, timestamp now);

/// The job that probes it and makes its thumbnails. At most one for a content at a time (unique key).
job_spec ingest_spec(const library& home, const video& item, job_id parent);
/// The same for a file below the data folder: "<data>/<library>/<path>".
job_spec ingest_upload_spec(const std::string& uploads_root, const std::string& path, const std::string& original_name,
                            const std::string& category);

/// dispatcher_config::on_completed. errc::internal when a result can't be read, or is of another video than the job.
/// `policy` says which work follows an ingest.
result<dispatch::consequences> on_completed(const std::string& data_folder, const job& x, const std::string& result,
                                            const work::media_policy& policy = {});
/// dispatcher_config::on_ended: a failed ingest is shown at its video.
dispatch::consequences on_ended(const job& x);
/// dispatcher_config::observed: what the librarian wants to hear of.
bool is_observed(const job& x);

/// The video that an ingest, transcode, hls or storyboard job is for; nothing for others, or when it can't be read.
struct job_target {
  video_id video;
  /// Of an ingest job only.
  library_id library;
};
std::optional<job_target> target_of(const job& x);
/// dispatcher_config::outputs_of. A result that can't be read names none.
std::vector<std::string> outputs_of(const job& x, const std::string& result);
/// The files and folders that the result of such a job names, relative to the data folder: only what carries the job's
/// own id.
std::vector<std::string> files_of_result(const job& x);
/// What nobody needs any more of a job that has ended, relative to the data folder: the part of a download that failed
/// for good or was cancelled, the pieces of a transcode however it ended.
std::vector<std::string> leavings_of(const job& x);

/// Category of the video of an ingest job, as its payload says.
std::string category_of_ingest(const job& x);

/// "My.Film_2019.mkv" → "My Film 2019": what a file is called until its own tags say better.
std::string title_of_name(std::string_view file_name);

} // namespace troupe::catalogue
