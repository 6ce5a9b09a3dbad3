#pragma once

#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace tarc {

/// What kind of failure a tarc::error reports. Stable names: tests and callers may switch on them.
enum class errc : std::uint8_t {
    io,                 ///< a system call failed; the message has the call and the system's own words
    truncated,          ///< the file ends before its structure does
    not_an_archive,     ///< no format that tarc knows
    bad_archive,        ///< the ZIP structure contradicts itself (headers, overlaps, hidden bytes, two roots, …)
    duplicate_name,     ///< two records with one name
    bad_name,           ///< a record name that no archive may have
    no_record,          ///< a record that should be there is missing
    unsupported,        ///< valid, but nothing here reads or writes it
    checksum_mismatch,  ///< bytes differ from their CRC-32 or XXH3
    bad_pickle,         ///< the pickle is malformed, or does something that data never does
    bad_tensor,         ///< shape, strides, offset or dtype do not fit the storage
    limit_exceeded,     ///< more than tarc::limits allows
    mismatch,           ///< struct and file disagree; see load_report
    out_of_range,       ///< a number does not fit its type, or an index its container
    wrong_type,         ///< a value of another kind was asked for
    unsavable,          ///< a value that an archive cannot hold (undefined tensor, invalid UTF-8, …)
    no_device,          ///< no backend serves the location, or the device is not there
    device_failed,      ///< a call of the device's runtime failed; the message says whether others can still succeed
    out_of_memory,      ///< an allocation failed
    invalid_argument,   ///< the call itself is wrong
    cancelled,          ///< somebody wanted it to end: a progress callback, or pending_save::cancel()
    busy,               ///< as many saves are under way as the async_saver takes, and it is not to wait
};

/// The one exception of the library. `what()` says what is wrong, where, and what to do. The parts are there for
/// programs: empty or absent where they do not apply. Not thread-safe while context is being added; copies are cheap.
class error : public std::exception {
public:
    error(errc code, std::string message) : code_(code), message_(std::move(message)) { compose(); }

    [[nodiscard]] errc code() const noexcept { return code_; }
    /// The sentence without the place.
    [[nodiscard]] const std::string& message() const noexcept { return message_; }
    /// The file, as it was given to open, load or save.
    [[nodiscard]] const std::string& archive() const noexcept { return archive_; }
    /// The record in the archive, such as "data/3".
    [[nodiscard]] const std::string& record() const noexcept { return record_; }
    /// The path of the value or field, such as "model_state_dict/fc1.weight".
    [[nodiscard]] const std::string& field() const noexcept { return field_; }
    /// Byte offset: in the record when record() is set, else in the file.
    [[nodiscard]] std::optional<std::uint64_t> offset() const noexcept { return offset_; }
    /// True only when an in-place load failed during the transfer: the bytes of the target's tensors are unspecified.
    [[nodiscard]] bool torn() const noexcept { return torn_; }
    [[nodiscard]] const char* what() const noexcept override { return what_.c_str(); }

    /// Each adds a part of the place where it is still missing, and returns the error to be thrown again.
    error& in_archive(std::string_view path) { return set(archive_, path); }
    error& in_record(std::string_view name) { return set(record_, name); }
    error& at_field(std::string_view path) { return set(field_, path); }
    error& at_offset(std::uint64_t where) {
        if (!offset_) offset_ = where;
        compose();
        return *this;
    }
    error& set_torn() {
        torn_ = true;
        compose();
        return *this;
    }

private:
    error& set(std::string& part, std::string_view text) {
        if (part.empty()) part = text;
        compose();
        return *this;
    }

    void compose() {
        what_ = message_;
        std::string place;
        const auto add = [&](std::string_view label, std::string_view text) {
            if (text.empty()) return;
            place.append(place.empty() ? " [" : ", ").append(label).append(text);
        };
        add("field ", field_);
        add("record ", record_);
        add("archive ", archive_);
        if (offset_) add("at byte ", std::to_string(*offset_));
        if (torn_) add("", "the target's tensor bytes are torn");
        if (!place.empty()) what_ += place + "]";
    }

    errc code_;
    std::string message_, archive_, record_, field_, what_;
    std::optional<std::uint64_t> offset_;
    bool torn_ = false;
};

namespace detail {

[[noreturn]] inline void raise(errc code, std::string message) { throw error(code, std::move(message)); }

[[noreturn]] inline void raise_at(errc code, std::string message, std::string_view record, std::uint64_t offset) {
    error e(code, std::move(message));
    if (!record.empty()) e.in_record(record);
    throw std::move(e.at_offset(offset));
}

/// Sum and product of sizes that come from input. Errors: errc::out_of_range, naming `what`.
[[nodiscard]] inline std::uint64_t checked_add(std::uint64_t a, std::uint64_t b, const char* what) {
    std::uint64_t r = 0;
    if (__builtin_add_overflow(a, b, &r)) raise(errc::out_of_range, std::string(what) + " overflows 64 bits");
    return r;
}

[[nodiscard]] inline std::uint64_t checked_mul(std::uint64_t a, std::uint64_t b, const char* what) {
    std::uint64_t r = 0;
    if (__builtin_mul_overflow(a, b, &r)) raise(errc::out_of_range, std::string(what) + " overflows 64 bits");
    return r;
}

}  // namespace detail
}  // namespace tarc
