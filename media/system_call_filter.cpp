// The seccomp filter. Three answers:
//
// - allowed: what decoding, encoding, threads, memory and the open descriptors need (the list below, found by running
//   every operation and every encoder under strace);
// - refused with EPERM and noted: everything else. Libraries try harmless things on rare paths (a file with the
//   number of processors, a time zone) and get along without, so a kill would cost jobs and stop no attack that the
//   refusal does not stop. The refusal comes by SIGSYS, whose handler notes the call: the worker's log shows it.
// - killed: what only taken-over code asks for. No library calls these by accident, and there is no second try.

#include "media/known_files.hpp"
#include "media/sandbox.hpp"

#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <initializer_list>
#include <memory>
#include <type_traits>

namespace troupe::media {

namespace {

constexpr size_t known_calls = 512;
/// By number of the call; those beyond are counted as the last one.
std::array<std::atomic<uint32_t>, known_calls> refused{};

#if defined(__x86_64__)
auto& returned(ucontext_t& at) {
  return at.uc_mcontext.gregs[REG_RAX];
}
auto argument(const ucontext_t& at, int n) {
  constexpr std::array registers{REG_RDI, REG_RSI, REG_RDX, REG_R10};
  return at.uc_mcontext.gregs[registers[static_cast<size_t>(n)]];
}
#elif defined(__aarch64__)
auto& returned(ucontext_t& at) {
  return at.uc_mcontext.regs[0];
}
auto argument(const ucontext_t& at, int n) {
  return at.uc_mcontext.regs[n];
}
#else
#error "the registers of a system call on this processor are not known here"
#endif

/// glibc asks for the size of an open file by newfstatat with an empty path. A filter can't see that the path is
/// empty; here it can be seen, and the same is asked by descriptor.
bool is_fstat(int number, const ucontext_t& at) {
  return number == SYS_newfstatat && (argument(at, 3) & AT_EMPTY_PATH) != 0
         && *reinterpret_cast<const char*>(argument(at, 1)) == '\0';
}

/// One of the files that were read before (known_files), or -1.
int known_file(int number, const ucontext_t& at) {
  if (number != SYS_openat || (argument(at, 2) & O_ACCMODE) != O_RDONLY)
    return -1;
  return open_known_file(reinterpret_cast<const char*>(argument(at, 1)));
}

void answer(ucontext_t& at, long value) {
  returned(at) = static_cast<std::remove_reference_t<decltype(returned(at))>>(value);
}

/// Runs in the place of a refused call, on the thread that made it: async-signal-safe.
void on_refused(int, siginfo_t* info, void* context) {
  auto& at = *static_cast<ucontext_t*>(context);
  auto number = info->si_syscall;
  auto saved = errno;
  if (is_fstat(number, at)) {
    answer(at, ::syscall(SYS_fstat, argument(at, 0), argument(at, 2)) == 0 ? 0 : -errno);
  } else if (int fd = known_file(number, at); fd >= 0) {
    answer(at, fd);
  } else {
    auto slot = std::min(static_cast<size_t>(number), known_calls - 1);
    refused[slot].fetch_add(1, std::memory_order_relaxed);
    answer(at, -EPERM);
  }
  errno = saved;
}

struct release {
  void operator()(void* filter) const noexcept {
    seccomp_release(filter);
  }
};

/// The rules as they are added; remembers whether one failed.
class rules {
public:
  rules() : filter_(seccomp_init(SCMP_ACT_TRAP)) {
    // 2: a search tree by number, not a row of comparisons before each call.
    good_ = filter_ && seccomp_attr_set(filter_.get(), SCMP_FLTATR_CTL_TSYNC, 1) == 0
            && seccomp_attr_set(filter_.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2) == 0;
  }
  void add(uint32_t action, std::initializer_list<int> calls) {
    for (int call : calls)
      add_when(action, call, {});
  }
  void add_when(uint32_t action, int call, std::initializer_list<scmp_arg_cmp> conditions) {
    if (good_)
      good_ = seccomp_rule_add_array(filter_.get(), action, call, static_cast<unsigned>(conditions.size()),
                                     conditions.begin())
              == 0;
  }
  bool load() {
    return good_ && seccomp_load(filter_.get()) == 0;
  }

private:
  std::unique_ptr<void, release> filter_;
  bool good_ = false;
};

void allow_memory(rules& r) {
  r.add(SCMP_ACT_ALLOW, {SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(brk), SCMP_SYS(membarrier),
                         SCMP_SYS(get_mempolicy), SCMP_SYS(set_mempolicy), SCMP_SYS(memfd_create)});
  // No code is made at run time: memory is writable or executable, and what is executable is there already.
  r.add_when(SCMP_ACT_ALLOW, SCMP_SYS(mmap), {SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)});
  r.add_when(SCMP_ACT_ALLOW, SCMP_SYS(mprotect), {SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)});
}

