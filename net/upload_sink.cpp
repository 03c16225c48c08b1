#include "net/upload_sink.hpp"

#include "net/headers.hpp"
#include "net/websocket_frame.hpp"

#include "protocol/model/ids.hpp"
#include "protocol/model/json_writer.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace troupe::net {

namespace {

constexpr size_t max_name_bytes = 200;
constexpr size_t max_category_bytes = 100;
constexpr uint64_t flush_step = 16 * 1024 * 1024;

error disk_error(std::string_view doing) {
  if (errno == ENOSPC || errno == EDQUOT)
    return {errc::storage_full, "no space is left for uploads: free some and send the file again"};
  return {errc::io, "the upload could not be stored (" + std::string{doing} + "), send it again"};
}

result<void> sync_folder(const std::string& path) {
  unique_fd folder{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!folder || ::fsync(folder.get()) != 0)
    return disk_error("sync of the folder");
  return {};
}

/// Another gateway writes it: it holds its lock, on network file systems, too.
bool in_use(int folder, const char* name) {
  unique_fd file{::openat(folder, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)};
  return file && ::flock(file.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

/// Cuts at a character's start, keeping a short extension.
std::string shortened(std::string name) {
  if (name.size() <= max_name_bytes)
    return name;
  auto dot = name.rfind('.');
  auto extension = dot != std::string::npos && name.size() - dot <= 16 ? name.substr(dot) : std::string{};
  auto end = max_name_bytes - extension.size();
  while (end > 0 && (static_cast<unsigned char>(name[end]) & 0xc0) == 0x80)
    --end;
  return name.substr(0, end) + extension;
}

} // namespace

result<void> prepare_uploads_folder(const std::string& folder) {
  if (::mkdir(folder.c_str(), 0750) != 0 && errno != EEXIST)
    return {errc::io, "the uploads folder can't be made: check the permissions of the data folder"};
  auto entries = ::opendir(folder.c_str());
  if (!entries)
    return {errc::io, "the uploads folder can't be read: check its permissions"};
  while (auto entry = ::readdir(entries))
    if (std::string_view{entry->d_name}.starts_with(incoming_prefix) && !in_use(::dirfd(entries), entry->d_name))
      ::unlinkat(::dirfd(entries), entry->d_name, 0);
  ::closedir(entries);
  return {};
}

std::string sanitised_name(std::string_view sent) {
  auto last = sent.find_last_of("/\\");
  auto name = last == std::string_view::npos ? sent : sent.substr(last + 1);
  std::string out;
  for (auto c : name)
    out.push_back(static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '_' : c);
  if (!ws::is_utf8(out))
    for (auto& c : out)
      if (static_cast<unsigned char>(c) >= 0x80)
        c = '_';
  out.erase(0, out.find_first_not_of(". "));
  while (!out.empty() && (out.back() == ' ' || out.back() == '.'))
    out.pop_back();
  return out.empty() ? "upload" : shortened(std::move(out));
}

upload_sink::upload_sink(services& app, std::string_view boundary) :
  app_(app), parser_(boundary, *this), id_(to_string(random_id())) {
}

result<void> upload_sink::open_file() {
  auto folder = app_.backend.uploads_folder();
  if (!folder)
    return std::move(folder).error();
  root_ = *folder + "/";
  incoming_ = root_ + std::string{incoming_prefix} + id_;
  folder_ = root_ + id_;
  // A coordinator without a gateway of its own has none.
  if (::mkdir(folder->c_str(), 0750) != 0 && errno != EEXIST)
    return disk_error("creation of the uploads folder");
  file_ = unique_fd{::open(incoming_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640)};
  if (!file_)
    return disk_error("creation of the file");
  // Another gateway that starts leaves it alone.
  if (::flock(file_.get(), LOCK_EX | LOCK_NB) != 0)
    return disk_error("lock of the file");
  return {};
}

upload_sink::~upload_sink() {
  if (!keep_)
    remove();
}

void upload_sink::remove() {
  if (!have_file_)
    return;
  ::unlink(incoming_.c_str());
  if (!upload_.path.empty())
    ::unlink((root_ + upload_.path).c_str());
  ::rmdir(folder_.c_str());
}

result<void> upload_sink::write(std::string_view piece) {
  return parser_.feed(piece);
}

result<void> upload_sink::on_part(const part_head& head) {
  target_ = target::ignored;
  if (head.name == "category") {
    target_ = target::category;
    upload_.category.clear();
    return {};
  }
  if (head.name != "video")
    return {};
  error problem{errc::validation, "the form is not as expected"};
  if (!head.file_name)
    problem.fields.emplace_back("video", "must be a file");
  else if (have_file_)
    problem.fields.emplace_back("video", "must be one file, this form has more: send one upload each");
  if (!problem.fields.empty())
    return problem;
  target_ = target::file;
  have_file_ = true;
  upload_.original_name = sanitised_name(*head.file_name);
  return open_file();
}

result<void> upload_sink::on_data(std::string_view piece) {
  switch (target_) {
  case target::file:
    return write_file(piece);
  case target::category:
    if (upload_.category.size() + piece.size() > max_category_bytes) {
      error problem{errc::validation, "the form is not as expected"};
      problem.fields.emplace_back("category", "must be at most " + std::to_string(max_category_bytes) + " bytes");
      return problem;
    }
    upload_.category.append(piece);
    return {};
  case target::ignored:
    return {};
  }
  return {};
}

result<void> upload_sink::on_part_end() {
  target_ = target::ignored;
  return {};
}

result<void> upload_sink::write_file(std::string_view piece) {
  if (upload_.size + piece.size() > app_.config.max_upload_bytes)
    return {errc::too_large,
            "the file is larger than the limit of " + std::to_string(app_.config.max_upload_bytes) + " bytes"};
  while (!piece.empty()) {
    auto n = ::write(file_.get(), piece.data(), piece.size());
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return disk_error("write");
    piece.remove_prefix(static_cast<size_t>(n));
    upload_.size += static_cast<uint64_t>(n);
  }
  if (upload_.size - flushed_ >= flush_step) {
    ::sync_file_range(file_.get(), static_cast<off_t>(flushed_), static_cast<off_t>(upload_.size - flushed_),
                      SYNC_FILE_RANGE_WRITE);
    flushed_ = upload_.size;
  }
  return {};
}

result<void> upload_sink::finish() {
  TROUPE_TRY(parser_.finish());
  error problem{errc::validation, "the form is not as expected"};
  if (!have_file_)
    problem.fields.emplace_back("video", "is missing: the form needs a file part of this name");
  else if (upload_.size == 0)
    problem.fields.emplace_back("video", "is empty");
  if (!ws::is_utf8(upload_.category) || upload_.category.find('\0') != std::string::npos)
    problem.fields.emplace_back("category", "must be UTF-8 text");
  if (!problem.fields.empty())
    return problem;
  if (::fsync(file_.get()) != 0)
    return disk_error("sync");
  file_.reset();
  auto path = id_ + "/" + upload_.original_name;
  if (::mkdir(folder_.c_str(), 0750) != 0)
    return disk_error("creation of the folder");
  if (::rename(incoming_.c_str(), (root_ + path).c_str()) != 0)
    return disk_error("rename");
  upload_.path = path;
  TROUPE_TRY(sync_folder(folder_));
  return sync_folder(root_);
}

void upload_sink::complete(exchange& x, std::unique_ptr<body_sink> self) {
  // From here on the job may exist although its receipt does not come: a file that nobody registered is collected by
  // the clean-up, one that is missing would fail a job that was accepted.
  keep_ = true;
  auto sink = std::shared_ptr<body_sink>(std::move(self));
  auto alive = x.hold();
  app_.backend.register_upload(upload_, x.context(), [this, sink, alive](result<submit_receipt> outcome) {
    auto definite = !outcome && outcome.error().code != errc::timeout && outcome.error().code != errc::unavailable;
    // An upload that was sent twice under one Idempotency-Key: the first one's file is the job's.
    if (definite || (outcome && outcome->existing))
      keep_ = false;
    auto held = std::make_shared<result<submit_receipt>>(std::move(outcome));
    alive.post([alive, held] { registered(*alive, std::move(*held)); });
    // Removing the file is not for this thread.
    alive->app().run_blocking([sink] {});
  });
}

void upload_sink::registered(exchange& x, result<submit_receipt> outcome) {
  if (!outcome)
    return x.answer_error(outcome.error());
  object_writer out;
  out.text("message", "Upload initiated successfully").text("jobId", outcome->id.str());
  out.text("status", to_string(outcome->state)).text("trackingUrl", "/api/jobs/" + outcome->id.str() + "/status");
  x.answer(json_response(200, std::move(out).str()));
}

} // namespace troupe::net
