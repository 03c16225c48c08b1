#include "actors/cluster/library_samples.hpp"

#include "actors/cluster/file_rules.hpp"
#include "actors/media/in_time.hpp"

#include <algorithm>
#include <array>
#include <unistd.h>

namespace troupe::cluster {

namespace {

constexpr size_t most_samples = 3;
constexpr uint64_t sample_bytes = 256;
/// Looked at in each part of the catalogue until one of them can be read.
constexpr uint32_t candidates = 4;

using sample_result = result<std::optional<mesh::library_sample>>;

/// A piece of the file, or nothing when it can't be read or holds nothing. `place`: of the piece, at random.
std::optional<mesh::library_sample> read_sample(ports::files& files, const std::string& root, const std::string& path,
                                                uint64_t place) {
  auto file = files.open_below(root, path);
  if (!file || file->version.size == 0)
    return std::nullopt;
  mesh::library_sample out;
  out.path = path;
  out.size = file->version.size;
  const auto wanted = std::min(sample_bytes, out.size);
  out.offset = place % (out.size - wanted + 1);
  std::array<char, sample_bytes> buffer;
  const auto n = ::pread(file->fd.get(), buffer.data(), wanted, static_cast<off_t>(out.offset));
  if (n != static_cast<ssize_t>(wanted))
    return std::nullopt;
  out.bytes.assign(buffer.data(), wanted);
  return out;
}

/// What a library can be told by: pieces of up to three of its ready files, chosen at random over the whole catalogue.
/// Only of files that this node can read; when it can't read the root itself, their sizes as the catalogue has them.
/// Blocks, but not for ever. Errors are the store's.
class sampler {
public:
  sampler(ports::store_reader& store, const library_samples_config& config, const library& home) :
    store_(store), config_(config), home_(home) {
  }

  result<mesh::sampled_library> run() {
    mesh::sampled_library out{home_.id, home_.name, home_.root, home_.origin, 0, {}};
    if (home_.origin != library_origin::folder)
      return out;
    auto present = page("", 1, 1);
    if (!present)
      return std::move(present).error();
    out.files = present->total;
    auto ready = page("ready", 1, 1);
    if (!ready)
      return std::move(ready).error();
    readable_ = is_readable();
    const auto pages = (ready->total + candidates - 1) / candidates;
    for (auto n : some_pages(pages)) {
      auto part = page("ready", n, candidates);
      if (!part)
        return std::move(part).error();
      if (auto sample = readable_ ? one_of(part->videos) : unread(part->videos))
        out.samples.push_back(std::move(*sample));
    }
    return out;
  }

private:
  result<video_page> page(std::string state, uint32_t number, uint32_t limit) {
    video_query query;
    query.library = home_.id;
    query.state = std::move(state);
    query.page = number;
    query.limit = limit;
    return store_.list_videos(query);
  }

  /// Different ones, counted from 1.
  std::set<uint32_t> some_pages(uint64_t pages) {
    std::set<uint32_t> out;
    const auto last = std::min<uint64_t>(pages, UINT32_MAX);
    while (out.size() < std::min<uint64_t>(last, most_samples))
      out.insert(static_cast<uint32_t>(1 + config_.random() % last));
    return out;
  }

  /// On a thread of the root.
  template <class T>
  result<T> ask_disk(std::function<result<T>(ports::files&)> ask) {
    if (!config_.disks)
      return ask(*config_.files);
    return work::in_time<T>(*config_.disks, root_name(home_.id), config_.read_limit,
                            [files = config_.files, ask = std::move(ask)] { return ask(*files); },
                            {errc::timeout, home_.root + " does not answer"});
  }

  bool is_readable() {
    auto root =
      ask_disk<ports::folder_facts>([path = home_.root](ports::files& files) { return files.look_at_folder(path); });
    return root && !root->empty;
  }

  std::optional<mesh::library_sample> one_of(const std::vector<video>& videos) {
    const auto first = config_.random();
    for (size_t i = 0; i < videos.size() && readable_; ++i) {
      auto& path = videos[(first + i) % videos.size()].path;
      auto sample = ask_disk<std::optional<mesh::library_sample>>(
        [root = home_.root, path, place = config_.random()](ports::files& files) -> sample_result {
          return read_sample(files, root, path, place);
        });
      // One that has begun to hang is not waited for again and again.
      readable_ = sample.has_value();
      if (sample && *sample)
        return std::move(*sample);
    }
    return std::nullopt;
  }

  std::optional<mesh::library_sample> unread(const std::vector<video>& videos) {
    if (videos.empty())
      return std::nullopt;
    auto& item = videos[config_.random() % videos.size()];
    return mesh::library_sample{item.path, item.version.size, 0, {}};
  }

  ports::store_reader& store_;
  const library_samples_config& config_;
  const library& home_;
  bool readable_ = true;
};

using self_ptr = mesh::library_samples::stateful_pointer<library_samples_state>;

result<mesh::library_sample_list> sample_all(library_samples_state& st) {
  auto& config = st.config;
  if (!st.reader) {
    auto opened = config.database->open_reader();
    if (!opened)
      return std::move(opened).error();
    st.reader = std::move(*opened);
  }
  auto libraries = st.reader->libraries();
  if (!libraries)
    return std::move(libraries).error();
  mesh::library_sample_list out;
  for (auto& home : *libraries) {
    auto sampled = sampler{*st.reader, config, home}.run();
    if (!sampled)
      return std::move(sampled).error();
    out.libraries.push_back(std::move(*sampled));
  }
  return out;
}

caf::result<mesh::library_sample_list> answer(self_ptr self, const mesh::get_library_samples& x) {
  auto& st = self->state;
  const auto now = st.config.time->mono();
  if (st.last && now - st.sampled <= std::max(x.max_age, st.config.least_age))
    return *st.last;
  auto made = sample_all(st);
  if (!made) {
    // A connection that broke is opened anew next time.
    st.reader.reset();
    return mesh::to_caf(made.error());
  }
  st.sampled = now;
  st.last = *made;
  return std::move(*made);
}

} // namespace

mesh::library_samples::behavior_type library_samples_actor(self_ptr self, library_samples_config config) {
  self->state.config = std::move(config);
  self->set_down_handler([self](const caf::down_msg& x) {
    std::erase_if(self->state.listeners, [&](auto& one) { return one.address() == x.source; });
  });
  return {
    [self](const mesh::get_library_samples& x) { return answer(self, x); },
    [self](const mesh::library_listener& who) {
      if (who && self->state.listeners.insert(who).second)
        self->monitor(who);
    },
    [self](const mesh::libraries_changed& x) {
      self->state.last.reset();
      for (auto& one : self->state.listeners)
        self->send(one, x);
    },
  };
}

} // namespace troupe::cluster
