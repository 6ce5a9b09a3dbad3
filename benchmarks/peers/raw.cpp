#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "peer.hpp"

/// What the machine does with as many bytes, and nothing else: the denominators.
namespace bench {
namespace {

[[noreturn]] void fail(const std::string& path) { throw std::system_error(errno, std::generic_category(), path); }

class descriptor {
public:
    descriptor(const std::string& path, int flags) : fd_(::open(path.c_str(), flags | O_CLOEXEC, 0644)) {
        if (fd_ < 0) fail(path);
    }
    descriptor(const descriptor&) = delete;
    descriptor& operator=(const descriptor&) = delete;
    ~descriptor() { ::close(fd_); }
    [[nodiscard]] int get() const { return fd_; }

private:
    int fd_;
};

/// Memory of whole huge pages, as tarc takes it.
class memory {
public:
    explicit memory(std::size_t bytes) : bytes_(bytes), mapped_(bytes + huge) {
        void* p = ::mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED) fail("mmap");
        base_ = p;
        const auto at = reinterpret_cast<std::uintptr_t>(p);
        data_ = static_cast<std::byte*>(p) + (huge - at % huge) % huge;
        ::madvise(data_, bytes, MADV_HUGEPAGE);
    }
    memory(const memory&) = delete;
    memory& operator=(const memory&) = delete;
    ~memory() { ::munmap(base_, mapped_); }
    [[nodiscard]] std::byte* data() const { return data_; }
    [[nodiscard]] std::size_t size() const { return bytes_; }

private:
    static constexpr std::size_t huge = std::size_t{1} << 21;
    std::size_t bytes_, mapped_;
    void* base_ = nullptr;
    std::byte* data_ = nullptr;
};

/// Reads the front of a file in pieces of 8 MiB, which `threads` threads take one after the other.
void read_front(const std::string& path, const memory& to, unsigned threads) {
    constexpr std::size_t piece = std::size_t{8} << 20;
    const descriptor file(path, O_RDONLY);
    std::atomic<std::size_t> next = 0;
    std::atomic<int> failed = 0;
    const auto work = [&] {
        for (std::size_t at = 0; (at = next.fetch_add(piece)) < to.size();) {
            for (std::size_t done = 0, bytes = std::min(piece, to.size() - at); done < bytes;) {
                const ssize_t n =
                    ::pread(file.get(), to.data() + at + done, bytes - done, static_cast<off_t>(at + done));
                if (n <= 0) {
                    failed = n == 0 ? EIO : errno;
                    return;
                }
                done += static_cast<std::size_t>(n);
            }
        }
    };
    std::vector<std::thread> others;
    for (unsigned i = 1; i < threads && i * piece < to.size(); ++i) others.emplace_back(work);
    work();
    for (std::thread& t : others) t.join();
    if (failed != 0) {
        errno = failed;
        fail(path);
    }
}

}  // namespace

// As wide as PyTorch's, which sums for the other peers and is compiled for several processors too.
#ifdef __x86_64__
[[gnu::target_clones("avx2", "default")]]
#endif
std::uint64_t sum(const void* data, std::size_t bytes) {
    typedef std::uint64_t words __attribute__((vector_size(32)));
    const auto* p = static_cast<const unsigned char*>(data);
    words totals = {};
    std::size_t i = 0;
    for (; i + sizeof(words) <= bytes; i += sizeof(words)) {
        words next;
        std::memcpy(&next, p + i, sizeof next);
        totals += next;
    }
    std::uint64_t total = totals[0] + totals[1] + totals[2] + totals[3];
    for (; i + 8 <= bytes; i += 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, p + i, sizeof word);
        total += word;
    }
    for (; i < bytes; ++i) total += p[i];
    return total;
}

void touch(std::size_t bytes) {
    const memory m(bytes);
    std::memset(m.data(), 1, bytes);
}

peer raw_peer() {
    struct state {
        std::size_t bytes = 0;
        std::unique_ptr<memory> held = nullptr, other = nullptr, loaded = nullptr;
    };
    const auto s = std::make_shared<state>();
    const auto count = [s](const std::string& size) { s->bytes = std::stoull(size); };
    const auto keep = [](std::unique_ptr<memory>& m, std::size_t bytes) {
        if (m && m->size() == bytes) return;
        m = std::make_unique<memory>(bytes);
        std::memset(m->data(), 1, bytes);
    };
    peer p;
    p.hold = count;

    operation& save = p.operations["save"];
    save.prepare = [s, keep](const std::string&) {
        keep(s->held, s->bytes);
        touch(s->bytes);  // as what it holds is new each time, there is less at hand for the file than the others find
    };
    save.run = [s](const std::string& path) {
        const descriptor file(path, O_WRONLY | O_CREAT | O_TRUNC);
        for (std::size_t done = 0; done < s->bytes;) {
            const ssize_t n = ::write(file.get(), s->held->data() + done, s->bytes - done);
            if (n < 0) fail(path);
            done += static_cast<std::size_t>(n);
        }
    };

    operation& copy = p.operations["memcpy"];
    copy.prepare = [s, keep](const std::string&) {
        keep(s->held, s->bytes);
        keep(s->other, s->bytes);
    };
    copy.run = [s](const std::string&) { std::memcpy(s->other->data(), s->held->data(), s->bytes); };
    save.finish = copy.finish = [s] {  // the other peers need the memory
        s->held.reset();
        s->other.reset();
        return std::uint64_t{0};
    };

    const auto loads = [&](const char* name, unsigned threads, bool fresh) {
        operation& o = p.operations[name];
        o.prepare = [s, keep, fresh](const std::string&) {
            if (fresh)
                s->loaded.reset();
            else
                keep(s->loaded, s->bytes);
        };
        o.run = [s, threads](const std::string& path) {
            if (!s->loaded) s->loaded = std::make_unique<memory>(s->bytes);
            read_front(path, *s->loaded, threads);
        };
    };
    const unsigned usual = std::clamp(std::thread::hardware_concurrency(), 1u, 4u);
    loads("load", usual, true);
    loads("load_one_thread", 1, true);
    loads("load_into", 2, false);
    return p;
}

}  // namespace bench
