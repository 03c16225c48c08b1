#pragma once

#include "actors/media/byte_supply.hpp"
#include "actors/media/executor_set.hpp"
#include "actors/media/gpu_sessions.hpp"
#include "protocol/model/worker.hpp"
#include "protocol/ports/files.hpp"
#include "protocol/ports/http_client.hpp"

#include <optional>

namespace troupe::work {

/// Makes an empty file, readable and writable, for an output of that name (exec::valid_output_name; no name comes
/// twice). Called on the attempt's own thread, where it may block.
using output_maker = std::function<result<unique_fd>(const std::string& name)>;

/// A file that an operation may touch: all of it is here, or the supply fills its holes. Only the first of an
/// operation, its source, may have one.
struct operation_file {
  // Not explicit: most files are all here.
  operation_file(shared_fd file, std::shared_ptr<byte_supply> holes = nullptr) :
    fd(std::move(file)), supply(std::move(holes)) {
  }

  shared_fd fd;
  std::shared_ptr<byte_supply> supply;
};

/// One attempt of one job as its work sees it. Actor-free: the runner actor implements it over its mailbox, tests by
/// hand. Calls block and are made from the attempt's own thread only.
class attempt {
public:
  virtual ~attempt() = default;

  virtual const assignment& what() const noexcept = 0;
  /// The lease is lost or the job cancelled: end soon, leave nothing behind.
  virtual bool stopped() const noexcept = 0;
  /// Told to those who watch; coalesced on its way.
  virtual void progress(job_progress x) = 0;
  /// What it waits for, a sentence for people: the message of its progress until the next; empty: for nothing any more.
  /// Any thread.
  virtual void waits(const std::string& /*for_what*/) {
  }
  /// Runs one operation on an executor; errc::cancelled once the attempt is stopped. `create` is asked meanwhile for
  /// outputs that the operation could not name before.
  virtual executor_answer run(exec::request request, std::vector<operation_file> files,
                              std::function<void(const exec::progress&)> told, output_maker create) = 0;
  virtual result<ports::http_response> download(ports::http_download what,
                                                std::function<void(const ports::transfer_progress&)> told) = 0;

  /// Waits for a transfer, which is cancelled when the attempt is stopped. `start` begins it and has it call what it is
  /// given when it has ended.
  using transfer_start = std::function<std::shared_ptr<ports::transfer>(std::function<void(result<void>)> done)>;
  virtual result<void> transfer(const transfer_start& start) = 0;

  /// Like `run`, with what the executor said about class and log kept for the outcome.
  result<std::string> execute(exec::request request, std::vector<operation_file> files,
                              std::function<void(const exec::progress&)> told = {}, output_maker create = {});
  void stage(double fraction, std::string name, std::string message);
  /// For the end of each log line about it: what caused it, on whatever node it runs (log_mark).
  std::string cause() const;

