#include "actors/library/store_reader.hpp"

namespace troupe::catalogue {

namespace {

using self_ptr = store_reader::stateful_pointer<store_reader_state>;

/// Runs one read; a connection whose call failed for want of the database is dropped and opened anew next time.
template <class F>
auto read(self_ptr self, ports::database& db, F f) -> caf::result<typename std::invoke_result_t<F, ports::store_reader&>::value_type> {
  auto& reader = self->state.reader;
  if (!reader) {
    auto opened = db.open_reader();
    if (!opened)
      return mesh::to_caf(opened.error());
    reader = std::move(*opened);
  }
  auto got = f(*reader);
  if (!got) {
    if (got.error().code == errc::unavailable || got.error().code == errc::io)
      reader.reset();
    return mesh::to_caf(got.error());
  }
  return std::move(*got);
}

/// Wraps a list into its message.
template <class Message, class F>
auto read_list(self_ptr self, ports::database& db, F f) -> caf::result<Message> {
  return read(self, db, [&](ports::store_reader& r) -> result<Message> {
    auto got = f(r);
    if (!got)
      return std::move(got).error();
    return Message{std::move(*got)};
  });
}

result<mesh::job_with_children> job_of(ports::store_reader& r, job_id id) {
  auto item = r.find_job(id);
  if (!item)
    return std::move(item).error();
  auto children = r.children_of(id);
  if (!children)
    return std::move(children).error();
  return mesh::job_with_children{std::move(*item), std::move(*children)};
}

} // namespace

store_reader::behavior_type store_reader_actor(self_ptr self, std::shared_ptr<ports::database> database) {
  return {
    [=](const video_query& x) {
      return read(self, *database, [&](ports::store_reader& r) {
        return r.list_videos(x);
      });
    },
    [=](const mesh::get_video& x) {
      return read(self, *database, [&](ports::store_reader& r) {
        return r.find_video(x.id);
      });
    },
    [=](const mesh::get_categories&) {
      return read_list<mesh::category_list>(self, *database, [](ports::store_reader& r) {
        return r.categories();
      });
    },
    [=](const mesh::get_scans& x) {
      return read_list<mesh::scan_list>(self, *database, [&](ports::store_reader& r) {
        return r.scans(x.limit);
      });
    },
    [=](const mesh::get_scan& x) {
      return read(self, *database, [&](ports::store_reader& r) {
        return r.find_scan(x.id);
      });
    },
    [=](const mesh::get_known_files& x) {
      return read_list<mesh::known_file_list>(self, *database, [&](ports::store_reader& r) {
        return r.known_files(x.library, x.after, x.limit);
      });
    },
    [=](const job_query& x) {
      return read(self, *database, [&](ports::store_reader& r) {
        return r.list_jobs(x);
      });
    },
    [=](const mesh::get_job& x) {
      return read(self, *database, [&](ports::store_reader& r) {
        return job_of(r, x.id);
      });
    },
    [=](const mesh::get_libraries&) {
      return read_list<mesh::library_list>(self, *database, [](ports::store_reader& r) {
        return r.libraries();
      });
    },
  };
}

} // namespace troupe::catalogue
