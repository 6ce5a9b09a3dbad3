#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <tarc/container/zip_layout.hpp>
#include <tarc/error.hpp>
#include <tarc/io/source.hpp>

/// The end of a ZIP file: which bytes are its directory.
namespace tarc::detail::zip {

/// Throws with the archive's name and the offset in the file.
[[noreturn]] inline void refuse(const source& file, errc code, std::string message, std::uint64_t offset) {
    throw std::move(error(code, std::move(message)).in_archive(file.name()).at_offset(offset));
}

/// Bytes of a source by offset, through a buffer that reads ahead; views live until the next call.
class window {
public:
    window(source& file, std::size_t ahead) : file_(file), ahead_(ahead) {}
    /// Over bytes that were read from `base` on; what they lack is read.
    window(source& file, std::uint64_t base, std::span<const std::byte> have)
        : file_(file), ahead_(0), base_(base), have_(have) {}

    /// `bytes` from `offset` on. The caller has checked that the file has them.
    const std::byte* get(std::uint64_t offset, std::size_t bytes) {
        if (offset < base_ || offset - base_ > have_.size() || have_.size() - (offset - base_) < bytes) {
            const std::uint64_t left = file_.size() - std::min(offset, file_.size());
            const std::size_t wanted = std::max<std::uint64_t>(bytes, std::min<std::uint64_t>(ahead_, left));
            have_ = {};
            buffer_.clear();
            const std::span<std::byte> read(buffer_.extend(wanted), wanted);
            file_.read(offset, read);
            base_ = offset;
            have_ = read;
        }
        return have_.data() + (offset - base_);
    }

private:
    source& file_;
    std::size_t ahead_;
    std::uint64_t base_ = 0;
    std::span<const std::byte> have_;
    buffer buffer_;
};

/// What the end records say, checked against each other and against the size of the file.
struct end_records {
    std::uint64_t entries = 0;
    std::uint64_t directory = 0;        ///< offset
    std::uint64_t directory_bytes = 0;  ///< the directory ends where the end records begin
    bool zip64 = false;
    bool as_torch = false;  ///< every field is what torch's writer puts there
};

/// The offset of the one end record that there may be. A second one that would also reach the end of the file, or one
/// in the comment, means that two tools would see two different archives.
inline std::uint64_t find_end_record(source& file) {
    const std::uint64_t size = file.size();
    const std::size_t tail = std::min<std::uint64_t>(size, end_bytes + full16);
    const std::uint64_t base = size - tail;
    buffer bytes;
    file.read(base, {bytes.extend(tail), tail});
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());

    std::size_t found = text.npos, last = text.npos;
    std::uint64_t last_end = 0;
    for (std::size_t at = 0; (at = text.find("PK\5\6", at)) != text.npos; ++at) {
        last = at;
        last_end = text.size() - at < end_bytes ? ~std::uint64_t{0}
                                                : at + end_bytes + load<std::uint16_t>(bytes.data() + at + 20);
        if (last_end != tail) continue;
        if (found != text.npos) {
            refuse(file, errc::bad_archive, "there are two end records, so tools disagree on what is in this file",
                   base + found);
        }
        found = at;
    }
    if (found != text.npos) {
        if (last != found) refuse(file, errc::bad_archive, "the archive's comment holds an end record", base + last);
        return base + found;
    }

    buffer head(std::min<std::uint64_t>(size, 8));
    file.read(0, head);
    const std::string_view start(reinterpret_cast<const char*>(head.data()), head.size());
    if (start.starts_with("PK\7\10") || start.starts_with("PK00PK")) {
        refuse(file, errc::unsupported, "this is the first part of a split ZIP archive -- join the parts first", 0);
    }
    if (last != text.npos && last_end < tail) {
        refuse(file, errc::bad_archive,
               std::to_string(tail - last_end) + " bytes of other data follow the end of the archive", base + last_end);
    }
    if (last != text.npos || start.starts_with("PK\3\4") || start.empty() ||
        (size < 4 && std::string_view("PK\3\4").starts_with(start))) {
        refuse(file, errc::truncated,
               size == 0 ? "the file is empty"
                         : "the file ends before its directory: the save or the copy that made it was cut short",
               size);
    }
    refuse(file, errc::not_an_archive, "this is no ZIP archive", 0);
}

