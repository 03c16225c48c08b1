#include "actors/gateway/near_files.hpp"

namespace troupe::gateway {

namespace {

const error not_here{errc::unavailable, "the file is on another node"};

} // namespace

near_files::near_files(std::string data_folder, std::shared_ptr<ports::files> here) :
  files_(std::move(here)), beside_(true), mounted_at_(data_folder), facts_{std::move(data_folder), {}} {
}

near_files::near_files(std::shared_ptr<ports::files> files, std::string mounted_at) :
  files_(std::move(files)), beside_(false), mounted_at_(std::move(mounted_at)) {
}

result<void> near_files::coordinator_is(std::string data_folder, std::string data_id) {
  {
    std::lock_guard guard{mutex_};
    facts_ = {std::move(data_folder), std::move(data_id)};
  }
  auto here = data();
  if (here)
    return {};
  return {errc::unavailable,
          mounted_at_
            + " (node.data) is not the coordinator's data folder: pictures and renditions are "
              "fetched from the coordinator, and uploads are refused here until it is mounted there"};
}

near_files::facts near_files::present() const {
  std::lock_guard guard{mutex_};
  return facts_;
}

result<std::string> near_files::data() const {
  if (beside_)
    return mounted_at_;
  auto coordinator = present();
  auto id = files_->read_text(mounted_at_ + "/node.id");
  if (coordinator.id.empty() || !id || id->substr(0, id->find('\n')) != coordinator.id)
    return error{errc::unavailable, "this gateway does not see the coordinator's data folder: mount it there, or ask a "
                                    "gateway that has it"};
  return mounted_at_;
}

result<std::string> near_files::find(const ports::wanted_file& what) const {
  if (beside_) {
    auto path = (what.root.empty() ? mounted_at_ : what.root) + "/" + what.path;
    return what.library && !files_->version_of(path) ? result<std::string>{not_here} : path;
  }
  auto root = what.root;
  const auto theirs = present().folder;
  // Uploads and downloads are libraries within the data folder.
  const bool in_data = root.empty() || (!theirs.empty() && (root + "/").starts_with(theirs + "/"));
  if (in_data) {
    auto here = data();
    if (!here)
      return here;
    root = root.empty() ? *here : *here + root.substr(theirs.size());
  }
  auto path = root + "/" + what.path;
  auto there = files_->version_of(path);
  // What the data folder does not have is nowhere else: who opens it says so.
  if (!there && in_data)
    return path;
  if (!there || (what.version && !same_content(*there, *what.version)))
    return not_here;
  return path;
}

result<std::string> near_files::uploads() const {
  auto here = data();
  if (!here)
    return here;
  return *here + "/uploads";
}

std::string near_files::coordinators_uploads() const {
  return present().folder + "/uploads";
}

} // namespace troupe::gateway
