// Files: atomic replacement above all. Whatever goes wrong, and whenever the process is killed, the old
// content or the new is there, whole.
#include "support/file.h"

#include "scratch.h"

#include <csignal>
#include <functional>
#include <set>
#include <thread>

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace lemnos {
namespace {

using namespace test;

const std::string old_content = "the old content";
const std::string new_content = std::string(200'000, 'n') + "ew"; // more than the writer's buffer

void replace(const std::string& path, const std::string& content = new_content) {
    write_atomically(path, [&](FileWriter& file) { file.write(content); });
}

int mode_of(const std::string& path) {
    struct stat status {};
    return stat(path.c_str(), &status) == 0 ? int(status.st_mode & 07777) : -1;
}

// Runs an action in a process of its own; its result is the exit status (0: fine), or 100 + the signal that
// ended it.
int in_child(const std::function<int()>& action) {
    const pid_t child = fork();
    if (child == 0) {
        int status = 99;
        try {
            status = action();
        } catch (...) {
        }
        _exit(status);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
}

// 0 if replacing the file fails as it must: the right code, the path and the reason in the sentence, the old
// file as it was, and nothing left beside it. For use in a child.
int check_failure(const ScratchFolder& scratch, const std::string& path, const std::string& reason) {
    const size_t before = scratch.count();
    try {
        replace(path);
        return 1;
    } catch (const Error& error) {
        const std::string sentence = error.what();
        if (error.code() != ErrorCode::file_unwritable) return 2;
        if (sentence.find(path) == std::string::npos || sentence.find(reason) == std::string::npos) return 3;
    }
    if (content_of(path) != old_content) return 4;
    return scratch.count() == before ? 0 : 5;
}

TEST(File, ReadsAWholeFileAndRanges) {
    const ScratchFolder scratch;
    const std::string path = scratch.write("a", std::string("0123456789"));
    EXPECT_EQ(read_file(path, 10), Bytes({'0', '1', '2', '3', '4', '5', '6', '7', '8', '9'}));
    FileReader file(path);
    EXPECT_EQ(file.size(), 10);
    char part[4] = {};
    file.read(6, part, 4);
    EXPECT_EQ(std::string(part, 4), "6789");
    file.read(10, nullptr, 0);
    FileReader moved = std::move(file);
    moved.read(0, part, 1);
    EXPECT_EQ(part[0], '0');
    EXPECT_TRUE(read_file(scratch.write("empty", Bytes()), 0).empty());
}

TEST(File, RefusesRangesThatTheFileDoesNotHold) {
    const ScratchFolder scratch;
    const FileReader file(scratch.write("a", std::string("0123456789")));
    char byte = 0;
    constexpr int64_t most = std::numeric_limits<int64_t>::max();
    for (const auto& [offset, bytes] : std::initializer_list<std::pair<int64_t, int64_t>>{
             {10, 1}, {9, 2}, {-1, 1}, {0, -1}, {most, 1}, {1, most}, {most, most}})
        expect_refusal(ErrorCode::file_malformed, {file.path(), "10 bytes"},
                     [&] { file.read(offset, &byte, bytes); });
    expect_refusal(ErrorCode::file_malformed, {file.path(), "10 bytes", "9"},
                 [&] { read_file(file.path(), 9); });
    // Cut behind the reader's back.
    std::filesystem::resize_file(file.path(), 4);
    char all[10];
    expect_refusal(ErrorCode::file_malformed, {file.path(), "cut at byte 4"}, [&] { file.read(0, all, 10); });
}

TEST(File, SaysWhyAFileCannotBeRead) {
    const ScratchFolder scratch;
    const std::string missing = scratch.file("missing");
    expect_refusal(ErrorCode::not_found, {missing, "No such file"}, [&] { FileReader reader(missing); });
    const std::string below = scratch.write("file", std::string("x")) + "/below";
    expect_refusal(ErrorCode::not_found, {below, "Not a directory"}, [&] { FileReader reader(below); });
    expect_refusal(ErrorCode::file_unreadable, {scratch.path(), "a folder"},
                 [&] { FileReader reader(scratch.path()); });
    const std::string pipe = scratch.file("pipe");
    ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
    expect_refusal(ErrorCode::file_unreadable, {pipe, "not a regular file"}, [&] { FileReader reader(pipe); });
}

TEST(File, CreatesAFileThatObeysTheUmask) {
    const ScratchFolder scratch;
    const std::string path = scratch.file("new");
    const mode_t before = umask(027);
    replace(path);
    umask(before);
    EXPECT_EQ(content_of(path), new_content);
    EXPECT_EQ(mode_of(path), 0640);
    EXPECT_EQ(scratch.count(), 1u);
}

TEST(File, KeepsTheModeOfTheFileThatItReplaces) {
    const ScratchFolder scratch;
    const std::string path = scratch.write("a", old_content);
    for (const int mode : {0644, 0600, 0664, 0755}) {
        ASSERT_EQ(chmod(path.c_str(), mode_t(mode)), 0);
        replace(path);
        EXPECT_EQ(mode_of(path), mode);
    }
}

TEST(File, ReplacesTheTargetOfALink) {
    const ScratchFolder scratch, elsewhere;
    const std::string target = elsewhere.write("target", old_content), link = scratch.file("link");
    std::filesystem::create_symlink(target, link);
    replace(link);
    EXPECT_TRUE(std::filesystem::is_symlink(link));
    EXPECT_EQ(content_of(target), new_content);
    EXPECT_EQ(scratch.count() + elsewhere.count(), 2u);
}

TEST(File, WritesTheLongestNameAndARelativePath) {
    const ScratchFolder scratch;
    const std::string path = scratch.file(std::string(255, 'x'));
    replace(path);
    EXPECT_EQ(content_of(path), new_content);
    EXPECT_EQ(in_child([&] {
                  if (chdir(scratch.path().c_str()) != 0) return 1;
                  replace("relative", old_content);
                  return content_of(scratch.file("relative")) == old_content ? 0 : 2;
              }),
              0);
}

TEST(File, KeepsTheOrderOfSmallAndLargeWrites) {
    const ScratchFolder scratch;
    std::string expected;
    write_atomically(scratch.file("a"), [&](FileWriter& file) {
        for (const size_t size : {1u, 65535u, 1u, 65536u, 3u, 0u, 200000u, 65537u, 7u}) {
            const std::string part(size, char('a' + size % 26));
            file.write(part);
            expected += part;
        }
    });
    EXPECT_EQ(content_of(scratch.file("a")), expected);
}

TEST(File, SaysWhyAFileCannotBeWritten) {
    const ScratchFolder scratch;
    const std::string lost = scratch.file("missing/a");
    expect_refusal(ErrorCode::file_unwritable, {lost, "No such file"}, [&] { replace(lost); });
    expect_refusal(ErrorCode::file_unwritable, {scratch.path(), "a folder"}, [&] { replace(scratch.path()); });
    expect_refusal(ErrorCode::file_unwritable, {"/dev/full", "not a regular file"},
                 [&] { replace("/dev/full"); });
    const std::string long_name = scratch.file(std::string(256, 'x'));
    expect_refusal(ErrorCode::file_unwritable, {"too long"}, [&] { replace(long_name); });
    EXPECT_EQ(scratch.count(), 0u);
}

TEST(File, KeepsTheOldFileWhenTheWriterThrows) {
    const ScratchFolder scratch;
    const std::string path = scratch.write("a", old_content);
    EXPECT_THROW(write_atomically(path,
                                  [](FileWriter& file) {
                                      file.write(new_content);
                                      throw std::runtime_error("thrown on purpose");
                                  }),
                 std::runtime_error);
    EXPECT_EQ(content_of(path), old_content);
    EXPECT_EQ(scratch.count(), 1u);
}

TEST(File, ReportsAFullDevice) {
    const int descriptor = open("/dev/full", O_WRONLY);
    if (descriptor < 0) GTEST_SKIP() << "This system has no /dev/full.";
    const std::string path = "full";
    FileWriter file(descriptor, path);
    file.write(old_content);
    expect_refusal(ErrorCode::file_unwritable, {"\"full\"", "No space left on device"}, [&] { file.flush(); });
    expect_refusal(ErrorCode::file_unwritable, {"No space left on device"}, [&] { file.write(new_content); });
    close(descriptor);
}

TEST(File, KeepsTheOldFileAtALimitOfItsSize) {
    const ScratchFolder scratch;
    const std::string path = scratch.write("a", old_content);
    for (const rlim_t limit : {0, 1, 65536, 199'999})
        EXPECT_EQ(in_child([&] {
                      signal(SIGXFSZ, SIG_IGN);
                      const rlimit bounds = {limit, limit};
                      if (setrlimit(RLIMIT_FSIZE, &bounds) != 0) return 6;
                      return check_failure(scratch, path, "File too large");
                  }),
                  0)
            << limit;
}

TEST(File, KeepsTheOldFileOnAFullDisk) {
    const ScratchFolder scratch;
    constexpr int not_allowed = 77;
    const int result = in_child([&] {
        // As root, or in a user namespace where the system allows that.
        if (unshare(CLONE_NEWNS) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return not_allowed;
        if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return not_allowed;
        if (mount("tmpfs", scratch.path().c_str(), "tmpfs", 0, "size=128k") != 0) return not_allowed;
        const std::string path = scratch.write("a", old_content);
        return check_failure(scratch, path, "No space left on device");
    });
    if (result == not_allowed) GTEST_SKIP() << "This system lets the test mount no file system of its own.";
    EXPECT_EQ(result, 0);
}

TEST(File, KeepsTheOldFileWhenKilledWhileWriting) {
    const ScratchFolder scratch;
    const std::string path = scratch.write("a", old_content);
    EXPECT_EQ(in_child([&] {
                  write_atomically(path, [](FileWriter& file) {
                      file.write(new_content);
                      raise(SIGKILL);
                  });
                  return 0;
              }),
              100 + SIGKILL);
    EXPECT_EQ(content_of(path), old_content);
    replace(path); // what was left behind is in nobody's way
    EXPECT_EQ(content_of(path), new_content);
}

// Kills the process at the entry and at the exit of every system call of a save, one after the other.
TEST(File, HoldsTheOldOrTheNewContentWhereverItIsKilled) {
    std::set<std::string> seen;
    bool finished = false;
    int kill_at = 0;
    for (; !finished && kill_at < 20'000; ++kill_at) {
        const ScratchFolder scratch;
        const std::string path = scratch.write("a", old_content);
        const pid_t child = fork();
        if (child == 0) {
            if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) _exit(77);
            raise(SIGSTOP);
            try {
                replace(path);
                _exit(0);
            } catch (...) {
                _exit(1);
            }
        }
        int status = 0;
        waitpid(child, &status, 0);
        if (WIFEXITED(status)) GTEST_SKIP() << "This system lets the test trace no process.";
        for (int stop = 0; stop <= kill_at && WIFSTOPPED(status); ++stop) {
            ptrace(PTRACE_SYSCALL, child, nullptr, nullptr);
            waitpid(child, &status, 0);
        }
        if (WIFSTOPPED(status)) {
            kill(child, SIGKILL);
            waitpid(child, &status, 0);
        } else {
            finished = true;
            EXPECT_EQ(status, 0);
        }
        const std::string content = content_of(path);
        ASSERT_TRUE(content == old_content || content == new_content)
            << content.size() << " bytes after a kill at stop " << kill_at;
        seen.insert(content);
        EXPECT_EQ(mode_of(path) & 0600, 0600);
    }
    EXPECT_TRUE(finished);
    EXPECT_EQ(seen.size(), 2u) << "after " << kill_at << " kills";
}

TEST(File, WritersOfOnePathDoNotMix) {
    const ScratchFolder scratch;
    const std::string path = scratch.file("a");
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
        threads.emplace_back([&, i] {
            for (int round = 0; round < 10; ++round) replace(path, std::string(100'000, char('a' + i)));
        });
    for (std::thread& thread : threads) thread.join();
    const std::string content = content_of(path);
    EXPECT_EQ(content, std::string(100'000, content[0]));
    EXPECT_EQ(scratch.count(), 1u);
}

TEST(File, ListsAFolderInOrder) {
    const ScratchFolder scratch;
    for (const char* name : {"b", "B", "a", "10", "9", ".hidden", "folder/inner"})
        scratch.write(name, std::string());
    std::filesystem::create_symlink("nowhere", scratch.file("broken"));
    std::vector<std::string> names;
    for (const FolderEntry& entry : list_folder(scratch.path())) {
        names.push_back(entry.name);
        EXPECT_EQ(entry.folder, entry.name == "folder");
    }
    EXPECT_EQ(names, std::vector<std::string>({".hidden", "10", "9", "B", "a", "b", "broken", "folder"}));
    const std::string missing = scratch.file("missing"), file = scratch.file("a");
    expect_refusal(ErrorCode::not_found, {missing}, [&] { list_folder(missing); });
    expect_refusal(ErrorCode::file_unreadable, {file, "Not a directory"}, [&] { list_folder(file); });
}

TEST(File, MakesFolders) {
    const ScratchFolder scratch;
    make_folders(scratch.file("x/y/z"));
    make_folders(scratch.file("x/y/z"));
    EXPECT_TRUE(is_folder(scratch.file("x/y/z")));
    EXPECT_FALSE(file_exists(scratch.file("x/y/z")));
    const std::string below = scratch.write("file", std::string()) + "/below";
    EXPECT_TRUE(file_exists(scratch.file("file")));
    EXPECT_FALSE(is_folder(scratch.file("file")));
    expect_refusal(ErrorCode::file_unwritable, {below}, [&] { make_folders(below); });
}

TEST(File, FindsTheCacheFolder) {
    // In a child, since the environment belongs to the whole process.
    const auto folder = [](const char* cache, const char* home) {
        cache ? setenv("XDG_CACHE_HOME", cache, 1) : unsetenv("XDG_CACHE_HOME");
        home ? setenv("HOME", home, 1) : unsetenv("HOME");
        return user_cache_folder();
    };
    EXPECT_EQ(in_child([&] { return folder("/cache", "/home/me") == "/cache/lemnos" ? 0 : 1; }), 0);
    EXPECT_EQ(in_child([&] { return folder("relative", "/home/me") == "/home/me/.cache/lemnos" ? 0 : 1; }),
              0);
    EXPECT_EQ(in_child([&] { return folder(nullptr, "/home/me") == "/home/me/.cache/lemnos" ? 0 : 1; }), 0);
    EXPECT_EQ(in_child([&] { return folder(nullptr, nullptr).empty() ? 0 : 1; }), 0);
}

TEST(File, KnowsATerminal) {
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    EXPECT_FALSE(is_terminal(ends[0]));
    EXPECT_EQ(terminal_width(ends[0], 72), 72);
    close(ends[0]);
    close(ends[1]);
    const int terminal = posix_openpt(O_RDWR | O_NOCTTY);
    if (terminal < 0) GTEST_SKIP() << "This system has no pseudo-terminals.";
    EXPECT_TRUE(is_terminal(terminal));
    close(terminal);
}

} // namespace
} // namespace lemnos
