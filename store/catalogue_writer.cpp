#include "store/catalogue_writer.hpp"

#include "store/text.hpp"

namespace troupe::store {

namespace {

constexpr auto every_column = [](auto& r, auto f) { all_columns(r, f); };
constexpr auto key_only = [](auto& r, auto f) { r.key(f); };
constexpr auto changing_only = [](auto& r, auto f) { r.changing(f); };
constexpr auto place_and_version = [](video_row& r, auto f) {
  r.place(f);
  r.version(f);
};
constexpr auto state_and_facts = [](video_row& r, auto f) {
  f("state", r.state);
  f("updated_at", r.updated_at);
  r.facts(f);
};
constexpr auto version_facts_and_key = [](video_row& r, auto f) {
  r.version(f);
  r.facts(f);
  r.key(f);
};
constexpr auto path_and_key = [](video_row& r, auto f) {
  f("path", r.path);
  r.key(f);
};
constexpr auto state_and_key = [](video_row& r, auto f) {
  f("state", r.state);
  f("updated_at", r.updated_at);
  r.key(f);
};
constexpr auto edit_and_key = [](video_row& r, auto f) {
  f("title", r.title);
  f("title_folded", r.title_folded);
  f("category", r.category);
  f("updated_at", r.updated_at);
  r.key(f);
};

constexpr auto key_and_version = [](video_row& r, auto f) {
  r.key(f);
  f("size", r.size);
  f("mtime_ns", r.mtime_ns);
  f("inode", r.inode);
};
constexpr auto video_and_profile = [](rendition_row& r, auto f) {
  f("video", r.video);
  f("profile", r.profile);
};

template <class Row>
std::string put_sql(const std::string& table, const std::string& key = "id") {
  return insert_sql<Row>(table) + " ON CONFLICT (" + key + ") DO UPDATE SET " + take_excluded<Row>(changing_only);
}

/// Jobs' ids begin with the time of their submission: of two that are asked for at once the later wish stays.
const std::string newest_storyboard =
  " WHERE storyboards.made_by <= excluded.made_by OR storyboards.size <> excluded.size"
  " OR storyboards.mtime_ns <> excluded.mtime_ns"
  " OR storyboards.inode <> excluded.inode";

} // namespace

catalogue_writer::catalogue_writer(soci::session& sql, const engine& eng) :
  put_library_(sql, eng, put_sql<library_row>("libraries"), every_column),
  remove_library_(sql, eng, "DELETE FROM libraries WHERE id = :id", key_only),
  // Renditions and storyboards go with their video (ON DELETE CASCADE).
  remove_library_videos_(sql, eng, "DELETE FROM videos WHERE library = :id", key_only),
  vacate_(sql, eng, "UPDATE videos SET path = :path WHERE id = :id", path_and_key),
  found_(sql, eng,
         insert_sql<video_row>("videos") + " ON CONFLICT (id) DO UPDATE SET "
           + take_excluded<video_row>(place_and_version),
         every_column),
  added_(sql, eng, insert_sql<video_row>("videos") + " ON CONFLICT (id) DO NOTHING", every_column),
  ingested_(sql, eng,
            "UPDATE videos SET " + assignments<video_row>(state_and_facts)
              + " WHERE id = :id AND size = :size AND mtime_ns = :mtime_ns AND inode = :inode AND state <> 'removed'",
            version_facts_and_key),
  state_(sql, eng, "UPDATE videos SET state = :state, updated_at = :updated_at WHERE id = :id", state_and_key),
  edit_(sql, eng,
        "UPDATE videos SET title = :title, title_folded = :title_folded, category = :category,"
        " updated_at = :updated_at WHERE id = :id",
        edit_and_key),
  remove_video_(sql, eng, "DELETE FROM videos WHERE id = :id", key_only),
  add_rendition_(sql, eng, insert_sql<rendition_row>("renditions") + " ON CONFLICT (id) DO NOTHING", every_column),
  remove_rendition_(sql, eng, "DELETE FROM renditions WHERE id = :id", key_only),
  supersede_ladders_(
    sql, eng,
    "DELETE FROM renditions WHERE video = :video AND profile = :profile AND container = 'hls'"
    " AND EXISTS (SELECT 1 FROM renditions newer WHERE newer.video = renditions.video"
    " AND newer.profile = renditions.profile AND newer.container = 'hls' AND newer.id > renditions.id)",
    video_and_profile),
  outdate_ladders_(sql, eng,
                   "DELETE FROM renditions WHERE video = :id AND container = 'hls' AND (source_size <> :size"
                   " OR source_mtime_ns <> :mtime_ns OR source_inode <> :inode)",
                   key_and_version),
  outdate_storyboard_(sql, eng,
                      "DELETE FROM storyboards WHERE video = :id AND (size <> :size OR mtime_ns <> :mtime_ns"
                      " OR inode <> :inode)",
                      key_and_version),
  put_storyboard_(sql, eng, put_sql<storyboard_row>("storyboards", "video") + newest_storyboard, every_column),
  remove_storyboard_(sql, eng, "DELETE FROM storyboards WHERE video = :video", key_only),
  put_scan_(sql, eng, put_sql<scan_row>("scans"), every_column), has_video_(sql), has_content_(sql),
  is_elsewhere_(sql) {
  has_video_.exchange(soci::into(video_count_));
  has_video_.exchange(soci::use(wanted_video_, "id"));
  has_video_.alloc();
  has_video_.prepare("SELECT count(*) FROM videos WHERE id = :id AND state <> 'removed'");
  has_video_.define_and_bind();
  has_content_.exchange(soci::into(video_count_));
  auto& v = wanted_content_;
  has_content_.exchange(soci::use(v.id, "id"));
  has_content_.exchange(soci::use(v.size, "size"));
  has_content_.exchange(soci::use(v.mtime_ns, "mtime_ns"));
  has_content_.exchange(soci::use(v.inode, "inode"));
  has_content_.alloc();
  has_content_.prepare("SELECT count(*) FROM videos WHERE id = :id AND size = :size AND mtime_ns = :mtime_ns"
                       " AND inode = :inode AND state <> 'removed'");
  has_content_.define_and_bind();
  is_elsewhere_.exchange(soci::into(video_count_));
  is_elsewhere_.exchange(soci::use(wanted_video_, "id"));
  is_elsewhere_.exchange(soci::use(claimed_library_, "library"));
  is_elsewhere_.alloc();
  is_elsewhere_.prepare("SELECT count(*) FROM videos WHERE id = :id AND library <> :library");
  is_elsewhere_.define_and_bind();
}

bool catalogue_writer::is_elsewhere(video_id id, library_id library) {
  wanted_video_ = id.str();
  claimed_library_ = library.str();
  is_elsewhere_.execute(true);
  bool found = video_count_ > 0;
  while (is_elsewhere_.fetch()) {}
  return found;
}

bool catalogue_writer::has_video(video_id id) {
  wanted_video_ = id.str();
  has_video_.execute(true);
  bool found = video_count_ > 0;
  while (has_video_.fetch()) {}
  return found;
}

bool catalogue_writer::has_content(video_id id, const file_version& version) {
  wanted_content_.id = id.str();
  wanted_content_.size = static_cast<integer>(version.size);
  wanted_content_.mtime_ns = version.mtime_ns;
  wanted_content_.inode = static_cast<integer>(version.inode);
  has_content_.execute(true);
  bool found = video_count_ > 0;
  while (has_content_.fetch()) {}
  return found;
}

void catalogue_writer::apply_ingested(const std::vector<video>& ingested) {
  for (auto& v : ingested) {
    set_all(ingested_.row, v);
    if (ingested_.execute() == 0)
      continue;
    // What was made of an earlier content would pass for this one's.
    set_all(outdate_ladders_.row, v);
    outdate_ladders_.execute();
    set_all(outdate_storyboard_.row, v);
    outdate_storyboard_.execute();
  }
}

void catalogue_writer::apply_renditions(const ports::catalogue_changes& x) {
  for (auto& r : x.renditions) {
    if (r.is_ladder() ? !has_content(r.video, r.version) : !has_video(r.video))
      continue;
    set_all(add_rendition_.row, r);
    add_rendition_.execute();
    if (!r.is_ladder())
      continue;
    // Nobody would find the older one. It may be this: jobs don't end in the order of their submission.
    set_all(supersede_ladders_.row, r);
    supersede_ladders_.execute();
  }
  for (auto& id : x.removed_renditions) {
    remove_rendition_.row.id = id.str();
    remove_rendition_.execute();
  }
}

void catalogue_writer::apply_storyboards(const ports::catalogue_changes& x) {
  for (auto& s : x.storyboards) {
    if (!has_content(s.video, s.version))
      continue;
    set_all(put_storyboard_.row, s);
    put_storyboard_.execute();
  }
  for (auto& id : x.removed_storyboards) {
    remove_storyboard_.row.video = id.str();
    remove_storyboard_.execute();
  }
}

void catalogue_writer::remove(const ports::catalogue_changes& x) {
  for (auto& id : x.removed_libraries) {
    remove_library_videos_.row.id = remove_library_.row.id = id.str();
    remove_library_videos_.execute();
    remove_library_.execute();
  }
  for (auto& id : x.removed_videos) {
    remove_video_.row.id = id.str();
    remove_video_.execute();
  }
}

void catalogue_writer::apply_found(const std::vector<video>& found) {
  // Files may have changed places among themselves: each leaves its path before any takes its new one. No path of a
  // file begins with a slash.
  if (found.size() > 1)
    for (auto& v : found) {
      vacate_.row.id = v.id.str();
      vacate_.row.path.value = "/" + v.id.str();
      vacate_.execute();
    }
  for (auto& v : found) {
    set_all(found_.row, v);
    found_.execute();
  }
}

void catalogue_writer::apply(const ports::catalogue_changes& x) {
  for (auto& lib : x.libraries) {
    set_all(put_library_.row, lib);
    put_library_.execute();
  }
  remove(x);
  apply_found(x.found);
  for (auto& v : x.added) {
    set_all(added_.row, v);
    added_.execute();
  }
  apply_ingested(x.ingested);
  for (auto& s : x.states) {
    state_.row.id = s.id.str();
    state_.row.state = to_string(s.state);
    state_.row.updated_at = to_ms(s.at);
    state_.execute();
  }
  for (auto& v : x.edited) {
    edit_.row.id = v.id.str();
    edit_.row.title = v.title;
    edit_.row.title_folded = fold_case(v.title);
    edit_.row.category = v.category;
    edit_.row.updated_at = to_ms(v.updated);
    edit_.execute();
  }
  apply_renditions(x);
  apply_storyboards(x);
  for (auto& s : x.scans) {
    set_all(put_scan_.row, s);
    put_scan_.execute();
  }
}

} // namespace troupe::store
