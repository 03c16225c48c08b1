#include "actors/cluster/library_samples.hpp"

#include <algorithm>
#include <array>
#include <unistd.h>

namespace troupe::cluster {

namespace {

constexpr size_t most_samples = 3;
constexpr uint64_t sample_bytes = 256;
/// Looked at in each part of the catalogue until one of them can be read.
constexpr uint32_t candidates = 4;

/// A piece of the file, or nothing when it can't be read or holds nothing.
std::optional<mesh::library_sample> read_sample(ports::files& files, const library& home, const video& item,
                                                const std::function<uint64_t()>& random) {
  auto file = files.open_source(home.root + "/" + item.path);
  if (!file || file->version.size == 0)
    return std::nullopt;
  mesh::library_sample out;
  out.path = item.path;
  out.size = file->version.size;
  const auto wanted = std::min(sample_bytes, out.size);
  out.offset = random() % (out.size - wanted + 1);
  std::array<char, sample_bytes> buffer;
  const auto n = ::pread(file->fd.get(), buffer.data(), wanted, static_cast<off_t>(out.offset));
  if (n != static_cast<ssize_t>(wanted))
    return std::nullopt;
  out.bytes.assign(buffer.data(), wanted);
  return out;
}

class sampler {
public:
  sampler(ports::store_reader& store, ports::files& files, const library& home,
          const std::function<uint64_t()>& random) :
    store_(store),
    files_(files), home_(home), random_(random) {
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
    const auto root = files_.look_at_folder(home_.root);
    const bool readable = root && !root->empty;
    const auto pages = (ready->total + candidates - 1) / candidates;
    for (auto n : some_pages(pages)) {
      auto part = page("ready", n, candidates);
      if (!part)
        return std::move(part).error();
      if (auto sample = readable ? one_of(part->videos) : unread(part->videos))
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
      out.insert(static_cast<uint32_t>(1 + random_() % last));
    return out;
  }

  std::optional<mesh::library_sample> one_of(const std::vector<video>& videos) {
    const auto first = random_();
    for (size_t i = 0; i < videos.size(); ++i)
      if (auto sample = read_sample(files_, home_, videos[(first + i) % videos.size()], random_))
        return sample;
    return std::nullopt;
  }

  std::optional<mesh::library_sample> unread(const std::vector<video>& videos) {
    if (videos.empty())
      return std::nullopt;
    auto& item = videos[random_() % videos.size()];
    return mesh::library_sample{item.path, item.version.size, 0, {}};
  }

  ports::store_reader& store_;
  ports::files& files_;
  const library& home_;
  const std::function<uint64_t()>& random_;
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
    auto sampled = sample_library(*st.reader, *config.files, home, config.random);
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

result<mesh::sampled_library> sample_library(ports::store_reader& store, ports::files& files, const library& home,
                                             const std::function<uint64_t()>& random) {
  return sampler{store, files, home, random}.run();
}

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
