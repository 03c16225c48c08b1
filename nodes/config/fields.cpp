#include "nodes/config/fields.hpp"

#include <array>

namespace troupe::config {

namespace {

constexpr std::array<std::string_view, 3> roles{"coordinator", "gateway", "worker"};
constexpr std::array<std::string_view, 6> levels{"trace", "debug", "info", "warn", "error", "off"};
constexpr std::array<std::string_view, 3> formats{"auto", "text", "json"};

constexpr std::array<std::string_view, 2> sandboxes{"require", "best"};

constexpr uint64_t second = 1'000;
constexpr uint64_t day = 24ull * 3600 * second;
constexpr uint64_t mib = 1ull << 20;

void node_fields(std::vector<field>& out, node_settings& x) {
  out.push_back({"node.name", &x.name,
                 "Name of this node in lists and logs. Empty: that of its certificate (mesh.identity), else the "
                 "machine's host name."});
  out.push_back({"node.roles", &x.roles,
                 "What this process does: any of coordinator (jobs, catalogue, database), gateway (HTTP and live "
                 "events), worker (media work, downloads).",
                 1, 3, roles});
  out.push_back({"node.data", &x.data,
                 "The data folder: database, thumbnails, renditions, uploads, logs. Made when it is missing. One "
                 "trouped per folder.",
                 1, 4096});
  out.push_back({"node.temp", &x.temp,
                 "Folder of unfinished files, on the same file system as the data folder. Empty: tmp in the data "
                 "folder.",
                 0, 4096});
  out.push_back({"node.stop_grace", &x.stop_grace,
                 "How long a stop waits for running work before it is released to run again later.", 0, 3600 * second});
}

void gateway_fields(std::vector<field>& out, gateway_settings& x) {
  out.push_back({"gateway.address", &x.address,
                 "Address of the HTTP API. Loopback only: anyone who reaches it is an administrator.", 1, 255});
  out.push_back({"gateway.port", &x.port, "Port of the HTTP API; 0 takes a free one.", 0, 65535});
  out.push_back({"gateway.threads", &x.threads, "Threads that serve connections.", 1, 64});
  out.push_back({"gateway.hosts", &x.hosts,
                 "Names beside localhost and the address that the Host header may have. Requests with another one are "
                 "refused, which keeps out pages of other sites."});
  out.push_back({"gateway.origins", &x.origins,
                 "Web origins that may use the API from a browser, like \"http://localhost:5173\"."});
  out.push_back({"gateway.max_connections", &x.max_connections, "Open connections at most.", 1, 1'000'000});
  out.push_back({"gateway.max_upload", &x.max_upload, "Largest upload.", 1, UINT64_MAX >> 1});
  out.push_back({"gateway.max_body", &x.max_body, "Largest body of any other request.", 1024, 64 * mib});
  out.push_back({"gateway.requests_per_minute", &x.requests_per_minute,
                 "Requests to the API that one address may make in a minute; 0: no limit.", 0, 100'000'000});
  out.push_back({"gateway.header_timeout", &x.header_timeout, "A request's header must be complete within this time.",
                 100, 300 * second});
  out.push_back({"gateway.idle_timeout", &x.idle_timeout, "An idle or stalled connection is closed after this time.",
                 second, 3600 * second});
  out.push_back({"gateway.cache", &x.cache,
                 "Most that a gateway keeps of files that its node has not mounted; what was not used for longest goes "
                 "first. Each client that is sent such a file has up to 48 MiB of it in use.",
                 64 * mib, UINT64_MAX >> 1});
  out.push_back({"gateway.cache_folder", &x.cache_folder,
                 "Where it keeps them, on a disk of this machine; no two nodes share one. Empty: cache/gateway in the "
                 "node's own data folder; where that is the coordinator's, a folder with this node's name in "
                 "$CACHE_DIRECTORY (which systemd sets) or in troupe in the user's cache folder.",
                 0, 4096});
}

void mesh_fields(std::vector<field>& out, mesh_settings& x) {
  out.push_back({"mesh.address", &x.address,
                 "Address at which a coordinator listens for workers and for the troupe command. Loopback only without "
                 "mesh.identity.",
                 1, 255});
  out.push_back({"mesh.port", &x.port, "Its port; 0 takes a free one.", 0, 65535});
  out.push_back(
    {"mesh.coordinator", &x.coordinator,
     "HOST:PORT of the coordinator, for a node that is none itself; several, separated by commas, are tried in turn.",
     0, 300});
  out.push_back(
    {"mesh.identity", &x.identity,
     "Folder that 'troupe cert issue' made for this node; with it nodes speak TLS with each other, and only "
     "with those of the same authority.",
     0, 4096});
  out.push_back({"mesh.heartbeat", &x.heartbeat, "Time between signs of life between nodes.", 100, 60 * second});
  out.push_back({"mesh.connection_timeout", &x.connection_timeout,
                 "A peer that was silent for this long is taken for gone.", 500, 600 * second});
}

void files_fields(std::vector<field>& out, files_settings& x) {
  out.push_back({"files.serve", &x.serve,
                 "A worker serves the files of the libraries that it has mounted to nodes that have not, where the "
                 "coordinator does not see them either. (A coordinator always serves.)"});
  out.push_back({"files.address", &x.address,
                 "Address at which a coordinator, or a worker with files.serve, serves files to nodes that have not "
                 "mounted them; of another network than the mesh's, perhaps. Empty: mesh.address.",
                 0, 255});
  out.push_back({"files.port", &x.port,
                 "Its port; 0 takes a free one, which the others are told: another at each start, so set it where a "
                 "firewall has to let it through.",
                 0, 65535});
  out.push_back(
    {"files.host", &x.host,
     "Name or address under which others reach the files of this node; one of those in its certificate "
     "(troupe cert issue --host). Empty: files.address; and of a coordinator whose files.address is that of "
     "the mesh, or all of its addresses, what the others have in mesh.coordinator.",
     0, 253});
  out.push_back({"files.rate", &x.rate, "Bytes a second from and to each node at most; 0: no limit."});
  out.push_back({"files.cache", &x.cache,
                 "Most that a worker keeps of files of other nodes; what was not used for longest goes first.",
                 64 * mib, UINT64_MAX >> 1});
  out.push_back(
    {"files.cache_folder", &x.cache_folder,
     "Where it keeps them, on a disk of this machine; no two nodes share one. Empty: cache in the node's own "
     "data folder; where that is another node's, a folder with this node's name in $CACHE_DIRECTORY (which "
     "systemd sets) or in troupe in the user's cache folder.",
     0, 4096});
}

void jobs_fields(std::vector<field>& out, jobs_settings& x) {
  out.push_back({"jobs.lease", &x.lease,
                 "A worker that has not renewed the lease of a job for this long loses it, and the job runs again.",
                 second, 3600 * second});
  out.push_back({"jobs.max_queue_depth", &x.max_queue_depth,
                 "Most unfinished jobs of a queue; more are refused until there is room.", 1, 10'000'000});
  out.push_back({"jobs.history", &x.history, "How long finished jobs can be looked up.", day, 3650 * day});
  out.push_back({"jobs.cleanup_interval", &x.cleanup_interval,
                 "How often history, lost temporaries and superseded files are cleaned up.", 60 * second, 30 * day});
}

void worker_fields(std::vector<field>& out, worker_settings& x) {
  out.push_back(
    {"worker.video", &x.video, "Jobs of the video queue (transcodes) that this worker runs at once.", 0, 256});
  out.push_back({"worker.downloads", &x.downloads, "The same for downloads.", 0, 256});
  out.push_back({"worker.metadata", &x.metadata, "The same for metadata (probing, thumbnails).", 0, 256});
  out.push_back({"worker.images", &x.images, "The same for images.", 0, 256});
  out.push_back({"worker.default", &x.default_, "The same for all other work (scans, clean-up).", 0, 256});
  out.push_back({"worker.executors", &x.executors,
                 "Executor processes at once; work beyond waits. 0: as many as the machine has processors.", 0, 256});
  out.push_back(
    {"worker.executor", &x.executor, "Path of the troupe-executor program. Empty: beside this program.", 0, 4096});
  out.push_back({"worker.executor_idle", &x.executor_idle, "An executor without work ends after this time.", second,
                 3600 * second});
  out.push_back({"worker.stall_timeout", &x.stall_timeout,
                 "An executor that makes no progress for this long is killed; the attempt counts as a crash.", second,
                 3600 * second});
  out.push_back(
    {"worker.executor_memory", &x.executor_memory, "Most memory of one executor.", 256 * mib, UINT64_MAX >> 1});
  out.push_back({"worker.sandbox", &x.sandbox,
                 "require: media is read only where every layer of the sandbox (seccomp, Landlock) is in force. best: "
                 "with what the machine offers. troupe doctor says what that is.",
                 0, 16, sandboxes});
  out.push_back(
    {"worker.hardware", &x.hardware,
     "Look for graphics cards that encode; profiles with hardware = true use them. Off: their drivers stay out "
     "of the sandbox."});
  out.push_back(
    {"worker.gpu_sessions", &x.gpu_sessions,
     "Encodes that the graphics card does at once; what comes while it is full is encoded in software. 0: none.", 0,
     64});
  out.push_back({"worker.webp_thumbnails", &x.webp_thumbnails,
                 "Thumbnails are made as WebP beside JPEG, for clients that ask for it. Smaller, but an ingest takes "
                 "longer."});
  out.push_back({"worker.private_downloads", &x.private_downloads,
                 "Downloads may come from this machine and from private networks."});
  out.push_back({"worker.mounts", &x.mounts,
                 "Where this machine has libraries that the coordinator has under another path: COORDINATOR=HERE, like "
                 "\"/srv/films=/mnt/films\". The longest entry that covers a path counts; paths without one are the "
                 "same here. Whether it is the same folder is told by the content of its files: troupe workers shows "
                 "what is wrong."});
  out.push_back({"worker.library_check", &x.library_check,
                 "How often this worker looks whether its libraries are still there.", second, 3600 * second});
}

void media_fields(std::vector<field>& out, media_settings& x) {
  out.push_back({"media.max_pixels", &x.max_pixels, "Pixels of one picture.", 1 << 16, 1u << 31});
  out.push_back({"media.max_frame_rate", &x.max_frame_rate, "Frames a second.", 1, 1'000'000});
  out.push_back({"media.max_streams", &x.max_streams, "Tracks of a file.", 1, 100'000});
  out.push_back({"media.max_duration", &x.max_duration,
                 "Length of a film. A header that claims more than a year is not believed, and not refused for it.",
                 second, 365 * day});
  out.push_back({"media.max_attachments", &x.max_attachments, "Fonts and other files inside a file, together."});
  out.push_back({"media.max_subtitles", &x.max_subtitles, "Subtitles of a file, together."});
  out.push_back({"media.max_output", &x.max_output, "Largest file that is made.", 1 << 20, UINT64_MAX >> 1});
  out.push_back({"media.probe_cpu", &x.probe_cpu, "Processor time of one probe, all threads together.", second, day});
  out.push_back({"media.thumbnail_cpu", &x.thumbnail_cpu, "The same for the thumbnails of a file.", second, day});
  out.push_back({"media.transcode_cpu", &x.transcode_cpu, "The same for everything else.", second, 365 * day});
}

void storyboard_fields(std::vector<field>& out, storyboard_settings& x) {
  out.push_back({"storyboards.after_ingest", &x.after_ingest,
                 "Each film gets one after its ingest, as a job of its own that waits for everything else. Without it, "
                 "one is made when it is asked for."});
  out.push_back({"storyboards.interval", &x.interval, "Time from picture to picture; short films get a smaller one.",
                 second, 3600 * second});
  out.push_back({"storyboards.width", &x.width, "Width of a picture, pixels.", 16, 1024});
}

void store_fields(std::vector<field>& out, settings& x) {
  out.push_back({.key = "database.url",
                 .target = &x.database.url,
                 .comment = "postgresql://USER:PASSWORD@HOST:PORT/NAME, or sqlite:PATH. Empty: troupe.db in the data "
                            "folder.",
                 .max = 4096,
                 .secret = true});
  out.push_back({.key = "redis.url",
                 .target = &x.redis.url,
                 .comment = "redis://:PASSWORD@HOST:PORT/DB. Empty, with no host either: no Redis, nothing is lost by "
                            "it.",
                 .max = 4096,
                 .secret = true});
  out.push_back({"redis.host", &x.redis.host, "Instead of the URL, for a Redis without a password.", 0, 255});
  out.push_back({"redis.port", &x.redis.port, "Its port.", 1, 65535});
  out.push_back({"cache.entries", &x.cache.entries, "Answers that the cache in memory holds.", 1, 1'000'000});
  out.push_back({"cache.ttl", &x.cache.ttl,
                 "How long an answer is fresh; a stale one is still given while a new one is fetched.", 100, day});
}

void operation_fields(std::vector<field>& out, settings& x) {
  out.push_back({"health.interval", &x.health.interval, "Time between rounds of health checks.", 100, 3600 * second});
  out.push_back({"health.timeout", &x.health.timeout, "A check that takes longer has failed.", 100, 60 * second});
  out.push_back({"health.min_free", &x.health.min_free,
                 "Less free space in the data folder is reported as degraded. Caches of other nodes' files leave as "
                 "much free on their disks, or a sixteenth of a small one."});
  out.push_back({"health.yt_dlp", &x.health.yt_dlp, "Program whose version is checked; empty: no check.", 0, 4096});
  out.push_back({"log.level", &x.log.level, "Least severe messages that are logged.", 0, 16, levels});
  out.push_back({"log.format", &x.log.format,
                 "auto: text on a terminal, JSON lines otherwise. Files are always JSON lines.", 0, 16, formats});
  out.push_back({"log.file", &x.log.file, "Log to rotated files in the data folder's logs, too."});
  out.push_back(
    {"log.max_size", &x.log.max_size, "A log file is rotated when it is this large.", 64 * 1024, UINT64_MAX >> 1});
  out.push_back({"log.files", &x.log.files, "Log files that are kept, the present one among them.", 1, 1000});
}

} // namespace

std::vector<field> fields(settings& x) {
  std::vector<field> out;
  out.reserve(64);
  node_fields(out, x.node);
  gateway_fields(out, x.gateway);
  mesh_fields(out, x.mesh);
  files_fields(out, x.files);
  jobs_fields(out, x.jobs);
  worker_fields(out, x.worker);
  media_fields(out, x.media);
  storyboard_fields(out, x.storyboards);
  store_fields(out, x);
  operation_fields(out, x);
  return out;
}

std::string_view section_comment(std::string_view section) {
  constexpr std::pair<std::string_view, std::string_view> comments[]{
    {"node", "This process."},
    {"gateway", "The HTTP API and the live events."},
    {"mesh", "How nodes find each other."},
    {"files", "Files of nodes that do not share a mount."},
    {"jobs", "The job queue (coordinator)."},
    {"worker", "What this node works on, and how much at once."},
    {"media", "What a file may ask for; one that asks for more is refused (worker)."},
    {"storyboards", "The small pictures of a player's seek bar (coordinator)."},
    {"database", "Where jobs and catalogue are kept (coordinator)."},
    {"redis", "A cache and a wake-up that can be away at any time; never the truth."},
    {"cache", "The cache in memory."},
    {"health", "The checks behind /api/health."},
    {"log", "Logging."},
  };
  for (auto& [name, comment] : comments)
    if (name == section)
      return comment;
  return {};
}

} // namespace troupe::config
