#include "store/row_values.hpp"
#include "store/text.hpp"

namespace troupe::store {

void set_all(library_row& row, const library& x) {
  row.id = x.id.str();
  row.name = x.name;
  row.category = x.category;
  row.root = x.root;
  row.origin = static_cast<integer>(x.origin);
  row.created_at = to_ms(x.created);
  row.updated_at = to_ms(x.updated);
}

library to_library(const library_row& row) {
  library x;
  x.id = id_from<library_id>(row.id);
  x.name = row.name;
  x.category = row.category;
  x.root = row.root;
  x.origin = static_cast<library_origin>(row.origin);
  x.created = from_ms(row.created_at);
  x.updated = from_ms(row.updated_at);
  return x;
}

void set_all(video_row& row, const video& x) {
  row.id = x.id.str();
  row.library = id_text(x.library);
  row.category = x.category;
  row.title = x.title;
  row.title_folded = fold_case(x.title);
  row.path.value = x.path;
  row.size = static_cast<integer>(x.version.size);
  row.mtime_ns = x.version.mtime_ns;
  row.inode = static_cast<integer>(x.version.inode);
  row.state = to_string(x.state);
  if (x.problem.code == errc::none)
    row.problem.clear();
  else
    row.problem = encode(x.problem);
  row.duration = x.duration;
  row.width = x.width;
  row.height = x.height;
  row.video_codec = x.video_codec;
  row.audio_codec = x.audio_codec;
  row.container = x.container;
  row.media = x.media;
  json_into(row.thumbnails, x.thumbnails);
  row.created_at = to_ms(x.created);
  row.updated_at = to_ms(x.updated);
}

video to_video(video_row& row) {
  video x;
  x.id = id_from<video_id>(row.id);
  x.library = id_from<library_id>(row.library);
  x.category = std::move(row.category);
  x.title = std::move(row.title);
  x.path = std::move(row.path.value);
  x.version = {static_cast<uint64_t>(row.size), row.mtime_ns, static_cast<uint64_t>(row.inode)};
  x.state = state_from(row.state);
  x.problem = error_from(row.problem, "problem");
  x.duration = row.duration;
  x.width = static_cast<uint32_t>(row.width);
  x.height = static_cast<uint32_t>(row.height);
  x.video_codec = std::move(row.video_codec);
  x.audio_codec = std::move(row.audio_codec);
  x.container = std::move(row.container);
  x.media = std::move(row.media);
  x.thumbnails = pictures_from(row.thumbnails);
  x.created = from_ms(row.created_at);
  x.updated = from_ms(row.updated_at);
  return x;
}

void set_all(rendition_row& row, const rendition& x) {
  row.id = x.id.str();
  row.video = id_text(x.video);
  row.source_size = static_cast<integer>(x.version.size);
  row.source_mtime_ns = x.version.mtime_ns;
  row.source_inode = static_cast<integer>(x.version.inode);
  row.profile = x.profile;
  row.file = x.file;
  row.size = static_cast<integer>(x.size);
  row.duration = x.duration;
  row.width = x.width;
  row.height = x.height;
  row.video_codec = x.video_codec;
  row.audio_codec = x.audio_codec;
  row.container = x.container;
  row.made_by = x.made_by;
  row.created_at = to_ms(x.created);
}

rendition to_rendition(rendition_row& row) {
  rendition x;
  x.id = id_from<rendition_id>(row.id);
  x.video = id_from<video_id>(row.video);
  x.version = {static_cast<uint64_t>(row.source_size), row.source_mtime_ns, static_cast<uint64_t>(row.source_inode)};
  x.profile = std::move(row.profile);
  x.file = std::move(row.file);
  x.size = static_cast<uint64_t>(row.size);
  x.duration = row.duration;
  x.width = static_cast<uint32_t>(row.width);
  x.height = static_cast<uint32_t>(row.height);
  x.video_codec = std::move(row.video_codec);
  x.audio_codec = std::move(row.audio_codec);
  x.container = std::move(row.container);
  x.made_by = std::move(row.made_by);
  x.created = from_ms(row.created_at);
  return x;
}

void set_all(storyboard_row& row, const storyboard& x) {
  row.video = id_text(x.video);
  row.size = static_cast<integer>(x.version.size);
  row.mtime_ns = x.version.mtime_ns;
  row.inode = static_cast<integer>(x.version.inode);
  row.folder = x.folder;
  row.tile_width = x.tile_width;
  row.tile_height = x.tile_height;
  row.tile_columns = x.columns;
  row.tile_rows = x.rows;
  row.tiles = x.count;
  row.interval_ms = x.interval.count();
  row.asked_width = x.asked_width;
  row.asked_interval_ms = x.asked_interval.count();
  row.has_bif = x.bif ? 1 : 0;
  row.jellyfin = x.jellyfin ? 1 : 0;
  row.bytes = static_cast<integer>(x.bytes);
  row.made_by = x.made_by;
  row.created_at = to_ms(x.created);
}

storyboard to_storyboard(storyboard_row& row) {
  storyboard x;
  x.video = id_from<video_id>(row.video);
  x.version = {static_cast<uint64_t>(row.size), row.mtime_ns, static_cast<uint64_t>(row.inode)};
  x.folder = std::move(row.folder);
  x.tile_width = static_cast<uint32_t>(row.tile_width);
  x.tile_height = static_cast<uint32_t>(row.tile_height);
  x.columns = static_cast<uint32_t>(row.tile_columns);
  x.rows = static_cast<uint32_t>(row.tile_rows);
  x.count = static_cast<uint32_t>(row.tiles);
  x.interval = milliseconds{row.interval_ms};
  x.asked_width = static_cast<uint32_t>(row.asked_width);
  x.asked_interval = milliseconds{row.asked_interval_ms};
  x.bif = row.has_bif != 0;
  x.jellyfin = row.jellyfin != 0;
  x.bytes = static_cast<uint64_t>(row.bytes);
  x.made_by = std::move(row.made_by);
  x.created = from_ms(row.created_at);
  return x;
}

void set_all(scan_row& row, const scan& x) {
  row.id = x.id.str();
  row.library = id_text(x.library);
  row.job = x.job;
  row.status = to_string(x.status);
  json_into(row.counters, x.counters);
  row.started_at = to_ms(x.started);
  row.discovering_ended_at = to_ms(x.discovering_ended);
  row.scanning_ended_at = to_ms(x.scanning_ended);
  row.caching_ended_at = to_ms(x.caching_ended);
  row.enriching_ended_at = to_ms(x.enriching_ended);
  row.finished_at = to_ms(x.finished);
  json_into(row.problems, x.problems);
}

scan to_scan(scan_row& row) {
  scan x;
  x.id = id_from<scan_id>(row.id);
  x.library = id_from<library_id>(row.library);
  x.job = std::move(row.job);
  x.status = named(scan_status_from(row.status), "status", row.status);
  x.counters = json_from(row.counters, decode_counters, "counters");
  x.started = from_ms(row.started_at);
  x.discovering_ended = from_ms(row.discovering_ended_at);
  x.scanning_ended = from_ms(row.scanning_ended_at);
  x.caching_ended = from_ms(row.caching_ended_at);
  x.enriching_ended = from_ms(row.enriching_ended_at);
  x.finished = from_ms(row.finished_at);
  x.problems = json_from(row.problems, decode_strings, "problems");
  return x;
}

std::vector<picture> pictures_from(const std::string& json) {
  return json_from(json, decode_pictures, "thumbnails");
}

video_state state_from(const std::string& name) {
  return named(video_state_from(name), "state", name);
}

} // namespace troupe::store
