#include "store/connection.hpp"
#include "store/query.hpp"
#include "store/row_values.hpp"
#include "store/statements.hpp"
#include "store/writer.hpp"

namespace troupe::store {

namespace {

/// Statements are prepared for each call: a reader may stand idle for long, and holds no snapshot meanwhile.
class reader final : public ports::store_reader {
public:
  explicit reader(std::shared_ptr<const engine> eng) : conn_(std::move(eng), access::read) {
  }

  result<void> ping() override {
    return run([](soci::session& sql) -> result<void> {
      int one = 0;
      sql << "SELECT 1", soci::into(one);
      return {};
    });
  }

  result<job> find_job(job_id id) override {
    return find<job>(id.str(), "jobs", "job", [](job_row& row) { return to_job(row); });
  }
  result<std::vector<job_id>> children_of(job_id id) override;
  result<job_page> list_jobs(const job_query& query) override;

  result<std::vector<library>> libraries() override;
  result<std::vector<category_count>> categories() override;
  result<video_page> list_videos(const video_query& query) override;
  result<video_detail> find_video(video_id id) override;
  result<std::vector<known_file>> known_files(library_id lib, std::string_view after, uint32_t limit) override;
  result<std::vector<scan>> scans(uint32_t limit) override;
  result<scan> find_scan(scan_id id) override {
    return find<scan>(id.str(), "scans", "scan", [](scan_row& row) { return to_scan(row); });
  }
  result<std::vector<std::string>> referenced_files() override;

private:
  /// All that `f` reads is of one moment.
  template <class F>
  auto run(F&& f) -> decltype(f(std::declval<soci::session&>())) {
    auto answer = conn_.run([&](soci::session& sql) {
      conn_.eng().run_script(sql, conn_.eng().begin_read());
      auto out = f(sql);
      conn_.eng().run_script(sql, "COMMIT");
      return out;
    });
    if (std::exchange(conn_.broken, false))
      conn_.close();
    return answer;
  }

  template <class T, class Convert>
  result<T> find(std::string id, const char* table, const char* what, Convert convert) {
    using row_type = typename row_of<Convert>::type;
    return run([&](soci::session& sql) -> result<T> {
      std::optional<T> found;
      select<row_type>(
        sql, conn_.eng(), "WHERE id = :id", table, [&](soci::statement& st) { st.exchange(soci::use(id, "id")); },
        [&](row_type& row) { found = convert(row); });
      if (!found)
        return {errc::not_found, std::string{what} + " " + id + " does not exist"};
      return std::move(*found);
    });
  }

  template <class Convert>
  struct row_of;
  template <class C>
  requires requires(C c, job_row& r) {
    c(r);
  }
  struct row_of<C> {
    using type = job_row;
  };
  template <class C>
  requires requires(C c, scan_row& r) {
    c(r);
  }
  struct row_of<C> {
    using type = scan_row;
  };

