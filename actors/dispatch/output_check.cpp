#include "actors/dispatch/output_check.hpp"

namespace troupe::dispatch {

namespace {

/// A name that leads out of the data folder names nothing in it.
bool is_below(std::string_view name) {
  for (size_t from = 0; from <= name.size();) {
    auto end = std::min(name.find('/', from), name.size());
    auto part = name.substr(from, end - from);
    if (part.empty() || part == "." || part == "..")
      return false;
    from = end + 1;
  }
  return true;
}

bool is_there(ports::files& files, const std::string& path) {
  auto file = files.version_of(path);
  if (file)
    return file->size > 0;
  if (file.error().code != errc::unprocessable)
    return false;
  auto folder = files.look_at_folder(path);
  return folder && !folder->empty;
}

} // namespace

output_check::behavior_type output_check_actor(output_check::stateful_pointer<output_check_state> self,
                                               std::shared_ptr<ports::files> files, std::string data_folder) {
  self->state.files = std::move(files);
  self->state.data_folder = std::move(data_folder);
  return {
    [self](look_at_outputs& x) {
      auto& st = self->state;
      std::erase_if(x.names,
                    [&](auto& name) { return is_below(name) && is_there(*st.files, st.data_folder + "/" + name); });
      return outputs_missing{std::move(x.names)};
    },
  };
}

} // namespace troupe::dispatch