  // For the attempt's record.
  std::string operation;
  std::string log_tail;
  /// Of the last error, where it is not the default of its code.
  std::optional<error_class> cls;
  /// Set by work that hands itself to child jobs; its result is then not looked at.
  std::optional<delegation> handed_on;
};

class far_files;
class remote_source;

/// Where a file of a library is, and which content of it the catalogue knows.
struct located {
  /// On this node, or, where the library is not mounted here, as the coordinator calls it.
  std::string path;
  file_version version;
  library_id library;
  /// Relative to the library's root.
  std::string relative;
  bool here = true;
};

/// What work needs of the node it runs on.
struct workshop {
  std::shared_ptr<ports::files> files;
  /// Absolute, as this worker sees it.
  std::string data_folder;
  /// Proves that it is the coordinator's, and gives files for one attempt by which it stays that very folder until they
  /// are gone, whatever is mounted there meanwhile. Blocks. Empty: there is nothing to prove (see `far`).
  std::function<result<std::shared_ptr<ports::files>>()> prove_data;
  /// Widths of the pictures that are made of a video, pixels; never upscaled.
  std::vector<uint32_t> thumbnail_widths{320, 640, 1280};
  /// Each of them as WebP, too.
  bool webp = false;
  /// Downloads: no file is larger; addresses of private networks only where that is configured.
  uint64_t max_download_bytes = uint64_t{200} << 30;
  bool allow_private = false;
  /// So often is what a download has fetched made durable: a kill costs no more than that.
  milliseconds checkpoint_interval{2'000};
  /// Blocks. Payloads of people name videos, never paths.
  std::function<result<located>(video_id)> find_source;
  /// Where a library's file is, by what the coordinator calls it; empty: there. Must not block.
  std::function<result<located>(library_id library, const std::string& relative, const std::string& path)> place_of;
  /// This node has its libraries from elsewhere, so that a file which is not there may well be on another node.
  bool mounted_libraries = false;
  /// The coordinator's data folder is here: what is made goes into it, and parts of a film are read from it. Else all
  /// that goes by `far`.
  bool shares_data = true;
  /// Files of other nodes; nullptr where none can be fetched.
  std::shared_ptr<far_files> far;
  /// Of the node's graphics cards; nullptr: they are not counted.
  std::shared_ptr<gpu_sessions> gpu;
};

/// A session of a card for an encode that may use one, to be held while it runs. Where all are taken the encode is one
/// in software from now on (`profile.hardware`).
std::shared_ptr<void> take_gpu(const workshop& shop, media_profile& profile);

/// One kind of work from start to end: the result's JSON. Runs on the attempt's thread; throws nothing.
using work_function = std::function<result<std::string>(attempt&)>;

/// The same, in a workshop that is given for this attempt.
using shop_function = std::function<result<std::string>(attempt&, const workshop&)>;

/// Work whose files below the data folder are all of the folder that was proved when the attempt began. Where it can't
/// be proved the attempt fails, and that is transient: another node may have it. So is what fails after that, as far as
/// it may come of a folder that can't be proved any more.
work_function in_proved_data(workshop shop, shop_function work);

/// Could the error be what a mount that has gone away looks like? It shows no files, or none that may be read.
bool may_be_a_mount(errc code) noexcept;

/// What `work` made of an attempt: cancelled when it was stopped, otherwise completed or failed.
attempt_outcome run_attempt(attempt& a, const work_function& work);

/// `tmp/<token>` of the data folder; all in it is removed at the end.
class scratch_folder {
public:
  scratch_folder(const workshop& shop, const lease_token& token);
  ~scratch_folder();
  scratch_folder(const scratch_folder&) = delete;
  scratch_folder& operator=(const scratch_folder&) = delete;

  std::string file(std::string_view name) const {
    return path_ + "/" + std::string{name};
  }

private:
  ports::files& files_;
  std::string path_;
};

/// A source while it is read: opened once, and known to have stayed the same.
struct source {
  operation_file file;
  /// As this node sees it.
  file_version version;
  /// Of a file of another node: what people call it; nothing here has that name.
  std::string path;
  /// Extension for exec::request::name_hint.
  std::string hint;
  /// Of a file of another node.
  std::shared_ptr<remote_source> remote{};
  /// As rows and other nodes are told of it.
  file_version known_as{};
  library_id library{};
};
result<source> open_source(const workshop& shop, const std::string& path);
/// The file of a library, wherever it is. What the catalogue knows of it, if that is told, stays its name when it is
/// the same content, which another mount numbers differently.
result<source> open_source(attempt& a, const workshop& shop, const located& where);
/// Makes a file of the attempt's visible under its name below the data folder, wherever that is.
result<void> publish_file(attempt& a, const workshop& shop, const std::string& from, const std::string& file);
/// errc::io (transient) when the name means another content by now; errc::not_found when the file is gone. Of a file of
/// another node that is found out as it is read.
/// Where the library is mounted, both are transient: another node may have it.
result<void> check_unchanged(attempt& a, const workshop& shop, const source& src);
/// Why an operation on the source failed: that the file was changed or removed meanwhile, if it was; else `failed`.
error reason_of(attempt& a, const workshop& shop, const source& src, error failed);

/// A probe of the source on an executor.
result<media_info> extract_metadata(attempt& a, const source& src);

/// A video's file and what it is: how work on a video begins.
struct examined_source {
  source file;
  media_info media;
};
enum class content {
  present,
  /// For what is shown of one content only: errc::conflict when the file has another one than the catalogue knows.
  as_scanned,
};
/// Opens and probes it; the stage is told.
result<examined_source> examine(attempt& a, const workshop& shop, video_id id, content wanted);

/// Progress of an executor's operation as the job's, between two fractions of the whole. Counters: "speed" (×1000 of
/// real time), "etaMs", "frames", "bytes", "outMs". For attempt::execute; `a` outlives it.
std::function<void(const exec::progress&)> within(attempt& a, double from, double to, std::string stage,
                                                  std::string message);

/// "<job>-<attempt>": begins the name of every file that an attempt publishes.
std::string output_name(const lease_token& token);
/// The extension in lower case without the dot, at most 8 letters and digits; otherwise empty.
std::string extension_of(std::string_view path);

} // namespace troupe::work