void allow_threads(rules& r) {
  constexpr int thread_flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD;
  constexpr int forbidden_flags = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER
                                  | CLONE_NEWPID | CLONE_NEWNET | CLONE_VFORK | CLONE_PTRACE;
  r.add_when(SCMP_ACT_ALLOW, SCMP_SYS(clone),
             {SCMP_A0(SCMP_CMP_MASKED_EQ, thread_flags | forbidden_flags, thread_flags)});
  // Its flags lie in memory, where a filter can't see them. glibc takes this answer for an old kernel's and uses clone.
  r.add(SCMP_ACT_ERRNO(ENOSYS), {SCMP_SYS(clone3)});
  // As root SVT-AV1 would run its threads before everything else on the machine; refused, it takes ordinary ones.
  r.add(SCMP_ACT_ERRNO(EPERM), {SCMP_SYS(sched_setscheduler)});
  // libx265 lowers its own priority.
  r.add(SCMP_ACT_ALLOW, {SCMP_SYS(getpriority)});
  r.add_when(SCMP_ACT_ALLOW, SCMP_SYS(setpriority),
             {SCMP_A0(SCMP_CMP_EQ, PRIO_PROCESS), SCMP_A1(SCMP_CMP_EQ, 0), SCMP_A2(SCMP_CMP_LE, 19)});
  // A thread may choose its own processors (libx265 on machines with several memory nodes), nobody else's.
  r.add_when(SCMP_ACT_ALLOW, SCMP_SYS(sched_setaffinity), {SCMP_A0(SCMP_CMP_EQ, 0)});
  r.add_when(SCMP_ACT_ERRNO(EPERM), SCMP_SYS(sched_setaffinity), {SCMP_A0(SCMP_CMP_NE, 0)});
  r.add(SCMP_ACT_ALLOW,
        {SCMP_SYS(futex), SCMP_SYS(set_robust_list), SCMP_SYS(rseq), SCMP_SYS(exit), SCMP_SYS(exit_group),
         SCMP_SYS(sched_yield), SCMP_SYS(sched_getaffinity), SCMP_SYS(sched_getparam), SCMP_SYS(sched_getscheduler),
         SCMP_SYS(gettid), SCMP_SYS(getpid), SCMP_SYS(geteuid), SCMP_SYS(getcpu)});
  r.add_when(SCMP_ACT_ALLOW, SCMP_SYS(prctl), {SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME)});
  // Signals go to threads of this process only: abort() sends one.
  r.add_when(SCMP_ACT_ALLOW, SCMP_SYS(tgkill), {SCMP_A0(SCMP_CMP_EQ, static_cast<scmp_datum_t>(::getpid()))});
  r.add(SCMP_ACT_ALLOW, {SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
                         SCMP_SYS(sigaltstack), SCMP_SYS(restart_syscall)});
}

void allow_descriptors(rules& r) {
  r.add(SCMP_ACT_ALLOW, {SCMP_SYS(read), SCMP_SYS(pread64), SCMP_SYS(write), SCMP_SYS(pwrite64), SCMP_SYS(lseek),
                         SCMP_SYS(fstat), SCMP_SYS(ftruncate), SCMP_SYS(fsync), SCMP_SYS(fdatasync),
                         SCMP_SYS(sync_file_range), SCMP_SYS(close), SCMP_SYS(recvmsg), SCMP_SYS(sendmsg)});
  // libav marks what it has opened as not for other programs.
  for (int command : {F_GETFD, F_SETFD, F_GETFL})
    r.add_when(SCMP_ACT_ALLOW, SCMP_SYS(fcntl), {SCMP_A1(SCMP_CMP_EQ, static_cast<scmp_datum_t>(command))});
  // send(): no address.
  r.add_when(SCMP_ACT_ALLOW, SCMP_SYS(sendto), {SCMP_A4(SCMP_CMP_EQ, 0)});
  r.add_when(SCMP_ACT_ALLOW, SCMP_SYS(recvfrom), {SCMP_A4(SCMP_CMP_EQ, 0)});
}

