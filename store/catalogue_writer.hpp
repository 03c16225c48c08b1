#pragma once

#include "store/statements.hpp"

namespace troupe::store {

/// The statements that change the catalogue. Lives as long as its session; every call may throw.
class catalogue_writer {
public:
  catalogue_writer(soci::session& sql, const engine& eng);

  void apply(const ports::catalogue_changes& x);
  /// There, as a video of another library.
  bool is_elsewhere(video_id id, library_id library);

private:
  void remove(const ports::catalogue_changes& x);
  /// There, and not removed by a person.
  bool has_video(video_id id);
  /// The same, and with this very content.
  bool has_content(video_id id, const file_version& version);
  void apply_storyboards(const ports::catalogue_changes& x);
  void apply_renditions(const ports::catalogue_changes& x);
  void apply_ingested(const std::vector<video>& ingested);
  void apply_found(const std::vector<video>& found);

  change<library_row> put_library_;
  change<library_row> remove_library_;
  change<library_row> remove_library_videos_;
  change<video_row> vacate_;
  change<video_row> found_;
  change<video_row> added_;
  change<video_row> ingested_;
  change<video_row> state_;
  change<video_row> edit_;
  change<video_row> remove_video_;
  change<rendition_row> add_rendition_;
  change<rendition_row> remove_rendition_;
  change<rendition_row> supersede_ladders_;
  change<video_row> outdate_ladders_;
  change<video_row> outdate_storyboard_;
  change<storyboard_row> put_storyboard_;
  change<storyboard_row> remove_storyboard_;
  change<scan_row> put_scan_;
  std::string wanted_video_;
  integer video_count_ = 0;
  soci::statement has_video_;
  video_row wanted_content_;
  soci::statement has_content_;
  std::string claimed_library_;
  soci::statement is_elsewhere_;
};

} // namespace troupe::store