  connection conn_;
};

void find_total(soci::session& sql, const std::string& table, filter& where, uint64_t& total) {
  integer count = 0;
  soci::statement st{sql};
  st.exchange(soci::into(count));
  where.bind(st);
  st.alloc();
  st.prepare("SELECT count(*) FROM " + table + where.sql());
  st.define_and_bind();
  st.execute();
  while (st.fetch()) {}
  total = static_cast<uint64_t>(count);
}

result<std::vector<job_id>> reader::children_of(job_id id) {
  return run([&](soci::session& sql) -> result<std::vector<job_id>> {
    std::vector<job_id> out;
    std::string parent = id.str();
    std::string child;
    soci::statement st = (sql.prepare << "SELECT id FROM jobs WHERE parent = :parent AND parent <> '' ORDER BY id",
                          soci::use(parent, "parent"), soci::into(child));
    st.execute();
    while (st.fetch())
      out.push_back(id_from<job_id>(child));
    return out;
  });
}

result<job_page> reader::list_jobs(const job_query& query) {
  auto where = job_filter(query, conn_.eng());
  if (!where)
    return where.error();
  return run([&](soci::session& sql) -> result<job_page> {
    job_page out;
    find_total(sql, "jobs", *where, out.total);
    page_window window{query.page, query.limit};
    select<job_row>(
      sql, conn_.eng(), where->sql() + " ORDER BY id DESC" + window.sql(), "jobs",
      [&](soci::statement& st) {
        where->bind(st);
        window.bind(st);
      },
      [&](job_row& row) { out.jobs.push_back(to_job(row)); });
    return out;
  });
}

result<std::vector<library>> reader::libraries() {
  return run([&](soci::session& sql) -> result<std::vector<library>> {
    std::vector<library> out;
    select<library_row>(
      sql, conn_.eng(), "ORDER BY name, id", "libraries", [](soci::statement&) {},
      [&](library_row& row) { out.push_back(to_library(row)); });
    return out;
  });
}

result<std::vector<category_count>> reader::categories() {
  return run([&](soci::session& sql) -> result<std::vector<category_count>> {
    std::vector<category_count> out;
    std::string category;
    integer count = 0;
    soci::statement st =
      (sql.prepare << "SELECT category, count(*) FROM videos WHERE state = 'ready' GROUP BY category ORDER BY category",
       soci::into(category), soci::into(count));
    st.execute();
    while (st.fetch()) {
      conn_.eng().decode_text(category);
      out.push_back({category, static_cast<uint64_t>(count)});
    }
    return out;
  });
}

result<video_page> reader::list_videos(const video_query& query) {
  auto where = video_filter(query, conn_.eng());
  if (!where)
    return where.error();
  auto order = video_order(query.sort);
  if (!order)
    return order.error();
  return run([&](soci::session& sql) -> result<video_page> {
    video_page out;
    find_total(sql, "videos", *where, out.total);
    page_window window{query.page, query.limit};
    select<video_row>(
      sql, conn_.eng(), where->sql() + *order + window.sql(), "videos",
      [&](soci::statement& st) {
        where->bind(st);
        window.bind(st);
      },
      [&](video_row& row) { out.videos.push_back(to_video(row)); });
    return out;
  });
}

result<video_detail> reader::find_video(video_id id) {
  return run([&](soci::session& sql) -> result<video_detail> {
    std::optional<video_detail> found;
    std::string key = id.str();
    std::string home;
    auto by = [](std::string& value) { return [&value](soci::statement& st) { st.exchange(soci::use(value, "id")); }; };
    select<video_row>(sql, conn_.eng(), "WHERE id = :id", "videos", by(key), [&](video_row& row) {
      home = row.library;
      found.emplace().item = to_video(row);
    });
    if (!found)
      return {errc::not_found, "video " + key + " does not exist"};
    select<library_row>(sql, conn_.eng(), "WHERE id = :id", "libraries", by(home),
                        [&](library_row& row) { found->home = to_library(row); });
    select<rendition_row>(sql, conn_.eng(), "WHERE video = :id ORDER BY id", "renditions", by(key),
                          [&](rendition_row& row) { found->renditions.push_back(to_rendition(row)); });
    select<storyboard_row>(sql, conn_.eng(), "WHERE video = :id", "storyboards", by(key), [&](storyboard_row& row) {
      // One of an earlier content shows what is not there any more.
      if (auto made = to_storyboard(row); made.version == found->item.version)
        found->board = std::move(made);
    });
    return std::move(*found);
  });
}

result<std::vector<known_file>> reader::known_files(library_id lib, std::string_view after, uint32_t limit) {
  return run([&](soci::session& sql) -> result<std::vector<known_file>> {
    std::vector<known_file> out;
    auto& eng = conn_.eng();
    std::string library = id_text(lib);
    std::string from{after};
    eng.encode_bytes(from);
    std::string beyond = from;
    integer most = limit;
    std::string id, path, state;
    integer size = 0, mtime = 0, inode = 0;
    soci::statement st =
      (sql.prepare << std::string{"SELECT id, path, size, mtime_ns, inode, state FROM videos WHERE library = :library"
                                  " AND "}
                        + eng.path_after() + " ORDER BY " + eng.path_order() + " LIMIT :most",
       soci::into(id), soci::into(path), soci::into(size), soci::into(mtime), soci::into(inode), soci::into(state),
       soci::use(library, "library"), soci::use(from, "from"), soci::use(beyond, "after"), soci::use(most, "most"));
    st.execute();
    while (st.fetch()) {
      eng.decode_bytes(path);
      out.push_back({id_from<video_id>(id),
                     path,
                     {static_cast<uint64_t>(size), mtime, static_cast<uint64_t>(inode)},
                     state_from(state)});
    }
    return out;
  });
}

result<std::vector<scan>> reader::scans(uint32_t limit) {
  return run([&](soci::session& sql) -> result<std::vector<scan>> {
    std::vector<scan> out;
    integer most = limit;
    select<scan_row>(
      sql, conn_.eng(), "ORDER BY id DESC LIMIT :most", "scans",
      [&](soci::statement& st) { st.exchange(soci::use(most, "most")); },
      [&](scan_row& row) { out.push_back(to_scan(row)); });
    return out;
  });
}

result<std::vector<std::string>> reader::referenced_files() {
  return run([&](soci::session& sql) -> result<std::vector<std::string>> {
    std::vector<std::string> out;
    auto& eng = conn_.eng();
    std::string text;
    auto each = [&](const char* query, auto f) {
      soci::statement st = (sql.prepare << query, soci::into(text));
      st.execute();
      while (st.fetch())
        f();
    };
    each("SELECT file FROM renditions WHERE file <> ''", [&] {
      eng.decode_text(text);
      out.push_back(text);
    });
    // One of an earlier content is shown to nobody.
    each("SELECT s.folder FROM storyboards s JOIN videos v ON v.id = s.video AND v.size = s.size"
         " AND v.mtime_ns = s.mtime_ns AND v.inode = s.inode WHERE s.folder <> ''",
         [&] {
           eng.decode_text(text);
           out.push_back(text);
         });
    each("SELECT thumbnails FROM videos WHERE thumbnails <> ''", [&] {
      eng.decode_text(text);
      for (auto& p : pictures_from(text))
        out.push_back(std::move(p.file));
    });
    auto below = [&](library_origin origin, const std::string& folder) {
      auto query = "SELECT v.path FROM videos v JOIN libraries l ON l.id = v.library WHERE l.origin = "
                   + std::to_string(static_cast<int>(origin));
      each(query.c_str(), [&] {
        eng.decode_bytes(text);
        out.push_back(folder + text);
      });
    };
    below(library_origin::uploads, "uploads/");
    below(library_origin::downloads, "downloads/");
    return out;
  });
}

} // namespace

result<std::unique_ptr<ports::store_reader>> make_reader(std::shared_ptr<const engine> eng) {
  auto made = std::make_unique<reader>(std::move(eng));
  TROUPE_TRY(made->ping());
  return std::unique_ptr<ports::store_reader>{std::move(made)};
}

} // namespace troupe::store