inline end_records read_end(source& file) {
    constexpr const char* multi_disk = "this is one part of a multi-disk ZIP archive -- join the parts first";
    const std::uint64_t at = find_end_record(file);
    buffer bytes(end_bytes);
    file.read(at, bytes);
    const std::byte* p = bytes.data();
    const auto disk = load<std::uint16_t>(p + 4), start_disk = load<std::uint16_t>(p + 6);
    const auto entries_here = load<std::uint16_t>(p + 8), entries = load<std::uint16_t>(p + 10);
    const auto directory_bytes = load<std::uint32_t>(p + 12), directory = load<std::uint32_t>(p + 16);

    end_records end{entries, directory, directory_bytes, false, false};
    std::uint64_t directory_end = at;
    if (at >= locator_bytes) {
        buffer locator(locator_bytes);
        file.read(at - locator_bytes, locator);
        end.zip64 = load<std::uint32_t>(locator.data()) == locator_signature;
        if (end.zip64) {
            const auto where = load<std::uint64_t>(locator.data() + 8);
            if (load<std::uint32_t>(locator.data() + 4) != 0 || load<std::uint32_t>(locator.data() + 16) != 1) {
                refuse(file, errc::unsupported, multi_disk, at - locator_bytes);
            }
            if (at < locator_bytes + end64_bytes) {
                refuse(file, errc::bad_archive, "there is no room for the ZIP64 end record", at - locator_bytes);
            }
            directory_end = at - locator_bytes - end64_bytes;
            bytes.resize(end64_bytes);
            file.read(directory_end, bytes);
            p = bytes.data();
            if (load<std::uint32_t>(p) != end64_signature || load<std::uint64_t>(p + 4) != end64_bytes - 12) {
                refuse(file, errc::bad_archive, "the ZIP64 end record does not stand before its locator",
                       directory_end);
            }
            if (where != directory_end) {
                refuse(file, errc::bad_archive,
                       where < directory_end ? "the file is prefixed by " + std::to_string(directory_end - where) +
                                                   " bytes, or the locator of the ZIP64 end record is wrong"
                                             : "the locator of the ZIP64 end record points elsewhere",
                       at - locator_bytes);
            }
            if (load<std::uint16_t>(p + 14) > 63) {
                refuse(file, errc::unsupported, "the archive needs a later version of ZIP than there is",
                       directory_end + 14);
            }
            if (load<std::uint64_t>(p + 16) != 0 || load<std::uint64_t>(p + 24) != load<std::uint64_t>(p + 32)) {
                refuse(file, errc::unsupported, multi_disk, directory_end);
            }
            end.entries = load<std::uint64_t>(p + 32);
            end.directory_bytes = load<std::uint64_t>(p + 40);
            end.directory = load<std::uint64_t>(p + 48);
            const auto agrees = [](auto narrow, std::uint64_t wide) {
                return narrow == wide || narrow == static_cast<decltype(narrow)>(~0ull);
            };
            if (!agrees(entries, end.entries) || !agrees(entries_here, end.entries) ||
                !agrees(directory_bytes, end.directory_bytes) || !agrees(directory, end.directory)) {
                refuse(file, errc::bad_archive, "the two end records disagree", at);
            }
            end.as_torch = load<std::uint16_t>(p + 12) == 0x031E && load<std::uint16_t>(p + 14) == 45 && disk == 0 &&
                           start_disk == 0 && entries == low16(end.entries) &&
                           directory_bytes == low32(end.directory_bytes) && directory == low32(end.directory);
        }
    }
    const auto is_disk_zero = [&](std::uint16_t number) { return number == 0 || (end.zip64 && number == full16); };
    if (!is_disk_zero(disk) || !is_disk_zero(start_disk) || entries_here != entries) {
        refuse(file, errc::unsupported, multi_disk, at);
    }
    if (end.directory > directory_end || end.directory_bytes > directory_end - end.directory) {
        refuse(file, errc::bad_archive, "the directory should reach past its end records: bytes are missing before it",
               at);
    }
    if (end.directory + end.directory_bytes != directory_end) {
        refuse(file, errc::bad_archive,
               "the file is prefixed by " + std::to_string(directory_end - end.directory - end.directory_bytes) +
                   " bytes, or the directory is shorter than it is",
               at);
    }
    if (end.entries > end.directory_bytes / central_bytes) {
        refuse(file, errc::bad_archive,
               "the directory cannot hold the " + std::to_string(end.entries) + " entries it claims", at);
    }
    return end;
}

}  // namespace tarc::detail::zip