void allow_clocks_and_limits(rules& r) {
  r.add(SCMP_ACT_ALLOW,
        {SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres), SCMP_SYS(clock_nanosleep), SCMP_SYS(nanosleep),
         SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(times), SCMP_SYS(getrusage), SCMP_SYS(getrlimit),
         SCMP_SYS(sysinfo), SCMP_SYS(uname), SCMP_SYS(getrandom)});
  // Limits of this process are read, and processor time is set for each operation.
  r.add_when(SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), {SCMP_A0(SCMP_CMP_EQ, 0), SCMP_A2(SCMP_CMP_EQ, 0)});
  r.add_when(SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), {SCMP_A0(SCMP_CMP_EQ, 0), SCMP_A1(SCMP_CMP_EQ, RLIMIT_CPU)});
}

void kill_attacks(rules& r) {
  r.add(SCMP_ACT_KILL_PROCESS, {SCMP_SYS(execve),
                                SCMP_SYS(execveat),
                                SCMP_SYS(fork),
                                SCMP_SYS(vfork),
                                SCMP_SYS(kill),
                                SCMP_SYS(tkill),
                                SCMP_SYS(rt_sigqueueinfo),
                                SCMP_SYS(rt_tgsigqueueinfo),
                                SCMP_SYS(pidfd_open),
                                SCMP_SYS(pidfd_getfd),
                                SCMP_SYS(pidfd_send_signal),
                                SCMP_SYS(ptrace),
                                SCMP_SYS(process_vm_readv),
                                SCMP_SYS(process_vm_writev),
                                SCMP_SYS(process_madvise),
                                SCMP_SYS(kcmp),
                                SCMP_SYS(bpf),
                                SCMP_SYS(perf_event_open),
                                SCMP_SYS(userfaultfd),
                                SCMP_SYS(io_uring_setup),
                                SCMP_SYS(io_uring_enter),
                                SCMP_SYS(io_uring_register),
                                SCMP_SYS(add_key),
                                SCMP_SYS(request_key),
                                SCMP_SYS(keyctl),
                                SCMP_SYS(unshare),
                                SCMP_SYS(setns),
                                SCMP_SYS(mount),
                                SCMP_SYS(umount2),
                                SCMP_SYS(pivot_root),
                                SCMP_SYS(chroot),
                                SCMP_SYS(move_mount),
                                SCMP_SYS(open_tree),
                                SCMP_SYS(fsopen),
                                SCMP_SYS(init_module),
                                SCMP_SYS(finit_module),
                                SCMP_SYS(delete_module),
                                SCMP_SYS(kexec_load),
                                SCMP_SYS(kexec_file_load),
                                SCMP_SYS(reboot),
                                SCMP_SYS(swapon),
                                SCMP_SYS(setuid),
                                SCMP_SYS(setgid),
                                SCMP_SYS(setresuid),
                                SCMP_SYS(setresgid),
                                SCMP_SYS(capset),
                                SCMP_SYS(personality),
                                SCMP_SYS(open_by_handle_at),
                                SCMP_SYS(seccomp)});
}

/// Drivers talk to their cards by ioctl, and wait for them.
void allow_devices(rules& r, const std::vector<int>& devices) {
  if (devices.empty())
    return;
  for (int fd : devices)
    r.add_when(SCMP_ACT_ALLOW, SCMP_SYS(ioctl), {SCMP_A0(SCMP_CMP_EQ, static_cast<scmp_datum_t>(fd))});
  r.add(SCMP_ACT_ALLOW, {SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(eventfd2)});
}

bool catch_refusals() {
  struct sigaction action {};
  action.sa_sigaction = &on_refused;
  action.sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK;
  return ::sigaction(SIGSYS, &action, nullptr) == 0;
}

} // namespace

bool filter_system_calls(const std::vector<int>& devices) {
  rules r;
  allow_memory(r);
  allow_threads(r);
  allow_descriptors(r);
  allow_clocks_and_limits(r);
  allow_devices(r, devices);
  kill_attacks(r);
  return catch_refusals() && r.load();
}

std::vector<std::string> refused_calls() {
  std::vector<std::string> lines;
  for (size_t number = 0; number < refused.size(); ++number) {
    auto times = refused[number].exchange(0, std::memory_order_relaxed);
    if (times == 0)
      continue;
    std::unique_ptr<char, decltype(&std::free)> name{
      seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, static_cast<int>(number)), &std::free};
    auto text = number + 1 < refused.size() && name ? std::string(name.get()) : "an unknown call";
    lines.push_back(text + ", " + std::to_string(times) + (times == 1 ? " time" : " times"));
  }
  return lines;
}

} // namespace troupe::media
