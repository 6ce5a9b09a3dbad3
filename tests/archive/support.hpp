#pragma once

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tarc/tarc.hpp>

#include "support/errors.hpp"

namespace tarc_test {

using bytes = std::vector<std::byte>;

template <class T>
bytes saved(const T& value, const tarc::save_options& options = {}) {
    bytes out;
    tarc::save(value, out, options);
    return out;
}

/// Saves, loads, saves again, and requires both files to be equal; gives what was loaded.
template <class T>
T round_trip(const T& value, const tarc::save_options& options = {}) {
    const bytes first = saved(value, options);
    T back = tarc::load<T>(first);
    CHECK(saved(back, options) == first);
    return back;
}

/// The report of a load that must not fit.
template <class F>
tarc::load_report report_of(F&& f) {
    try {
        static_cast<F&&>(f)();
    } catch (const tarc::mismatch_error& e) {
        CHECK(e.code() == tarc::errc::mismatch);
        return e.report();
    }
    FAIL("no mismatch_error was thrown");
    return {};
}

template <class T, std::int64_t... E>
std::vector<T> elements(const tarc::tensor<T, E...>& t) {
    const auto own = t.clone();
    return {own.span().begin(), own.span().end()};
}

/// Bytes in memory; records what is read, and throws at the n-th read.
class scripted_source final : public tarc::source {
public:
    explicit scripted_source(bytes b) : bytes_(std::move(b)) {}

    int fail_at = 0;  ///< from 1; 0: never
    bool custom_error = false;
    struct range {
        std::uint64_t offset;
        std::size_t size;
    };
    std::vector<range> reads;

    [[nodiscard]] std::uint64_t size() const override { return bytes_.size(); }
    void read(std::uint64_t offset, std::span<std::byte> out) override {
        require_range(offset, out.size());
        reads.push_back({offset, out.size()});
        if (fail_at != 0 && reads.size() == static_cast<std::size_t>(fail_at)) {
            if (custom_error) throw std::runtime_error("the cable is out");
            throw tarc::error(tarc::errc::io, "scripted failure");
        }
        std::memcpy(out.data(), bytes_.data() + offset, out.size());
    }
    [[nodiscard]] const std::string& name() const override { return name_; }

    /// Whether a byte of the range was read.
    [[nodiscard]] bool touched(std::uint64_t begin, std::uint64_t end) const {
        for (const range& r : reads)
            if (r.offset < end && r.offset + r.size > begin) return true;
        return false;
    }

private:
    bytes bytes_;
    std::string name_ = "<scripted>";
};

/// Host memory that counts, and refuses the n-th allocation.
class scripted_memory {
public:
    int fail_at = 0, allocations = 0;
    std::size_t live = 0;

    void* allocate(std::size_t n, std::size_t alignment) {
        if (++allocations == fail_at) throw std::bad_alloc();
        void* p = tarc::host_memory().allocate(n, alignment);
        ++live;
        return p;
    }
    void deallocate(void* p, std::size_t n, std::size_t alignment) {
        --live;
        tarc::host_memory().deallocate(p, n, alignment);
    }
    [[nodiscard]] static tarc::device device() { return tarc::device::cpu(); }
};

struct payload {
    std::string name;
    std::uint64_t begin, end;
};

/// Where the records of an archive stand.
inline std::vector<payload> payloads(const bytes& file) {
    const tarc::zip_reader zip(std::make_shared<tarc::memory_source>(std::span<const std::byte>(file)));
    std::vector<payload> all;
    for (const tarc::record& r : zip.records())
        all.push_back({std::string(r.name), zip.payload_offset(r), zip.payload_offset(r) + r.stored_size});
    return all;
}

inline payload find_payload(const bytes& file, std::string_view name) {
    for (const payload& p : payloads(file))
        if (p.name == name) return p;
    FAIL("no such record");
    return {};
}

/// An archive made of a dynamic value, which can have any shape and any tag.
inline bytes saved_value(const tarc::value& v, std::optional<std::string> location = {}) {
    tarc::save_options o;
    o.location = std::move(location);
    return saved(v, o);
}

using items = std::vector<tarc::value::item>;

}  // namespace tarc_test
