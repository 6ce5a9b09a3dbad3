#include <fcntl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

/// dropped FOLDER: techniques that tarc does not use beside those that it does, in turn, the median of seven rounds
/// after one that does not count. The table stands in README.md.
namespace {

constexpr std::size_t mib = std::size_t{1} << 20, bytes = 256 * mib, piece = 8 * mib, huge = 2 * mib;
constexpr std::size_t tiny = 256, tiny_count = std::size_t{1} << 16;

template <class T>
T checked(T result, const char* what) {
    if (result == static_cast<T>(-1)) throw std::system_error(errno, std::generic_category(), what);
    return result;
}

/// Anonymous memory that begins at a huge page and that nobody has touched.
class memory {
public:
    explicit memory(bool huge_pages)
        : base_(::mmap(nullptr, bytes + huge, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) {
        if (base_ == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "mmap");
        void* p = base_;
        std::size_t room = bytes + huge;
        data_ = static_cast<char*>(std::align(huge, bytes, p, room));
        ::madvise(data_, bytes, huge_pages ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
    }
    memory(const memory&) = delete;
    memory& operator=(const memory&) = delete;
    ~memory() { ::munmap(base_, bytes + huge); }
    [[nodiscard]] char* data() const { return data_; }

private:
    void* base_;
    char* data_;
};

struct place {
    std::string folder, kept;
    const char* from;

    [[nodiscard]] std::string fresh() const { return folder + "/dropped.new"; }
    [[nodiscard]] int create() const {
        return checked(::open(fresh().c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644), "open");
    }
    [[nodiscard]] int open_kept() const { return checked(::open(kept.c_str(), O_RDONLY | O_CLOEXEC), "open"); }
};

void write_all(int fd, const char* from, std::size_t count, off_t at) {
    for (std::size_t done = 0; done < count;)
        done += static_cast<std::size_t>(
            checked(::pwrite(fd, from + done, count - done, at + static_cast<off_t>(done)), "pwrite"));
}

void read_all(int fd, char* to) {
    for (std::size_t at = 0; at < bytes; at += piece)
        for (std::size_t done = 0; done < piece;) {
            const ssize_t n =
                checked(::pread(fd, to + at + done, piece - done, static_cast<off_t>(at + done)), "pread");
            if (n == 0) throw std::runtime_error("the file is short");
            done += static_cast<std::size_t>(n);
        }
}

void write_plainly(const place& p) {
    const int fd = p.create();
    write_all(fd, p.from, bytes, 0);
    ::close(fd);
}

void write_after_fallocate(const place& p) {
    const int fd = p.create();
    if (const int e = ::posix_fallocate(fd, 0, bytes); e != 0)
        throw std::system_error(e, std::generic_category(), "posix_fallocate");
    write_all(fd, p.from, bytes, 0);
    ::close(fd);
}

void write_through_mapping(const place& p) {
    const int fd = p.create();
    checked(::ftruncate(fd, bytes), "ftruncate");
    void* to = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (to == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "mmap");
    std::memcpy(to, p.from, bytes);
    ::munmap(to, bytes);
    ::close(fd);
}

void write_by_two_threads(const place& p) {
    const int fd = p.create();
    std::thread other([&] { write_all(fd, p.from + bytes / 2, bytes / 2, bytes / 2); });
    write_all(fd, p.from, bytes / 2, 0);
    other.join();
    ::close(fd);
}

void copy_by_kernel(const place& p) {
    const int from = p.open_kept(), to = p.create();
    for (std::size_t done = 0; done < bytes;)
        done += static_cast<std::size_t>(
            checked(::copy_file_range(from, nullptr, to, nullptr, bytes - done, 0), "copy_file_range"));
    ::close(from);
    ::close(to);
}

void copy_through_memory(const place& p) {
    const int from = p.open_kept(), to = p.create();
    std::vector<char> buffer(mib);
    for (std::size_t at = 0; at < bytes; at += mib) {
        checked(::pread(from, buffer.data(), mib, static_cast<off_t>(at)), "pread");
        write_all(to, buffer.data(), mib, static_cast<off_t>(at));
    }
    ::close(from);
    ::close(to);
}

void write_tiny_by_writev(const place& p) {
    const int fd = p.create();
    std::vector<iovec> all(1024);
    for (std::size_t i = 0; i < tiny_count; i += all.size()) {
        for (std::size_t k = 0; k < all.size(); ++k)
            all[k] = {const_cast<char*>(p.from) + (i + k) * 2 * tiny, tiny};  // they do not stand side by side
        checked(::writev(fd, all.data(), static_cast<int>(all.size())), "writev");
    }
    ::close(fd);
}

void write_tiny_gathered(const place& p) {
    const int fd = p.create();
    std::vector<char> gathered(tiny_count * tiny);
    for (std::size_t i = 0; i < tiny_count; ++i) std::memcpy(gathered.data() + i * tiny, p.from + i * 2 * tiny, tiny);
    write_all(fd, gathered.data(), gathered.size(), 0);
    ::close(fd);
}

void read_into(const place& p, bool huge_pages, bool populate) {
    const memory to(huge_pages);
    if (populate) checked(::madvise(to.data(), bytes, MADV_POPULATE_WRITE), "MADV_POPULATE_WRITE");
    const int fd = p.open_kept();
    read_all(fd, to.data());
    ::close(fd);
}

void copy_out_of_mapping(const place& p) {
    const memory to(true);
    const int fd = p.open_kept();
    void* from = ::mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE, fd, 0);
    if (from == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "mmap");
    std::memcpy(to.data(), from, bytes);
    ::munmap(from, bytes);
    ::close(fd);
}

struct technique {
    const char *name, *instead;
    std::function<void(const place&)> tried, used;
    std::size_t moved = bytes;
};

const technique techniques[] = {
    {"posix_fallocate before the writes of a new file", "write", write_after_fallocate, write_plainly},
    {"a new file by ftruncate, mmap and memcpy", "write", write_through_mapping, write_plainly},
    {"a new file by two threads, half each", "write", write_by_two_threads, write_plainly},
    {"writev of 65,536 pieces of 256 bytes", "gathered, one write", write_tiny_by_writev, write_tiny_gathered,
     tiny_count* tiny},
    {"copy_file_range to a new file", "pread and write of 1 MiB", copy_by_kernel, copy_through_memory},
    {"pread into fresh small pages", "fresh huge pages", [](const place& p) { read_into(p, false, false); },
     [](const place& p) { read_into(p, true, false); }},
    {"the same, populated at once before", "fresh huge pages", [](const place& p) { read_into(p, false, true); },
     [](const place& p) { read_into(p, true, false); }},
    {"memcpy out of a mapping into huge pages", "pread", copy_out_of_mapping,
     [](const place& p) { read_into(p, true, false); }},
};

double seconds(const std::function<void(const place&)>& f, const place& p) {
    const auto start = std::chrono::steady_clock::now();
    f(p);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    ::unlink(p.fresh().c_str());
    return took.count();
}

double median(std::vector<double> all) {
    std::sort(all.begin(), all.end());
    return all[all.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::fputs("usage: dropped FOLDER\n", stderr);
        return 2;
    }
    try {
        const memory from(true);
        for (std::size_t i = 0; i < bytes; ++i) from.data()[i] = static_cast<char>(i * 2654435761u >> 24);
        const place p{argv[1], std::string(argv[1]) + "/dropped.kept", from.data()};
        const int fd = checked(::open(p.kept.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644), "open");
        write_all(fd, p.from, bytes, 0);
        ::fsync(fd);
        ::close(fd);
        std::puts("| tried | GB/s | in use | GB/s | |\n|---|---:|---|---:|---:|");
        for (const technique& t : techniques) {
            std::vector<double> tried, used;
            for (int round = 0; round < 8; ++round) {
                const double a = seconds(t.tried, p), b = seconds(t.used, p);
                if (round == 0) continue;
                tried.push_back(a);
                used.push_back(b);
            }
            const double moved = static_cast<double>(t.moved) / 1e9, a = median(tried), b = median(used);
            std::printf("| %s | %.1f | %s | %.1f | %.2fx |\n", t.name, moved / a, t.instead, moved / b, b / a);
        }
        ::unlink(p.kept.c_str());
    } catch (const std::exception& e) {
        std::fprintf(stderr, "dropped: %s\n", e.what());
        return 1;
    }
}
