#include "actors/library/publication.hpp"

#include "actors/media/attempt.hpp"
#include "actors/media/chunk_payloads.hpp"
#include "actors/media/cleanup.hpp"
#include "actors/media/payloads.hpp"

#include <algorithm>
#include <array>

namespace troupe::catalogue {

namespace {

timestamp wall_now() {
  return system_clocks{}.wall();
}

std::string name_of(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

job_spec spec_of(const work::ingest_payload& payload) {
  job_spec spec;
  spec.kind = "ingest";
  spec.payload = encode(payload);
  spec.unique_key = "ingest:" + payload.video.str() + ":" + payload.version.str();
  spec.prefers = {library_capability(payload.library)};
  return spec;
}

/// Its videos have no row before their ingest has ended. Those of other libraries got theirs from a scan.
bool is_built_in(library_id id) {
  return id == uploads_library || id == downloads_library;
}

/// Refuses an answer that is about something else than was asked for.
result<void> check_same(std::string_view what, const std::string& asked, const std::string& answered) {
  if (asked == answered)
    return {};
  return {errc::internal, "the worker's answer is of " + std::string{what} + " " + answered + ", but the job is of "
                            + std::string{what} + " " + asked};
}

/// Work that follows from the end of a job.
job_spec following(job_spec spec, const job& x) {
  spec.parent = x.id;
  spec.owner = x.spec.owner;
  spec.request_id = x.spec.request_id;
  spec.traceparent = x.spec.traceparent;
  return spec;
}

result<dispatch::consequences> publish_ingest(const job& x, const std::string& text, const work::media_policy& policy) {
  auto made = work::decode_ingest_result(text);
  if (!made)
    return {errc::internal, "the worker's answer can't be read: " + made.error().message};
  auto asked = work::decode_ingest_payload(x.spec.payload);
  if (!asked)
    return std::move(asked).error();
  TROUPE_TRY(check_same("video", asked->video.str(), made->item.id.str()));
  TROUPE_TRY(check_same("library", asked->library.str(), made->item.library.str()));
  made->item.state = video_state::ready;
  made->item.created = made->item.updated = wall_now();
  dispatch::consequences out;
  if (auto spec = work::storyboard_after_ingest(policy, made->item))
    out.when_room.push_back(following(*std::move(spec), x));
  auto& rows = is_built_in(made->item.library) ? out.catalogue.added : out.catalogue.ingested;
  rows.push_back(std::move(made->item));
  return out;
}

result<dispatch::consequences> publish_transcode(const job& x, const std::string& text) {
  auto made = work::decode_transcode_result(text);
  if (!made)
    return {errc::internal, "the worker's answer can't be read: " + made.error().message};
  auto asked =
    x.spec.kind == "hls" ? work::decode_hls_payload(x.spec.payload) : work::decode_transcode_payload(x.spec.payload);
  if (!asked)
    return std::move(asked).error();
  auto& r = made->item;
  TROUPE_TRY(check_same("video", asked->video.str(), r.video.str()));
  // One rendition a job, whoever says it how often.
  r.id = rendition_id{x.id.raw};
  r.made_by = x.id.str();
  r.created = wall_now();
  dispatch::consequences out;
  out.catalogue.renditions.push_back(std::move(r));
  return out;
}

result<dispatch::consequences> publish_storyboard(const job& x, const std::string& text) {
  auto made = work::decode_storyboard_result(text);
  if (!made)
    return {errc::internal, "the worker's answer can't be read: " + made.error().message};
  auto asked = work::decode_storyboard_payload(x.spec.payload);
  if (!asked)
    return std::move(asked).error();
  TROUPE_TRY(check_same("video", asked->video.str(), made->item.video.str()));
  made->item.made_by = x.id.str();
  made->item.created = wall_now();
  dispatch::consequences out;
  out.catalogue.storyboards.push_back(std::move(made->item));
  return out;
}

result<dispatch::consequences> publish_download(const std::string& data_folder, const job& x, const std::string& text) {
  auto made = work::decode_download_result(text);
  if (!made)
    return {errc::internal, "the worker's answer can't be read: " + made.error().message};
  work::ingest_payload payload;
  // Derived from the job, so that the same download never becomes two videos.
  payload.video = video_id{x.id.raw};
  payload.library = downloads_library;
  payload.relative_path = made->relative_path;
  payload.path = data_folder + "/downloads/" + made->relative_path;
  payload.version = made->version;
  payload.title = made->title;
  payload.category = made->category.empty() ? "downloads" : made->category;
  dispatch::consequences out;
  out.follow_ups.push_back(following(spec_of(payload), x));
  return out;
}

} // namespace

std::string title_of_name(std::string_view file_name) {
  auto dot = file_name.rfind('.');
  std::string out{file_name.substr(0, dot == 0 ? std::string_view::npos : dot)};
  std::replace_if(
    out.begin(), out.end(), [](char c) { return c == '_' || c == '.'; }, ' ');
  auto begin = out.find_first_not_of(' ');
  if (begin == std::string::npos)
    return std::string{file_name};
  return out.substr(begin, out.find_last_not_of(' ') - begin + 1);
}

video video_of_found(const library& home, const known_file& file, timestamp now) {
  video v;
  v.id = file.id ? file.id : video_id{random_id()};
  v.library = home.id;
  v.category = home.category;
  v.path = file.path;
  v.title = title_of_name(name_of(file.path));
  v.version = file.version;
  v.state = video_state::pending;
  v.created = v.updated = now;
  return v;
}

job_spec ingest_spec(const library& home, const video& item, job_id parent) {
  work::ingest_payload payload;
  payload.video = item.id;
  payload.library = home.id;
  payload.relative_path = item.path;
  payload.path = home.root + "/" + item.path;
  payload.version = item.version;
  payload.title = item.title;
  payload.category = item.category;
  auto spec = spec_of(payload);
  spec.parent = parent;
  return spec;
}

job_spec ingest_upload_spec(const std::string& uploads_root, const std::string& path, const std::string& original_name,
                            const std::string& category) {
  work::ingest_payload payload;
  payload.video = video_id{random_id()};
  payload.library = uploads_library;
  payload.relative_path = path;
  payload.path = uploads_root + "/" + path;
  payload.title = title_of_name(original_name);
  payload.category = category.empty() ? "uploads" : category;
  auto spec = spec_of(payload);
  // The folder is named by the upload's id: so a clean-up knows whose it is.
  if (auto id = job_id::parse(path.substr(0, path.find('/'))))
    spec.id = *id;
  // An upload is somebody who waits for an answer.
  spec.priority = 3;
  return spec;
}

result<dispatch::consequences> on_completed(const std::string& data_folder, const job& x, const std::string& text,
                                            const work::media_policy& policy) {
  if (x.spec.kind == "ingest")
    return publish_ingest(x, text, policy);
  if (x.spec.kind == "transcode" || x.spec.kind == "hls")
    return publish_transcode(x, text);
  if (x.spec.kind == "storyboard")
    return publish_storyboard(x, text);
  if (x.spec.kind == "download")
    return publish_download(data_folder, x, text);
  return dispatch::consequences{};
}

dispatch::consequences on_ended(const job& x) {
  dispatch::consequences out;
  if (x.spec.kind != "ingest" || x.state != job_state::failed)
    return out;
  auto payload = work::decode_ingest_payload(x.spec.payload);
  // A scan's file has its row already and shows what is wrong with it; an upload that is no video gets none.
  if (!payload || is_built_in(payload->library))
    return out;
  video v;
  v.id = payload->video;
  v.library = payload->library;
  v.category = payload->category;
  v.path = payload->relative_path;
  v.title = payload->title;
  v.version = payload->version;
  v.state = video_state::failed;
  v.problem = x.last_error;
  v.created = v.updated = wall_now();
  out.catalogue.ingested.push_back(std::move(v));
  return out;
}

bool is_observed(const job& x) {
  constexpr std::array<std::string_view, 6> kinds{"ingest", "transcode", "hls", "storyboard", "download", "scan"};
  return std::find(kinds.begin(), kinds.end(), x.spec.kind) != kinds.end();
}

std::optional<job_target> target_of(const job& x) {
  if (x.spec.kind == "ingest") {
    if (auto payload = work::decode_ingest_payload(x.spec.payload))
      return job_target{payload->video, payload->library};
  } else if (x.spec.kind == "transcode") {
    if (auto payload = work::decode_transcode_payload(x.spec.payload))
      return job_target{payload->video, {}};
  } else if (x.spec.kind == "hls") {
    if (auto payload = work::decode_hls_payload(x.spec.payload))
      return job_target{payload->video, {}};
  } else if (x.spec.kind == "storyboard") {
    if (auto payload = work::decode_storyboard_payload(x.spec.payload))
      return job_target{payload->video, {}};
  }
  return std::nullopt;
}

std::vector<std::string> outputs_of(const job& x, const std::string& text) {
  std::vector<std::string> out;
  if (x.spec.kind == "ingest") {
    if (auto made = work::decode_ingest_result(text))
      for (auto& picture : made->item.thumbnails)
        out.push_back(picture.file);
  } else if (x.spec.kind == "transcode" || x.spec.kind == "hls") {
    if (auto made = work::decode_transcode_result(text))
      out.push_back(made->item.file);
  } else if (x.spec.kind == "storyboard") {
    if (auto made = work::decode_storyboard_result(text))
      out.push_back(made->item.folder);
  } else if (x.spec.kind == "download") {
    if (auto made = work::decode_download_result(text))
      out.push_back("downloads/" + made->relative_path);
  } else if (x.spec.kind == "encode_chunk" || x.spec.kind == "encode_audio") {
    // A film that is silent has no file of its sound.
    if (auto made = work::decode_piece_result(text); made && !made->file.empty())
      out.push_back(made->file);
  }
  return out;
}

std::vector<std::string> files_of_result(const job& x) {
  auto out = outputs_of(x, x.result);
  std::erase_if(out, [&](const std::string& file) {
    auto owner = work::owner_of(name_of(file));
    bool ours = file.starts_with("artwork/") || file.starts_with("renditions/");
    return !ours || !owner || owner->job != x.id || file.find("..") != std::string::npos;
  });
  return out;
}

std::vector<std::string> leavings_of(const job& x) {
  if (x.spec.kind == "transcode" && is_terminal(x.state))
    return {work::pieces_folder(x.id)};
  if (x.spec.kind != "download" || (x.state != job_state::failed && x.state != job_state::cancelled))
    return {};
  // The part first: an attempt that is still ending takes the state away when its part is gone.
  auto part = "tmp/" + x.id.str() + ".part";
  return {part, part + ".state", "downloads/" + work::output_name(x.token())};
}

std::string category_of_ingest(const job& x) {
  auto payload = work::decode_ingest_payload(x.spec.payload);
  return payload ? payload->category : std::string{"default"};
}

} // namespace troupe::catalogue
