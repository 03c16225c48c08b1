#include "actors/library/blocking.hpp"
#include "actors/library/librarian_parts.hpp"
#include "actors/library/publication.hpp"

#include <spdlog/spdlog.h>

namespace troupe::catalogue {

namespace {

/// So many removed videos are remembered, for what is still being made of them; of older ones the cleanup takes it.
constexpr size_t most_removed = 10'000;

void remember_removed(librarian_state& st, video_id id) {
  if (st.removed.size() >= most_removed)
    st.removed.clear();
  st.removed.insert(id);
}

/// A tombstone first, then the file, then the row: whatever is interrupted, nothing comes back and no file is
/// forgotten silently.
void erase_file_and_row(librarian_ptr self, const video_detail& d, caf::typed_response_promise<mesh::done> reply) {
  auto files = self->state.config.files;
  auto path = d.home.root + "/" + d.item.path;
  run_blocking(
    self, self->state.config.detached,
    [files, path]() -> error {
      auto removed = files->remove(path);
      return removed ? error{errc::none, {}} : removed.error();
    },
    [self, d, reply](const error& problem) mutable {
      if (problem.code != errc::none) {
        reply.deliver(mesh::to_caf(problem));
        return;
      }
      ports::unit_of_work unit;
      unit.catalogue.removed_videos.push_back(d.item.id);
      commit(self, std::move(unit), [reply](const error* err) mutable {
        if (err)
          reply.deliver(mesh::to_caf(*err));
        else
          reply.deliver(mesh::done{});
      });
    });
}

} // namespace

caf::result<mesh::done> drop_video(librarian_ptr self, mesh::remove_video what) {
  auto& st = self->state;
  if (!st.loaded)
    return mesh::to_caf(loading_error);
  auto reply = self->make_response_promise<mesh::done>();
  self->request(st.peers.reader, std::chrono::seconds{10}, mesh::get_video{what.id})
    .then(
      [=](video_detail& d) mutable {
        ports::unit_of_work unit;
        unit.catalogue.states.push_back({d.item.id, video_state::removed, now()});
        for (auto& r : d.renditions)
          unit.catalogue.removed_renditions.push_back(r.id);
        // One of an earlier content, too, which the detail doesn't show.
        unit.catalogue.removed_storyboards.push_back(d.item.id);
        bool with_file = what.delete_file || d.home.origin != library_origin::folder;
        commit(self, std::move(unit), [=](const error* err) mutable {
          if (err) {
            reply.deliver(mesh::to_caf(*err));
            return;
          }
          remember_removed(self->state, d.item.id);
          touch(self, d.item.category);
          if (with_file)
            erase_file_and_row(self, d, reply);
          else
            reply.deliver(mesh::done{});
        });
      },
      [reply](caf::error& e) mutable { reply.deliver(std::move(e)); });
  return reply;
}

namespace {

/// Those of `files` that no row of the video names.
std::vector<std::string> unnamed(std::vector<std::string> files, const video_detail& d) {
  auto names = [](auto& rows, auto& file) {
    return std::ranges::any_of(rows, [&](auto& x) { return x.file == file; });
  };
  std::erase_if(files, [&](auto& file) {
    return names(d.item.thumbnails, file) || names(d.renditions, file) || d.board.folder == file;
  });
  return files;
}

void remove_files(librarian_ptr self, std::vector<std::string> files) {
  auto work = [disk = self->state.config.files, folder = self->state.config.data_folder, files]() -> error {
    for (auto& file : files)
      if (auto removed = disk->remove(folder + "/" + file); !removed)
        return removed.error();
    return {errc::none, {}};
  };
  run_blocking(self, self->state.config.detached, work, [](const error& problem) {
    if (problem.code != errc::none)
      spdlog::warn("librarian: a file that nobody needs any more is left to the cleanup: {}", problem.message);
  });
}

} // namespace

void drop_leavings(librarian_ptr self, const job& x) {
  if (auto files = leavings_of(x); !files.empty())
    remove_files(self, std::move(files));
}

void drop_late_result(librarian_ptr self, const job& x) {
  auto& st = self->state;
  if (!st.loaded || x.state != job_state::completed)
    return;
  auto target = target_of(x);
  if (!target || (!st.removed.contains(target->video) && (!target->library || st.libraries.contains(target->library))))
    return;
  auto files = files_of_result(x);
  if (files.empty())
    return;
  self->request(st.peers.reader, read_timeout, mesh::get_video{target->video})
    .then(
      [self, files](const video_detail& d) {
        // A scan may have found it anew meanwhile.
        if (d.item.state == video_state::removed)
          remove_files(self, unnamed(files, d));
      },
      [self, files](caf::error& e) {
        if (mesh::from_caf(e).code == errc::not_found)
          remove_files(self, files);
      });
}

caf::result<video_detail> change_video(librarian_ptr self, mesh::edit_video what) {
  auto& st = self->state;
  if (!st.loaded)
    return mesh::to_caf(loading_error);
  auto reply = self->make_response_promise<video_detail>();
  self->request(st.peers.reader, std::chrono::seconds{10}, mesh::get_video{what.id})
    .then(
      [=](video_detail& d) mutable {
        auto before = d.item.category;
        if (!what.title.empty())
          d.item.title = what.title;
        if (!what.category.empty())
          d.item.category = what.category;
        d.item.updated = now();
        ports::unit_of_work unit;
        unit.catalogue.edited.push_back(d.item);
        commit(self, std::move(unit), [=](const error* err) mutable {
          if (err) {
            reply.deliver(mesh::to_caf(*err));
            return;
          }
          touch(self, before);
          touch(self, d.item.category);
          reply.deliver(d);
        });
      },
      [reply](caf::error& e) mutable { reply.deliver(std::move(e)); });
  return reply;
}

} // namespace troupe::catalogue
