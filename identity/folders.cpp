#include "identity/folders.hpp"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

namespace troupe::identity {

namespace {

namespace fs = std::filesystem;

/// No certificate is larger: nobody reads a film as one.
constexpr off_t most_bytes = 256 * 1024;

error failed(const std::string& path, const std::string& what) {
  const int code = errno;
  return {code == ENOENT ? errc::not_found : errc::io, path + ": " + what + ": " + std::strerror(code)};
}

class descriptor {
public:
  explicit descriptor(int fd) : fd_(fd) {
  }
  ~descriptor() {
    if (fd_ >= 0)
      ::close(fd_);
  }
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  int get() const noexcept {
    return fd_;
  }

private:
  int fd_;
};

result<std::string> read_file(const std::string& path, bool secret) {
  descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  struct stat facts {};
  if (file.get() < 0 || ::fstat(file.get(), &facts) != 0)
    return failed(path, "can't be read");
  if (!S_ISREG(facts.st_mode) || facts.st_size > most_bytes)
    return {errc::validation, path + ": this is no certificate and no key"};
  if (secret && (facts.st_mode & 077) != 0)
    return {errc::forbidden, path + ": others on this machine may read this key; run 'chmod 600 " + path + "'"};
  std::string out(static_cast<size_t>(facts.st_size), '\0');
  const auto n = ::read(file.get(), out.data(), out.size());
  if (n < 0)
    return failed(path, "can't be read");
  out.resize(static_cast<size_t>(n));
  return out;
}

result<void> sync_folder(const std::string& path) {
  descriptor folder{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (folder.get() < 0 || ::fsync(folder.get()) != 0)
    return failed(path, "can't be written");
  return {};
}

/// A new file; never over one that is there.
result<void> write_file(const std::string& path, const std::string& text, mode_t mode) {
  descriptor file{::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)};
  if (file.get() < 0)
    return failed(path, "can't be written");
  if (::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) || ::fsync(file.get()) != 0)
    return failed(path, "can't be written");
  return {};
}

result<void> make_folder(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
    return failed(path, "can't be made");
  return {};
}

/// Papers beside the place where they will be: a folder of their own, synced. No node's name begins with a dot.
result<std::string> write_papers(const fs::path& place, const std::string& authority, const credentials& own) {
  const auto folder = (place.parent_path() / ("." + place.filename().string() + ".new")).string();
  std::error_code ignored;
  // From an issue that was interrupted.
  fs::remove_all(folder, ignored);
  TROUPE_TRY(make_folder(folder));
  TROUPE_TRY(write_file(folder + "/ca.pem", authority, 0644));
  TROUPE_TRY(write_file(folder + "/node.pem", own.certificate, 0644));
  TROUPE_TRY(write_file(folder + "/node.key", own.key, 0600));
  TROUPE_TRY(sync_folder(folder));
  return folder;
}

} // namespace

result<node_papers> load_papers(const std::string& folder, timestamp now) {
  auto missing = [&](const error& why) {
    if (why.code != errc::not_found)
      return why;
    return error{errc::not_found, why.message + "; copy the folder there that 'troupe cert issue' made for this node"};
  };
  node_papers out;
  out.folder = folder;
  auto authority = read_file(folder + "/ca.pem", false);
  if (!authority)
    return missing(authority.error());
  auto certificate = read_file(folder + "/node.pem", false);
  if (!certificate)
    return missing(certificate.error());
  auto key = read_file(folder + "/node.key", true);
  if (!key)
    return missing(key.error());
  out.authority = std::move(*authority);
  out.own = {std::move(*certificate), std::move(*key)};
  if (auto match = check_key(out.own.certificate, out.own.key); !match)
    return {errc::validation, folder + ": " + match.error().message + "; copy node.pem and node.key together"};
  auto facts = check_certificate(out.own.certificate, out.authority, now);
  if (!facts)
    return {facts.error().code, folder + "/node.pem: " + facts.error().message};
  out.facts = std::move(*facts);
  return out;
}

authority_folder::authority_folder(std::string folder, authority ca) : folder_(std::move(folder)), ca_(std::move(ca)) {
}

std::string authority_folder::place_of(const std::string& name) const {
  return folder_ + "/nodes/" + name;
}

