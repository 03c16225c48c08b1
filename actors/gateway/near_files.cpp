#include "actors/gateway/near_files.hpp"

namespace troupe::gateway {

namespace {

const error not_here{errc::unavailable, "the file is on another node"};

/// For clients: no paths, and nothing of what the library's owner has to do.
error as_seen_outside(error why) {
  switch (why.code) {
  case errc::not_found:
    return {errc::not_found, "the file is not there any more"};
  case errc::unprocessable:
    return {errc::not_found, "there is no regular file"};
  case errc::forbidden:
    return {errc::internal, "the file can't be read: the server lacks the permission"};
  case errc::unavailable:
    return {errc::unavailable, "too many files are open, try again"};
  default:
    return {errc::io, "the file can't be read"};
  }
}

ports::located_file located(ports::opened_file found) {
  return {std::make_shared<const unique_fd>(std::move(found.fd)), found.version};
}

/// "http://127.0.0.1:3001" says nothing to who is on another machine.
std::string in_words(const std::string& node, const std::string& url) {
  const auto host = url.substr(std::min(url.find("//") + 2, url.size()));
  auto is = [&](std::string_view name) { return host.starts_with(name); };
  if (is("0.0.0.0") || is("[::]") || is("*"))
    return "port " + host.substr(host.rfind(':') + 1) + " of node " + node;
  if (is("127.") || is("localhost") || is("[::1]"))
    return url + " on the machine of node " + node;
  return url + " (node " + node + ")";
}

} // namespace

near_files::near_files(std::string data_folder, std::shared_ptr<ports::files> here) :
  files_(std::move(here)), beside_(true), mounted_at_(data_folder), facts_{std::move(data_folder), {}} {
}

near_files::near_files(std::shared_ptr<ports::files> files, std::string mounted_at) :
  files_(std::move(files)), beside_(false), mounted_at_(std::move(mounted_at)) {
}

void near_files::coordinator_is(std::string data_folder, std::string data_id) {
  std::lock_guard guard{mutex_};
  facts_ = {std::move(data_folder), std::move(data_id)};
}

result<void> near_files::check_data() const {
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

result<ports::located_file> near_files::find(const ports::wanted_file& what) const {
  if (what.root.empty())
    return find_in_data(what.path);
  auto root = what.root;
  const auto theirs = present().folder;
  // Uploads and downloads are libraries within the data folder.
  const bool in_data = !beside_ && !theirs.empty() && (root + "/").starts_with(theirs + "/");
  if (in_data) {
    auto here = data();
    if (!here)
      return std::move(here).error();
    root = *here + root.substr(theirs.size());
  }
  auto found = files_->open_below(root, what.path);
  if (!found)
    return is_final(found.error(), root, what, in_data) ? as_seen_outside(std::move(found).error()) : not_here;
  if (!beside_ && !in_data && what.version && !same_content(found->version, *what.version))
    return not_here;
  return located(std::move(*found));
}

bool near_files::is_final(const error& why, const std::string& root, const ports::wanted_file& what,
                          bool in_data) const {
  // What leads out of its library is nobody's to have, and what the data folder does not have is nowhere else.
  if (why.code == errc::unprocessable || in_data || are_the_only_ones(what))
    return true;
  // It is here, and this user may not read it.
  return beside_ && why.code == errc::forbidden && files_->version_of(root + "/" + what.path).has_value();
}

result<ports::located_file> near_files::find_in_data(const std::string& path) const {
  auto here = data();
  if (!here)
    return std::move(here).error();
  // Its folders may be links to other disks: whoever has set it up has made them. What is in them we have made.
  const auto slash = path.find('/');
  auto found = slash == std::string::npos
                 ? files_->open_below(*here, path)
                 : files_->open_below(*here + "/" + path.substr(0, slash), path.substr(slash + 1));
  if (!found)
    return as_seen_outside(std::move(found).error());
  return located(std::move(*found));
}

void near_files::coordinators_gateway(const std::string& node, const std::string& url) {
  std::lock_guard guard{mutex_};
  elsewhere_ = url.empty() ? "a gateway that has it" : in_words(node, url);
}

result<std::string> near_files::uploads() const {
  auto here = data();
  if (!here) {
    std::lock_guard guard{mutex_};
    return error{errc::unavailable,
                 "this gateway does not see the coordinator's data folder, where uploads are written: "
                 "send the file to "
                   + elsewhere_ + ", or mount the folder there (node.data)"};
  }
  return *here + "/uploads";
}

std::string near_files::coordinators_uploads() const {
  return present().folder + "/uploads";
}

} // namespace troupe::gateway