result<authority_folder> authority_folder::create(const std::string& folder, const std::string& cluster,
                                                  timestamp now) {
  std::error_code ignored;
  if (fs::exists(folder + "/ca.key", ignored) || fs::exists(folder + "/ca.pem", ignored))
    return {errc::conflict, folder
                              + ": there is an authority already; 'troupe cert issue' uses it. A new one would shut "
                                "out every node of the old one"};
  auto ca = authority::create(cluster, now);
  if (!ca)
    return std::move(ca).error();
  TROUPE_TRY(make_folder(folder));
  TROUPE_TRY(make_folder(folder + "/nodes"));
  TROUPE_TRY(write_file(folder + "/ca.key", ca->own().key, 0600));
  TROUPE_TRY(write_file(folder + "/ca.pem", ca->own().certificate, 0644));
  TROUPE_TRY(sync_folder(folder));
  return authority_folder{folder, std::move(*ca)};
}

result<authority_folder> authority_folder::open(const std::string& folder) {
  auto certificate = read_file(folder + "/ca.pem", false);
  if (!certificate)
    return {certificate.error().code,
            certificate.error().message + "; make an authority with 'troupe cert init', or name its folder with --dir"};
  auto key = read_file(folder + "/ca.key", true);
  if (!key)
    return std::move(key).error();
  auto ca = authority::load({std::move(*certificate), std::move(*key)});
  if (!ca)
    return {ca.error().code, folder + ": " + ca.error().message};
  return authority_folder{folder, std::move(*ca)};
}

result<std::string> authority_folder::issue(const certificate_order& order, timestamp now) {
  auto made = ca_.issue(order, now);
  if (!made)
    return std::move(made).error();
  const auto place = place_of(order.name);
  auto written = write_papers(place, ca_.own().certificate, *made);
  if (!written)
    return written;
  if (::renameat2(AT_FDCWD, written->c_str(), AT_FDCWD, place.c_str(), RENAME_NOREPLACE) != 0) {
    const bool there = errno == EEXIST;
    auto why = failed(place, "can't be written");
    std::error_code ignored;
    fs::remove_all(*written, ignored);
    if (there)
      return {errc::conflict, "'" + order.name + "' has a certificate already; 'troupe cert renew " + order.name
                                + "' makes a new one, with other roles and hosts where --role and --host name them"};
    return why;
  }
  TROUPE_TRY(sync_folder(folder_ + "/nodes"));
  return place;
}

result<std::string> authority_folder::renew(certificate_order order, timestamp now) {
  const auto& name = order.name;
  const auto place = place_of(name);
  auto old = is_node_name(name) ? read_file(place + "/node.pem", false) : result<std::string>{errc::not_found, {}};
  auto facts = old ? read_certificate(*old) : result<certificate_facts>{old.error()};
  if (!facts)
    return {errc::not_found, "there is no certificate of '" + name + "' in " + folder_
                               + "/nodes; 'troupe cert show' "
                                 "lists them"};
  if (order.roles.empty())
    order.roles = facts->roles;
  if (order.hosts.empty())
    order.hosts = facts->hosts;
  auto made = ca_.issue(order, now);
  if (!made)
    return std::move(made).error();
  auto written = write_papers(place, ca_.own().certificate, *made);
  if (!written)
    return written;
  // Key and certificate change at once.
  if (::renameat2(AT_FDCWD, written->c_str(), AT_FDCWD, place.c_str(), RENAME_EXCHANGE) != 0)
    return failed(place, "can't be written");
  TROUPE_TRY(sync_folder(folder_ + "/nodes"));
  std::error_code ignored;
  fs::remove_all(*written, ignored);
  return place;
}

result<std::vector<certificate_facts>> authority_folder::list() const {
  std::vector<certificate_facts> out;
  std::error_code failed_to_list;
  fs::directory_iterator entry(folder_ + "/nodes", failed_to_list);
  for (; !failed_to_list && entry != fs::directory_iterator(); entry.increment(failed_to_list)) {
    auto text = read_file(entry->path().string() + "/node.pem", false);
    auto facts = text ? read_certificate(*text) : result<certificate_facts>{text.error()};
    if (facts && facts->name == entry->path().filename())
      out.push_back(std::move(*facts));
  }
  if (failed_to_list)
    return {errc::io, folder_ + "/nodes: can't be read: " + failed_to_list.message()};
  std::sort(out.begin(), out.end(), [](auto& a, auto& b) { return a.name < b.name; });
  if (auto own = read_certificate(ca_.own().certificate))
    out.insert(out.begin(), std::move(*own));
  return out;
}

} // namespace troupe::identity
